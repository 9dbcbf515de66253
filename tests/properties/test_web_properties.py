"""Whatever a client sends, parsing answers with values or a declared refusal."""

from hypothesis import given, settings
from hypothesis import strategies as st

from lamina.kernel.web.params import QueryTooLarge, parse_query
from lamina.kernel.web.peer import TrustedProxies
from lamina.kernel.web.respond import Reply
from lamina.kernel.web.routing import Router

QUERY_BYTES = st.one_of(st.binary(max_size=300), st.text("ab=&%+;4fF0\x00é", max_size=100).map(str.encode))


@settings(max_examples=200, deadline=None)
@given(QUERY_BYTES)
def test_query_parsing_never_fails_otherwise(raw: bytes):
    try:
        pairs = parse_query(raw, count_max=20, length_max=200)
    except QueryTooLarge:
        assert len(raw) > 200 or raw.count(b"&") >= 20
        return
    for name, value in pairs:
        assert "\x00" not in name + value
        (name + value).encode()


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=60), max_size=4))
def test_forwarding_headers_never_fail(values: list[bytes]):
    assert TrustedProxies(["10.0.0.0/8"]).client_address("10.0.0.1", values)


@settings(max_examples=200, deadline=None)
@given(st.text("/a%2fF0é{}.", max_size=40))
async def test_routing_never_fails(path: str):
    async def endpoint(scope, receive, send) -> None:
        value = scope.get("path_params", {}).get("id", "")
        assert "\x00" not in value
        value.encode()

    async def send(message) -> None:
        pass

    refusal = Reply(404, b"")
    router = Router(not_found=refusal, method_not_allowed=refusal)
    for template in ("/", "/a", "/a/{id}", "/{id}/a"):
        router.add(template, {"GET": endpoint})
    raw = ("/" + path).encode("ascii", "ignore")
    await router(
        {"type": "http", "method": "GET", "path": "/" + path, "raw_path": raw, "headers": []}, None, send
    )
