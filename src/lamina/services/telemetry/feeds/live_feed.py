"""`/live`: the feed of version 33 for one client (spec/telemetry.md B.3)."""

from lamina.kernel.contracts import Receive, Scope, Send
from lamina.kernel.web.respond import Reply
from lamina.services.telemetry.feeds.live import Live, milliseconds
from lamina.services.telemetry.feeds.outgoing import Outgoing
from lamina.services.telemetry.metrics import FEEDS_ENDED, FEEDS_OPENED

_FULL = Reply(503, b"This receiver serves as many feeds as it may\n", [(b"retry-after", b"5")])


class LiveFeeds:
    """Every client of `/live`."""

    def __init__(self, live: Live, clients_max: int) -> None:
        """Start without clients.

        Args:
            live: what they watch.
            clients_max: handshakes beyond it are answered 503.
        """
        self._live = live
        self._clients_max = clients_max
        self._count = 0

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One client's websocket; the server speaks first."""
        await receive()
        if self._count >= self._clients_max:
            await _FULL(scope, receive, send)
            return

        def command(payload: bytes, is_text: bool) -> None:
            del is_text  # both kinds are taken
            watcher.client.command(milliseconds(), payload)

        outgoing = Outgoing(command)
        watcher = self._live.join(outgoing)
        self._count += 1
        FEEDS_OPENED.inc()
        try:
            await outgoing.serve(scope, receive, send)
        finally:
            self._count -= 1
            FEEDS_ENDED.inc()
            self._live.part(watcher)
