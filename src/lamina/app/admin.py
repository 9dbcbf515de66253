"""The admin listener: health, metrics and status for anybody on it, service administration behind a token."""

import asyncio
import hmac
import secrets
from collections.abc import Sequence

import orjson

from lamina.app.registry import Service
from lamina.app.state import PlatformState
from lamina.kernel.contracts import ASGIApp, Receive, Scope, Send
from lamina.kernel.crypto.secret_file import create_secret, read_secret
from lamina.kernel.errors import SecretFileError
from lamina.kernel.observability import metrics
from lamina.kernel.observability.redaction import register_secret
from lamina.kernel.process import Kernel
from lamina.kernel.settings.load import Settings
from lamina.kernel.settings.platform import AdminSettings, PlatformSettings
from lamina.kernel.supervision.children import ChildState
from lamina.kernel.web.respond import Reply, json_response
from lamina.kernel.web.routing import Router

TOKEN_FILE = "admin.token"  # noqa: S105 - a file name
_NOT_FOUND = Reply(404, b'{"message": "Not found", "status": 404}')
_METHOD_NOT_ALLOWED = Reply(405, b'{"message": "Method not allowed", "status": 405}')
_UNAUTHORIZED = Reply(
    401,
    b'{"message": "Send the token of <data-dir>/admin.token as: Authorization: Bearer ...", "status": 401}',
    [(b"www-authenticate", b"Bearer")],
)


def admin_token(settings: Settings) -> str:
    """The bearer token of the admin API: the configured one, else the data directory's, made on first use.

    Raises:
        SecretFileError: the token file is not ours alone.
    """
    configured = settings.get(AdminSettings).token
    if configured is not None:
        return configured.get_secret_value()
    platform = settings.get(PlatformSettings)
    path = platform.data_dir / TOKEN_FILE
    if not path.exists():
        create_secret(path, secrets.token_urlsafe(32).encode() + b"\n")
    token = read_secret(path, allow_readable=platform.allow_readable_secrets).decode().strip()
    if not token:
        raise SecretFileError(f"{path} is empty", hint=f"Remove it; a new one is made: rm {path}")
    register_secret(token)
    return token


async def admin_app(state: PlatformState, services: Sequence[Service], kernel: Kernel, token: str) -> ASGIApp:
    """The listener's routes."""
    router = Router(not_found=_NOT_FOUND, method_not_allowed=_METHOD_NOT_ALLOWED)

    async def livez(_scope: Scope, _receive: Receive, send: Send) -> None:
        await json_response(send, 200, b'{"status": "alive"}')

    async def readyz(_scope: Scope, _receive: Receive, send: Send) -> None:
        reasons = state.reasons()
        document = {"status": "not ready" if reasons else "ready", "reasons": reasons}
        await json_response(send, 503 if reasons else 200, orjson.dumps(document))

    async def status(_scope: Scope, _receive: Receive, send: Send) -> None:
        await json_response(send, 200, orjson.dumps(state.document(), option=orjson.OPT_INDENT_2))

    shown = metrics.registry(lambda: {child.pid: _role(child) for child in state.children if child.pid})

    async def exposition(scope: Scope, receive: Receive, send: Send) -> None:
        body, content_type = await asyncio.to_thread(metrics.render, shown)
        await Reply(200, body, content_type=content_type.encode())(scope, receive, send)

    for path, endpoint in (
        ("/livez", livez),
        ("/readyz", readyz),
        ("/status", status),
        ("/metrics", exposition),
    ):
        router.add(path, {"GET": endpoint})
    for service in services:
        for path, endpoint in (await service.admin(kernel)).items():
            router.add(f"/lamina/{service.NAME}/{path}", {"GET": _guarded(endpoint, token)})
    return router


def _role(child: ChildState) -> metrics.Role:
    """Service and role from a process name such as `ledger.web.1`."""
    service, role, _number = child.name.split(".")
    return service, role


def _guarded(endpoint: ASGIApp, token: str) -> ASGIApp:
    """Let only the holder of the token pass; compared in constant time."""
    wanted = b"Bearer " + token.encode()

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        given = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        await (endpoint if hmac.compare_digest(given, wanted) else _UNAUTHORIZED)(scope, receive, send)

    return guarded
