"""Lists of any length with memory for one page."""

from collections.abc import AsyncIterator, Sequence

from lamina.kernel.contracts import Send
from lamina.kernel.web.respond import JSON_TYPE, json_response
from lamina.services.ledger import render


async def stream_array(send: Send, pages: AsyncIterator[Sequence[bytes]]) -> None:
    """Send a JSON list whose documents arrive page by page.

    The first page is read before the first byte is sent, so that a failing database is still a clean error;
    one page is one ordinary response.
    """
    first = await anext(pages, ())
    second = await anext(pages, None)
    if second is None:
        await json_response(send, 200, render.array(first) + b"\n")
        return
    await send({"type": "http.response.start", "status": 200, "headers": [JSON_TYPE]})
    await _send_part(send, b"[" + b", ".join(first))
    await _send_part(send, _continued(second))
    async for page in pages:
        await _send_part(send, _continued(page))
    await send({"type": "http.response.body", "body": b"]\n"})


def _continued(page: Sequence[bytes]) -> bytes:
    return b"".join(b", " + document for document in page)


async def _send_part(send: Send, part: bytes) -> None:
    await send({"type": "http.response.body", "body": part, "more_body": True})
