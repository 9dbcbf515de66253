"""From path and method to an ASGI endpoint, by dictionary."""

from collections.abc import Awaitable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from lamina.kernel.contracts import ASGIApp, Message, Receive, Scope, Send
from lamina.kernel.web.respond import Header, Reply

ROUTE_KEY = "lamina.route"
"""Where the matched route's template is left in the scope, for metrics with bounded labels."""

PREFLIGHT_METHODS = b"DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"

UPGRADE_REQUIRED = Reply(
    426,
    b'{"message": "This address speaks websocket only", "status": 426}',
    [(b"upgrade", b"websocket"), (b"connection", b"upgrade")],
)


@dataclass(frozen=True, slots=True)
class _Route:
    template: str
    endpoints: Mapping[str, ASGIApp]
    refusal: ASGIApp
    parameter: str | None = None


class Router:
    """Routes with at most one `{parameter}`; both trailing-slash forms are the same route.

    HEAD is answered by GET's endpoint, OPTIONS by the router (spec/ledger.md section 3), a wrong method by
    the service's 405 with `Allow`.
    """

    def __init__(self, *, not_found: Reply, method_not_allowed: Reply) -> None:
        """Start without routes.

        Args:
            not_found: the service's answer to an unknown path.
            method_not_allowed: the service's answer to a wrong method; `Allow` is added.
        """
        self._not_found = not_found
        self._method_not_allowed = method_not_allowed
        self._exact: dict[str, _Route] = {}
        self._patterns: dict[tuple[str, ...], _Route] = {}
        self._prefixes: dict[str, _Route] = {}
        self._parameter_positions: tuple[int, ...] = ()
        self._websockets: dict[str, ASGIApp] = {}

    def add(self, template: str, endpoints: Mapping[str, ASGIApp]) -> None:
        """Route a path.

        Args:
            template: a path, one segment of which may be `{name}`; the endpoint finds the decoded value in
                `scope["path_params"]["name"]`.
            endpoints: an ASGI callable for each method.

        Raises:
            ValueError: the template has more than one parameter, or is routed already.
        """
        segments = _segments(template)
        names = [(at, part[1:-1]) for at, part in enumerate(segments) if part.startswith("{")]
        if len(names) > 1:
            raise ValueError(f"{template}: one parameter at most")
        table = _method_table(endpoints)
        allow = (b"allow", ", ".join(sorted({*table, "OPTIONS"})).encode())
        table.setdefault("OPTIONS", _Options(allow))
        refusal = self._method_not_allowed.with_headers(allow)
        if not names:
            self._insert_exact(template, _Route(template, table, refusal))
            return
        position, name = names[0]
        self._insert_pattern(segments, position, _Route(template, table, refusal, name))

    def methods(self) -> Mapping[str, AbstractSet[str]]:
        """Each routed template with the methods it answers, HEAD and OPTIONS included."""
        routes = (*self._exact.values(), *self._patterns.values())
        return {route.template: route.endpoints.keys() for route in routes}

    def add_websocket(self, path: str, endpoint: ASGIApp) -> None:
        """Route a websocket path; a plain request for it is answered 426."""
        for form in _slash_forms(path):
            self._websockets[form] = endpoint

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Find the endpoint and hand over."""
        if scope["type"] == "websocket":
            return self._websockets.get(scope["path"], self._not_found)(scope, receive, send)
        # A percent escape may hide a slash or spell a path differently: whole segments are decoded, apart.
        route = None if b"%" in scope["raw_path"] else self._exact.get(scope["path"]) or self._prefixed(scope)
        if route is None:
            route = self._match(scope)
        if route is None:
            return self._unrouted(scope)(scope, receive, send)
        scope[ROUTE_KEY] = route.template
        return route.endpoints.get(scope["method"], route.refusal)(scope, receive, send)

    def _insert_exact(self, template: str, route: _Route) -> None:
        for form in _slash_forms(template):
            if form in self._exact:
                raise ValueError(f"{template}: routed already")
            self._exact[form] = route

    def _insert_pattern(self, segments: list[str], position: int, route: _Route) -> None:
        key = _pattern_key(segments, position)
        if key in self._patterns:
            raise ValueError(f"{route.template}: routed already")
        self._patterns[key] = route
        if position == len(segments) - 1:
            self._prefixes["/" + "/".join(segments[:position])] = route
        self._parameter_positions = tuple(sorted({*self._parameter_positions, position}, reverse=True))

    def _prefixed(self, scope: Scope) -> _Route | None:
        """Find the route of a plain path whose last segment is the parameter, as most are."""
        prefix, _, last = scope["path"].rpartition("/")
        route = self._prefixes.get(prefix) if last else None
        if route is not None:
            scope["path_params"] = {route.parameter: last}
        return route

    def _match(self, scope: Scope) -> _Route | None:
        """Find a route by its decoded segments, exact ones first, and leave the parameter in the scope."""
        segments = _decoded_segments(scope["raw_path"])
        if segments is None:
            return None
        if all(segments) and not any("/" in part for part in segments):
            exact = self._exact.get("/" + "/".join(segments))
            if exact is not None:
                return exact
        for position in self._parameter_positions:
            if position < len(segments) and segments[position]:
                route = self._patterns.get(_pattern_key(segments, position))
                if route is not None:
                    scope["path_params"] = {route.parameter: segments[position]}
                    return route
        return None

    def _unrouted(self, scope: Scope) -> ASGIApp:
        return UPGRADE_REQUIRED if scope["path"] in self._websockets else self._not_found


class _Options:
    """The answer to OPTIONS (spec/ledger.md section 3): 200, empty, `Allow`; more for a preflight."""

    def __init__(self, allow: Header) -> None:
        self._reply = Reply(200, b"", [allow], content_type=b"text/html; charset=utf-8")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked: dict[bytes, bytes] = dict(scope["headers"])
        reply = self._reply
        if b"origin" in asked and b"access-control-request-method" in asked:
            reply = reply.with_headers((b"access-control-allow-methods", PREFLIGHT_METHODS))
            wanted = asked.get(b"access-control-request-headers")
            if wanted:
                reply = reply.with_headers((b"access-control-allow-headers", wanted))
        await reply(scope, receive, send)


class _Head:
    """GET's answer without its body."""

    def __init__(self, get: ASGIApp) -> None:
        self._get = get

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self._get(scope, receive, send_head)


def _method_table(endpoints: Mapping[str, ASGIApp]) -> dict[str, ASGIApp]:
    table = dict(endpoints)
    if "GET" in table:
        table.setdefault("HEAD", _Head(table["GET"]))
    return table


def _slash_forms(path: str) -> Iterable[str]:
    bare = path.rstrip("/")
    return {bare or "/", f"{bare}/"}


def _segments(path: str) -> list[str]:
    """A path's segments; one trailing slash is not a segment."""
    return path.removeprefix("/").removesuffix("/").split("/")


def _pattern_key(segments: list[str], position: int) -> tuple[str, ...]:
    return (*segments[:position], "{}", *segments[position + 1 :])


def _decoded_segments(raw_path: bytes) -> list[str] | None:
    """Each segment decoded by itself; None when one cannot be a name (not UTF-8, or holds U+0000)."""
    try:
        segments = [unquote_to_bytes(part).decode() for part in _segments(raw_path.decode("ascii"))]
    except UnicodeDecodeError:
        return None
    return None if any("\x00" in part for part in segments) else segments
