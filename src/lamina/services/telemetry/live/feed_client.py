"""One client of the feed: what it subscribed to and what waits for it. It lives where its socket does."""

from lamina.services.telemetry.live.feed import Feed, FeedUpdate, frame, write
from lamina.services.telemetry.live.fields import hash_text


class FeedClient:
    """A subscription to at most one chain, and a queue.

    Attributes:
        chain: genesis hash of the chain it is subscribed to.
        queued_bytes: size of what waits.
    """

    def __init__(self, feed: Feed) -> None:
        """Let the greeting wait for it."""
        self._feed = feed
        self._frames: list[bytes] = []
        self._parts: list[bytes] = []
        self.chain: str | None = None
        self.queued_bytes = 0
        self._queue_frame(feed.greeting())

    def command(self, now_ms: int, message: str | bytes) -> None:
        """Obey `ping:…` or `subscribe:…`; anything else is ignored.

        Args:
            now_ms: server time, milliseconds since 1970.
            message: payload of a text or binary frame.
        """
        try:
            text = (message if isinstance(message, bytes) else message.encode()).decode()
        except UnicodeError:
            return
        command, separator, value = text.partition(":")
        if command == "ping" and separator:
            self._queue_frame(write([15, value]))
        elif command == "subscribe":
            genesis_hash = hash_text(value)
            if genesis_hash is not None:
                self._subscribe(now_ms, genesis_hash)

    def take(self, update: FeedUpdate) -> None:
        """Queue what concerns this client."""
        for part in (update.for_chain.get(self.chain, b"") if self.chain else b"", update.for_all):
            if part:
                self._parts.append(part)
                self.queued_bytes += len(part) + 1

    def drain(self) -> list[bytes]:
        """Take the frames that wait; to be sent in one go, not oftener than every 75 ms."""
        self._close_frame()
        frames, self._frames = self._frames, []
        self.queued_bytes = 0
        return frames

    def _subscribe(self, now_ms: int, genesis_hash: str) -> None:
        chains = self._feed.view.chains
        left, self.chain = self.chain, None
        chain = chains.get(genesis_hash)
        if chain is None:
            return
        self.chain = genesis_hash
        for part in self._feed.snapshot(now_ms, chain, left if left in chains else None):
            self._queue_frame(part)

    def _queue_frame(self, part: bytes) -> None:
        self._close_frame()
        self._frames.append(frame([part]))
        self.queued_bytes += len(part) + 2

    def _close_frame(self) -> None:
        if self._parts:
            self._frames.append(frame(self._parts))
            self._parts = []
