"""`/`: nodes speak websocket here; people are shown to the pages."""

from lamina.kernel.contracts import Receive, Scope, Send
from lamina.kernel.web.respond import Reply
from lamina.services.telemetry.api.paths import PREFIX, given_path

LIVE_PAGE = "/dashboard/live"
_TEXT = b"text/plain; charset=utf-8"
_NO_UPGRADE = Reply(
    400, b"No WebSocket UPGRADE header found. Nodes connect here; the pages are at /dashboard/live\n",
    content_type=_TEXT,
)  # fmt: skip


async def front(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request that is no websocket handshake."""
    wanted = next((value for name, value in scope["headers"] if name == b"accept"), b"")
    reply = _NO_UPGRADE
    if b"text/html" in wanted:
        # A proxy may forward nothing but the prefix.
        prefix = PREFIX if given_path(scope).lstrip("/").startswith(PREFIX[1:]) else ""
        reply = Reply(303, b"", [(b"location", (prefix + LIVE_PAGE).encode())], content_type=_TEXT)
    await reply(scope, receive, send)
