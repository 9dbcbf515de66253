"""Server-sent events (HTML standard, 9.2): a response that lasts, with a bounded queue behind it."""

import asyncio
from collections import deque
from collections.abc import Iterable

from lamina.kernel.contracts import Receive, Scope, Send

DRAINING = "lamina.draining"
"""In a scope's `state`: an event that is set when the server stops; whoever streams without end ends then."""

COMMENT_S = 15.0
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]


def event(name: str, data: bytes) -> bytes:
    """One event; the data is a single line, as JSON is."""
    return b"event: %b\ndata: %b\n\n" % (name.encode(), data)


class EventQueue:
    """Events that wait for one reader."""

    def __init__(self, events_max: int) -> None:
        """Start empty.

        Args:
            events_max: how many may wait; a reader that leaves more is let go.
        """
        self._events_max = events_max
        self._waiting: deque[bytes] = deque()
        self._arrived = asyncio.Event()
        self.is_closed = False

    def put(self, events: Iterable[bytes]) -> None:
        """Queue events, or end the stream when too many wait."""
        self._waiting.extend(events)
        if len(self._waiting) > self._events_max:
            self._waiting.clear()
            self.is_closed = True
        self._arrived.set()

    def close(self) -> None:
        """End the stream after what waits is sent."""
        self.is_closed = True
        self._arrived.set()

    async def take(self) -> bytes:
        """Whatever waits, as bytes; a comment when nothing came for a while."""
        try:
            async with asyncio.timeout(COMMENT_S):
                await self._arrived.wait()
        except TimeoutError:
            return b": nothing new\n\n"
        self._arrived.clear()
        events = b"".join(self._waiting)
        self._waiting.clear()
        return events


async def serve(queue: EventQueue, scope: Scope, receive: Receive, send: Send) -> None:
    """Stream a queue until its reader leaves, the queue is closed, or the server stops."""
    watchers = [
        asyncio.ensure_future(_until_gone(receive, queue)),
        asyncio.ensure_future(_until_stopping(scope["state"][DRAINING], queue)),
    ]
    try:
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        while not queue.is_closed:
            body = await queue.take()
            await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    finally:
        for watcher in watchers:
            watcher.cancel()
        await asyncio.gather(*watchers, return_exceptions=True)


async def _until_gone(receive: Receive, queue: EventQueue) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    queue.close()


async def _until_stopping(draining: asyncio.Event, queue: EventQueue) -> None:
    await draining.wait()
    queue.close()
