"""Paths as the original's clients write them (spec/telemetry.md 2)."""

import re
from collections.abc import Awaitable

from lamina.kernel.contracts import ASGIApp, Receive, Scope, Send

PREFIX = "/telemetry"
_GIVEN = "telemetry.given_path"
_SLASHES = re.compile("/{2,}")


class Normalised:
    """Collapses repeated slashes and takes off the service's prefix before routing; nothing is redirected."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap a router."""
        self._app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Route the path that is meant."""
        path = scope["path"]
        if "//" in path or path.startswith(PREFIX):
            scope[_GIVEN] = path
            scope["path"] = _normalised(path)
            scope["raw_path"] = _normalised(scope["raw_path"].decode("latin-1")).encode("latin-1")
        return self._app(scope, receive, send)


def given_path(scope: Scope) -> str:
    """The path as the client wrote it, which is what its relative links and ours begin at."""
    return scope.get(_GIVEN, scope["path"])


def _normalised(path: str) -> str:
    path = _SLASHES.sub("/", path)
    rest = path.removeprefix(PREFIX)
    return rest or "/" if rest.startswith("/") or not rest else path
