"""Responses as ASGI messages."""

from lamina.kernel.web.respond import Reply, json_response


async def sent(call) -> list[dict]:
    messages: list[dict] = []

    async def send(message: dict) -> None:
        messages.append(message)

    await call(send)
    return messages


async def test_json_response():
    start, body = await sent(lambda send: json_response(send, 202, b"{}", [(b"location", b"../x")]))
    assert start["status"] == 202
    assert start["headers"] == [
        (b"content-type", b"application/json"),
        (b"content-length", b"2"),
        (b"location", b"../x"),
    ]
    assert body == {"type": "http.response.body", "body": b"{}"}


async def test_reply_speaks_to_both_kinds_of_scope():
    reply = Reply(404, b"no", [(b"x", b"y")], content_type=b"text/plain")
    for kind, prefix in (("http", "http"), ("websocket", "websocket.http")):
        start, body = await sent(lambda send, kind=kind: reply({"type": kind}, None, send))
        assert (start["type"], body["type"]) == (f"{prefix}.response.start", f"{prefix}.response.body")
        assert start["headers"] == [(b"content-type", b"text/plain"), (b"content-length", b"2"), (b"x", b"y")]


def test_with_headers_leaves_the_original_alone():
    reply = Reply(405, b"no", content_type=b"text/plain")
    more = reply.with_headers((b"allow", b"GET"))
    assert (b"allow", b"GET") in more.headers
    assert (b"content-type", b"text/plain") in more.headers
    assert (b"allow", b"GET") not in reply.headers
