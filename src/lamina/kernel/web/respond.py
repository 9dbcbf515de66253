"""Responses as the two ASGI messages they are, built once where they never change."""

from collections.abc import Iterable

from lamina.kernel.contracts import Receive, Scope, Send

Header = tuple[bytes, bytes]

JSON_TYPE: Header = (b"content-type", b"application/json")


async def json_response(send: Send, status: int, body: bytes, headers: Iterable[Header] = ()) -> None:
    """Send a whole JSON response.

    Args:
        send: the ASGI channel.
        status: the HTTP status.
        body: the encoded document.
        headers: more headers, names in lower case.
    """
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [JSON_TYPE, (b"content-length", b"%d" % len(body)), *headers],
        }
    )
    await send({"type": "http.response.body", "body": body})


class Reply:
    """A response that is always the same; an ASGI application for HTTP and for websocket handshakes."""

    __slots__ = ("body", "headers", "status")

    def __init__(
        self, status: int, body: bytes, headers: Iterable[Header] = (), *, content_type: bytes = JSON_TYPE[1]
    ) -> None:
        """Build the response.

        Args:
            status: the HTTP status.
            body: the encoded body.
            headers: more headers, names in lower case; a content type among them stands in place of the next.
            content_type: what the body is.
        """
        self.status = status
        self.body = body
        self.headers: list[Header] = [(b"content-length", b"%d" % len(body)), *headers]
        if not any(name == JSON_TYPE[0] for name, _ in self.headers):
            self.headers.insert(0, (JSON_TYPE[0], content_type))

    def with_headers(self, *headers: Header) -> "Reply":
        """The same response with more headers."""
        reply = Reply(self.status, self.body)
        reply.headers = [*self.headers, *headers]
        return reply

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse a websocket handshake."""
        kind = "websocket.http" if scope["type"] == "websocket" else "http"
        await send({"type": f"{kind}.response.start", "status": self.status, "headers": self.headers})
        await send({"type": f"{kind}.response.body", "body": self.body})
