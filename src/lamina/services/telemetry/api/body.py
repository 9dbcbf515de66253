"""Bodies of POSTs: one JSON object whose fields have the types they must have (spec 6.1, 6.7)."""

from typing import Any, TypeVar

import msgspec

from lamina.kernel.contracts import Receive, Scope
from lamina.kernel.web.body import read_body
from lamina.services.telemetry.errors import BadBody

T = TypeVar("T")


async def read(scope: Scope, receive: Receive, bytes_max: int) -> bytes:
    """The body of a JSON request.

    Raises:
        BadBody: it is not declared to be JSON, or is no UTF-8.
        BodyTooLarge: see there.
    """
    declared = next((value for name, value in scope["headers"] if name == b"content-type"), b"")
    if declared.partition(b";")[0].strip().lower() != b"application/json":
        raise BadBody("Content type error: send the body as application/json")
    body = await read_body(scope, receive, bytes_max)
    try:
        body.decode()
    except UnicodeDecodeError:
        raise BadBody("Json deserialize error: the body is not UTF-8") from None
    if b"\\u0000" in body:
        raise BadBody("Json deserialize error: U+0000 cannot be stored")
    return body


def decode(body: bytes, kind: type[T]) -> T:
    """Type a body.

    Args:
        body: from `read`.
        kind: a struct; unknown fields are ignored.

    Raises:
        BadBody: it is not JSON, or not of that kind.
    """
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadBody(f"Json deserialize error: {error}") from None


def members(body: bytes) -> dict[str, msgspec.Raw]:
    """The names of a body's members, to tell which kind it is.

    Raises:
        BadBody: it is no JSON object.
    """
    found: dict[str, Any] = decode(body, dict[str, msgspec.Raw])
    return found
