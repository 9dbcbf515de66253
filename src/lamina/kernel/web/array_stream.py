"""Lists of any length with memory for one page."""

from collections.abc import AsyncIterator, Sequence

from lamina.kernel.contracts import Send
from lamina.kernel.web.respond import JSON_TYPE, json_response


async def stream_array(send: Send, pages: AsyncIterator[Sequence[bytes]]) -> None:
    """Send a JSON list whose documents arrive page by page.

    The first page is read before the first byte is sent, so that a failing database is still a clean error;
    a list of one page is an ordinary response.
    """
    parts = _Parts(send)
    held: Sequence[bytes] | None = None
    async for page in pages:
        if held is not None:
            await parts.send(held)
        held = page
    await parts.end(held or ())


class _Parts:
    """The pieces of one list; headers go out with the first."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._opening = b"["

    async def send(self, page: Sequence[bytes]) -> None:
        """A page that is not the last."""
        if self._opening == b"[":
            await self._send({"type": "http.response.start", "status": 200, "headers": [JSON_TYPE]})
        body = self._opening + b", ".join(page)
        await self._send({"type": "http.response.body", "body": body, "more_body": True})
        self._opening = b", "

    async def end(self, page: Sequence[bytes]) -> None:
        """The last page."""
        if self._opening == b"[":
            await json_response(self._send, 200, b"[" + b", ".join(page) + b"]\n")
            return
        tail = self._opening + b", ".join(page) if page else b""
        await self._send({"type": "http.response.body", "body": tail + b"]\n"})
