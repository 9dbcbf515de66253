"""Reading a request body into memory, never more of it than the endpoint allows."""

from lamina.kernel.contracts import Receive, Scope
from lamina.kernel.errors import LaminaError


class BodyTooLarge(LaminaError):
    """The request body is larger than this endpoint accepts."""

    code = "body_too_large"
    http_status = 413


class ClientGone(LaminaError):
    """The client closed the connection before the exchange was complete."""

    code = "client_gone"
    http_status = 499


async def read_body(scope: Scope, receive: Receive, bytes_max: int) -> bytes:
    """Read the whole request body.

    Args:
        scope: the request; its Content-Length is checked before anything is read.
        receive: the ASGI channel.
        bytes_max: the most bytes accepted; reading stops at the first chunk that passes it.

    Returns:
        The body.

    Raises:
        BodyTooLarge: by declaration or by count (distribution-and-reliability.md section 14).
        ClientGone: the client left before the body was complete.
    """
    declared = _declared_length(scope)
    if declared > bytes_max:
        raise BodyTooLarge(limit=bytes_max, declared=declared)
    message = await receive()
    body: bytes = message.get("body", b"")
    if message["type"] == "http.request" and not message.get("more_body", False) and len(body) <= bytes_max:
        return body
    chunks: list[bytes] = []
    size = 0
    while True:
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > bytes_max:
            raise BodyTooLarge(limit=bytes_max)
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)
        message = await receive()


def _declared_length(scope: Scope) -> int:
    """The request's Content-Length, which the server has already held to be a number; 0 when chunked."""
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value)
    return 0
