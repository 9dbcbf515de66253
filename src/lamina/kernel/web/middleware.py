"""What surrounds every request of every service: id, client address, timeout, error guard, CORS, hooks.

One pure ASGI wrapper instead of six, so that the hot path pays for one frame and one `send`. It renders no
service's errors itself; the service hands that in.
"""

import asyncio
import contextlib
import itertools
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar

import orjson
import structlog
from structlog.contextvars import STRUCTLOG_KEY_PREFIX

from lamina.kernel.contracts import ASGIApp, Message, Receive, Scope, Send
from lamina.kernel.errors import LaminaError
from lamina.kernel.web.body import ClientGone
from lamina.kernel.web.deadlines import Deadlines, Task
from lamina.kernel.web.peer import TrustedProxies
from lamina.kernel.web.respond import Header, Reply
from lamina.kernel.web.routing import ROUTE_KEY

RenderedError = tuple[int, bytes, Sequence[Header]]
RenderError = Callable[[LaminaError], RenderedError]
OnResponse = Callable[[str, str, str, int, int, float, str, str], None]
"""Called as (method, path, query, status, body bytes, duration in seconds, request id, client address)."""
OnMeasure = Callable[[str, str, int, int, float], None]
"""Called as (method, route template, status, body bytes, duration in seconds)."""

REQUEST_ID: ContextVar[str] = ContextVar(f"{STRUCTLOG_KEY_PREFIX}request_id")
"""The id of the request being served; by this name structlog's merge_contextvars puts it on log lines."""

RETRY_AFTER: Header = (b"retry-after", b"1")
CLOSE: Header = (b"connection", b"close")
ANY_ORIGIN: Header = (b"access-control-allow-origin", b"*")
VARY_ORIGIN: Header = (b"vary", b"Origin")
UNROUTED = "unrouted"
SWITCHED = 101
INTERNAL_ERROR: RenderedError = (500, b'{"message": "Internal Server Error"}', ())

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)
_sane_id = re.compile(rb"[A-Za-z0-9._-]{1,64}").fullmatch
_id_prefix = secrets.token_hex(4).encode()
_id_numbers = itertools.count()


class RequestTimeout(LaminaError):
    """The request took longer than this server allows."""

    code = "request_timeout"
    http_status = 503
    retryable = True


def render_error(error: LaminaError) -> RenderedError:
    """The plain shape: `{"message": text, "status": code}`."""
    body = orjson.dumps({"message": error.detail, "status": error.http_status})
    return error.http_status, body, ()


class HttpMiddleware:
    """Wraps a service's application."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        request_timeout_s: float,
        render_error: RenderError = render_error,
        cors: bool = True,
        proxies: TrustedProxies | None = None,
        on_response: OnResponse | None = None,
        on_measure: OnMeasure | None = None,
    ) -> None:
        """Wrap.

        Args:
            app: the service's router.
            request_timeout_s: from the call to the first response byte; a stream may then last.
            render_error: the service's wire shape of a known error.
            cors: whether pages of any origin may read the answers, never with credentials.
            proxies: whose X-Forwarded-For is believed.
            on_response: writes the access log; a websocket is reported when it ends, as status 101.
            on_measure: counts and times; accepted websockets are not requests of any duration.
        """
        self._app = app
        self._deadlines = Deadlines(request_timeout_s)
        self._render_error = render_error
        self._cors = cors
        self._proxies = proxies or TrustedProxies()
        self._on_response = on_response
        self._on_measure = on_measure

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one request or one websocket."""
        exchange = _Exchange(scope, send, self._deadlines, cors=self._cors)
        if exchange.forwarded and scope["client"]:
            self._believe_proxy(scope)
        REQUEST_ID.set(exchange.request_id)
        serve = self._serve_websocket if scope["type"] == "websocket" else self._serve_http
        return serve(exchange, receive)

    def _believe_proxy(self, scope: Scope) -> None:
        """Put the address a trusted proxy vouches for in the peer's place."""
        hops = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
        peer, port = scope["client"]
        client = self._proxies.client_address(peer, hops)
        scope["client"] = (client, port if client == peer else 0)

    async def _serve_http(self, exchange: "_Exchange", receive: Receive) -> None:
        exchange.task = task = self._deadlines.watch()
        try:
            await self._app(exchange.scope, receive, exchange.send)
        except asyncio.CancelledError:
            if not self._deadlines.expired(task):
                raise
            await self._fail(exchange, RequestTimeout())
        except Exception as error:  # noqa: BLE001 - the last guard
            await self._fail(exchange, error)
        finally:
            self._deadlines.release(task)
            self._report(exchange)

    async def _serve_websocket(self, exchange: "_Exchange", receive: Receive) -> None:
        try:
            await self._app(exchange.scope, receive, exchange.send_websocket)
        except Exception as error:  # noqa: BLE001 - the last guard
            await self._fail(exchange, error)
        finally:
            self._report(exchange)

    async def _fail(self, exchange: "_Exchange", error: Exception) -> None:
        """Answer with the error unless an answer is under way; a cut answer shows by its missing end."""
        if isinstance(error, ClientGone):
            exchange.status = exchange.status or error.http_status
            return
        status, body, headers = self._describe(exchange, error)
        with contextlib.suppress(ClientGone):
            if not exchange.status:
                await Reply(status, body, headers)(exchange.scope, _nothing_to_receive, exchange.channel())
            elif exchange.scope["type"] == "websocket":
                await exchange.send_websocket({"type": "websocket.close", "code": 1011})

    def _describe(self, exchange: "_Exchange", error: Exception) -> RenderedError:
        """What the client is told; what it is not told goes to the log."""
        if not isinstance(error, LaminaError):
            _log.error("request failed", method=exchange.method, path=exchange.path, exc_info=error)
            return INTERNAL_ERROR
        if error.http_status >= 500:
            _log.warning(
                "request refused",
                method=exchange.method,
                path=exchange.path,
                code=error.code,
                detail=error.detail,
            )
        status, body, headers = self._render_error(error)
        return status, body, (*headers, *_STATUS_HEADERS.get(status, ()))

    def _report(self, exchange: "_Exchange") -> None:
        if self._on_measure is None and self._on_response is None:
            return
        duration_s = time.perf_counter() - exchange.started
        method, status, body_bytes = exchange.method, exchange.status, exchange.body_bytes
        if self._on_measure is not None and status != SWITCHED:
            self._on_measure(method, exchange.route, status, body_bytes, duration_s)
        if self._on_response is not None:
            place = method, exchange.path, exchange.query
            self._on_response(*place, status, body_bytes, duration_s, exchange.request_id, exchange.peer)


_STATUS_HEADERS: dict[int, Sequence[Header]] = {413: (CLOSE,), 503: (RETRY_AFTER,)}
"""Headers that follow from the status: the rest of a refused body is not read; an overload passes."""


class _Exchange:
    """One request and what is known of its response."""

    __slots__ = (
        "_deadlines",
        "_send",
        "body_bytes",
        "extra_headers",
        "forwarded",
        "request_id",
        "scope",
        "started",
        "status",
        "task",
    )

    task: Task

    def __init__(self, scope: Scope, send: Send, deadlines: Deadlines, *, cors: bool) -> None:
        self.scope = scope
        self.started = time.perf_counter()
        self.status = 0
        self.body_bytes = 0
        self._send = send
        self._deadlines = deadlines
        self.forwarded = False
        identity = origin = None
        for name, value in scope["headers"]:
            if name == b"x-request-id":
                identity = value
            elif name == b"origin":
                origin = value
            elif name == b"x-forwarded-for":
                self.forwarded = True
        if identity is None or not _sane_id(identity):
            identity = b"%b-%x" % (_id_prefix, next(_id_numbers))
        self.request_id: str = identity.decode("ascii")
        self.extra_headers: list[Header] = [(b"x-request-id", identity)]
        if cors:
            self.extra_headers += _allow(origin)

    @property
    def method(self) -> str:
        return self.scope.get("method", "GET")

    @property
    def path(self) -> str:
        """The path as the client wrote it: still escaped, so it cannot break a log line."""
        return self.scope["raw_path"].decode("ascii", "replace")

    @property
    def query(self) -> str:
        """The query as the client wrote it."""
        return self.scope["query_string"].decode("ascii", "replace")

    @property
    def route(self) -> str:
        return self.scope.get(ROUTE_KEY, UNROUTED)

    @property
    def peer(self) -> str:
        client = self.scope.get("client")
        return client[0] if client else ""

    def channel(self) -> Send:
        return self.send if self.scope["type"] == "http" else self.send_websocket

    def send(self, message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            message = self._started(message)
            self._deadlines.release(self.task)
        else:
            self.body_bytes += len(message.get("body", b""))
        return self._send(message)

    async def send_websocket(self, message: Message) -> None:
        kind: str = message["type"]
        if kind == "websocket.http.response.start":
            message = self._started(message)
        elif kind == "websocket.accept":
            self.status = SWITCHED
        elif kind == "websocket.close" and not self.status:
            self.status = 403
        try:
            await self._send(message)
        except OSError as error:
            # ASGI: a server raises a kind of OSError when the peer of a websocket has left.
            raise ClientGone from error

    def _started(self, message: Message) -> Message:
        self.status = message["status"]
        return {
            "type": message["type"],
            "status": self.status,
            "headers": [*message.get("headers", ()), *self.extra_headers],
        }


def _allow(origin: bytes | None) -> Sequence[Header]:
    """Name the asking origin; a cache must then keep the answers apart (spec/ledger.md section 3)."""
    if origin is None:
        return (ANY_ORIGIN,)
    return (b"access-control-allow-origin", origin), VARY_ORIGIN


async def _nothing_to_receive() -> Message:
    return {"type": "http.disconnect"}
