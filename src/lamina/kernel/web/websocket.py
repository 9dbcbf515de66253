"""Broadcast of text frames to websocket subscribers who may be slow, silent or gone."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from lamina.kernel.contracts import Message, Receive, Scope, Send
from lamina.kernel.web.body import ClientGone
from lamina.kernel.web.respond import Reply

TRY_AGAIN_LATER = 1013

FULL = Reply(503, b'{"message": "Too many subscribers", "status": 503}', [(b"retry-after", b"5")])


async def _no_hook() -> None:
    """Prepare nothing."""


class Fanout:
    """Sends what is published to every subscriber, in order, and never waits for one.

    A subscriber that leaves more than `queue_events_max` events unread is disconnected with close code 1013;
    the others do not notice (spec/ledger.md section 4). Inbound messages are ignored.
    """

    def __init__(
        self,
        *,
        subscribers_max: int,
        queue_events_max: int,
        on_first_subscriber: Callable[[], Awaitable[None]] = _no_hook,
    ) -> None:
        """Start without subscribers.

        Args:
            subscribers_max: handshakes beyond it are refused with 503.
            queue_events_max: events one subscriber may leave unread; one publication always fits an empty
                queue, whatever its size, because its frames are shared by all.
            on_first_subscriber: awaited before a subscriber is accepted while there is no other; what is
                published after it returns reaches that subscriber.
        """
        self._subscribers_max = subscribers_max
        self._queue_events_max = queue_events_max
        self._on_first_subscriber = on_first_subscriber
        self._subscribers: set[_Subscriber] = set()
        self._joining = asyncio.Lock()
        self._dropped_total = 0

    @property
    def subscribers(self) -> int:
        """Subscribers accepted and not gone."""
        return len(self._subscribers)

    @property
    def dropped_total(self) -> int:
        """Subscribers disconnected because they did not keep up."""
        return self._dropped_total

    def publish(self, frames: Sequence[str]) -> None:
        """Queue frames for every subscriber.

        Args:
            frames: texts, one websocket message each.
        """
        if not frames or not self._subscribers:
            return
        messages: list[Message] = [{"type": "websocket.send", "text": frame} for frame in frames]
        for subscriber in list(self._subscribers):
            if not subscriber.offer(messages, self._queue_events_max):
                self._subscribers.discard(subscriber)
                self._dropped_total += 1
                subscriber.drop()

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one subscriber until it leaves or is dropped; an ASGI websocket endpoint."""
        subscriber = await self._join(send)
        if subscriber is None:
            await FULL(scope, receive, send)
            return
        try:
            await send({"type": "websocket.accept"})
            subscriber.start()
            await _ignore_inbound(receive)
        except (OSError, ClientGone):
            pass
        finally:
            self._subscribers.discard(subscriber)
            await subscriber.stop()

    async def _join(self, send: Send) -> "_Subscriber | None":
        """Take in a subscriber; from here on nothing published passes it by."""
        async with self._joining:
            if len(self._subscribers) >= self._subscribers_max:
                return None
            if not self._subscribers:
                await self._on_first_subscriber()
            subscriber = _Subscriber(send)
            self._subscribers.add(subscriber)
            return subscriber


class _Subscriber:
    """One client's queue of shared message lists and the task that sends them."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._queue: deque[list[Message]] = deque()
        self._pending = 0
        self._wake = asyncio.Event()
        self._dropped = False
        self._task: asyncio.Task[None] | None = None

    def offer(self, messages: list[Message], events_max: int) -> bool:
        """Queue the messages; False when the client has left too many unread already."""
        if self._pending and self._pending + len(messages) > events_max:
            return False
        self._queue.append(messages)
        self._pending += len(messages)
        self._wake.set()
        return True

    def start(self) -> None:
        self._task = asyncio.create_task(self._deliver())

    def drop(self) -> None:
        """Give up what is queued and disconnect the client."""
        self._dropped = True
        self._queue.clear()
        if self._task is not None:
            self._task.cancel()

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _deliver(self) -> None:
        try:
            if not self._dropped:
                await self._send_queued()
        except asyncio.CancelledError:
            if not self._dropped:
                raise
        except (OSError, ClientGone):
            return
        await self._send({"type": "websocket.close", "code": TRY_AGAIN_LATER})

    async def _send_queued(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._queue:
                for message in self._queue.popleft():
                    await self._send(message)
                    self._pending -= 1


async def _ignore_inbound(receive: Receive) -> None:
    while (await receive())["type"] != "websocket.disconnect":
        pass
