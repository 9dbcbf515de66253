"""Which endpoint answers which path and method."""

from urllib.parse import unquote

import pytest

from lamina.kernel.web.respond import Reply
from lamina.kernel.web.routing import ROUTE_KEY, Router

NOT_FOUND = Reply(404, b"not found")
NOT_ALLOWED = Reply(405, b"not allowed")


class Endpoint:
    """Remembers the scopes it was called with."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.scopes: list[dict] = []

    async def __call__(self, scope, receive, send) -> None:
        self.scopes.append(scope)
        await Reply(200, self.name.encode())(scope, receive, send)


class Answer:
    """What came out of the router."""

    def __init__(self, scope: dict, messages: list[dict]) -> None:
        start, *rest = messages
        self.scope = scope
        self.type = start["type"]
        self.status = start["status"]
        self.headers = dict(start["headers"])
        self.body = b"".join(message["body"] for message in rest)


async def ask(router: Router, path: str, method: str = "GET", kind: str = "http", **headers: bytes) -> Answer:
    scope = {
        "type": kind,
        "method": method,
        "path": unquote(path),
        "raw_path": path.encode(),
        "headers": [(name.replace("_", "-").encode(), value) for name, value in headers.items()],
    }
    messages: list[dict] = []

    async def send(message: dict) -> None:
        messages.append(message)

    await router(scope, None, send)
    return Answer(scope, messages)


def router_of(*templates: str, **options: object) -> Router:
    router = Router(not_found=NOT_FOUND, method_not_allowed=NOT_ALLOWED, **options)
    for template in templates:
        router.add(template, {"GET": Endpoint(template)})
    return router


ROUTER = router_of("/", "/api/v1", "/api/v1/items", "/api/v1/items/{id}", "/accounts/{id}/items", "/{any}")


@pytest.mark.parametrize(
    ("path", "template", "parameters"),
    [
        ("/", "/", {}),
        ("/api/v1", "/api/v1", {}),
        ("/api/v1/", "/api/v1", {}),
        ("/api/v1/items/", "/api/v1/items", {}),
        ("/api/%76%31/items", "/api/v1/items", {}),
        ("/api/v1/items/abc", "/api/v1/items/{id}", {"id": "abc"}),
        ("/api/v1/items/abc/", "/api/v1/items/{id}", {"id": "abc"}),
        ("/api/v1/items/a%2Fb", "/api/v1/items/{id}", {"id": "a/b"}),
        ("/api/v1/items/a%252Fb", "/api/v1/items/{id}", {"id": "a%2Fb"}),
        ("/api/v1/items/%C3%A9", "/api/v1/items/{id}", {"id": "é"}),
        ("/api/v1/items/%zz", "/api/v1/items/{id}", {"id": "%zz"}),
        ("/api/v1/items/{id}", "/api/v1/items/{id}", {"id": "{id}"}),
        ("/accounts/a/items", "/accounts/{id}/items", {"id": "a"}),
        ("/anything", "/{any}", {"any": "anything"}),
        ("/api%2Fv1", "/{any}", {"any": "api/v1"}),
    ],
)
async def test_routes(path: str, template: str, parameters: dict):
    answer = await ask(ROUTER, path)
    assert (answer.status, answer.body.decode()) == (200, template)
    assert answer.scope.get("path_params", {}) == parameters
    assert answer.scope[ROUTE_KEY] == template


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1//",
        "//api/v1",
        "/api//v1",
        "/api/v2/items",
        "/api/v1/items/abc/def",
        "/api/v1/items//",
        "/accounts//items",
        "/accounts/a/items/b",
        "/API/v1",
        "/api/v1/items/%FF",
        "/api/v1/items/a%00",
        "//",
    ],
)
async def test_unknown_paths(path: str):
    answer = await ask(ROUTER, path)
    assert (answer.status, answer.body) == (404, b"not found")
    assert ROUTE_KEY not in answer.scope


async def test_head_is_get_without_body():
    answer = await ask(ROUTER, "/api/v1", "HEAD")
    assert (answer.status, answer.body, answer.headers[b"content-length"]) == (200, b"", b"7")


async def test_own_head_and_options_win():
    router = router_of()
    router.add("/x", {"GET": Endpoint("get"), "HEAD": Endpoint("head"), "OPTIONS": Endpoint("options")})
    assert (await ask(router, "/x", "HEAD")).body == b"head"
    assert (await ask(router, "/x", "OPTIONS")).body == b"options"


async def test_wrong_method_names_the_right_ones():
    router = router_of()
    router.add("/x", {"GET": Endpoint("x"), "POST": Endpoint("x")})
    answer = await ask(router, "/x/", "DELETE")
    assert (answer.status, answer.body) == (405, b"not allowed")
    assert answer.headers[b"allow"] == b"GET, HEAD, OPTIONS, POST"


async def test_options_without_and_with_preflight():
    router = router_of()
    router.add("/x", {"GET": Endpoint("x"), "POST": Endpoint("x")})
    plain = await ask(router, "/x", "OPTIONS", origin=b"https://a.example")
    assert (plain.status, plain.body) == (200, b"")
    assert plain.headers == {
        b"content-type": b"text/html; charset=utf-8",
        b"content-length": b"0",
        b"allow": b"GET, HEAD, OPTIONS, POST",
    }
    asked = {"origin": b"https://a.example", "access_control_request_method": b"POST"}
    preflight = await ask(
        router, "/x", "OPTIONS", **asked, access_control_request_headers=b"X-A, content-type"
    )
    assert preflight.headers[b"access-control-allow-headers"] == b"X-A, content-type"
    assert (
        preflight.headers[b"access-control-allow-methods"] == b"DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
    )
    bare = await ask(router, "/x", "OPTIONS", **asked)
    assert b"access-control-allow-headers" not in bare.headers


async def test_websocket_paths():
    router = router_of("/x")
    router.add_websocket("/ws", Endpoint("socket"))
    assert (await ask(router, "/ws/", kind="websocket")).type == "websocket.http.response.start"
    assert (await ask(router, "/ws", kind="websocket")).body == b"socket"
    assert (await ask(router, "/x", kind="websocket")).status == 404
    plain = await ask(router, "/ws")
    assert (plain.status, plain.headers[b"upgrade"]) == (426, b"websocket")


async def test_a_path_may_serve_both():
    router = router_of("/")
    router.add_websocket("/", Endpoint("socket"))
    assert (await ask(router, "/")).body == b"/"
    assert (await ask(router, "/", kind="websocket")).body == b"socket"


@pytest.mark.parametrize("template", ["/x", "/x/", "/y/{other}", "/{a}/{b}"])
def test_unclear_routes_are_refused(template: str):
    router = router_of("/x", "/y/{id}")
    with pytest.raises(ValueError, match=r"routed already|one parameter"):
        router.add(template, {"GET": Endpoint("again")})
