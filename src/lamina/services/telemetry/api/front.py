"""`/`: nodes speak websocket here; people are shown to the pages."""

from lamina.kernel.contracts import Receive, Scope, Send
from lamina.kernel.web.respond import Reply

LIVE_PAGE = "/dashboard/live"
_TEXT = b"text/plain; charset=utf-8"
_NO_UPGRADE = Reply(
    400, b"No WebSocket UPGRADE header found. Nodes connect here; the pages are at /dashboard/live\n",
    content_type=_TEXT,
)  # fmt: skip
_TO_LIVE_PAGE = Reply(303, b"", [(b"location", LIVE_PAGE.encode())], content_type=_TEXT)


async def front(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request that is no websocket handshake."""
    wanted = next((value for name, value in scope["headers"] if name == b"accept"), b"")
    await (_TO_LIVE_PAGE if b"text/html" in wanted else _NO_UPGRADE)(scope, receive, send)
