"""Broadcast of text frames to websocket subscribers who may be slow, silent or gone."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import cached_property

from lamina.kernel.contracts import Message, Receive, Scope, Send
from lamina.kernel.web.body import ClientGone
from lamina.kernel.web.respond import Reply

TRY_AGAIN_LATER = 1013

FRAMES_EXTENSION = "lamina.frames"
"""In a scope's extensions: the server also takes ready-made frames, as `frames` of a `websocket.send`."""

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
        publication = _Publication(frames)
        for subscriber in list(self._subscribers):
            if not subscriber.offer(publication, self._queue_events_max):
                self._subscribers.discard(subscriber)
                self._dropped_total += 1
                subscriber.drop()

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one subscriber until it leaves or is dropped; an ASGI websocket endpoint."""
        subscriber = await self._join(scope, send)
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

    async def _join(self, scope: Scope, send: Send) -> "_Subscriber | None":
        """Take in a subscriber; from here on nothing published passes it by."""
        async with self._joining:
            if len(self._subscribers) >= self._subscribers_max:
                return None
            if not self._subscribers:
                await self._on_first_subscriber()
            subscriber = _Subscriber(send, takes_frames=FRAMES_EXTENSION in scope.get("extensions", ()))
            self._subscribers.add(subscriber)
            return subscriber


class _Publication:
    """Texts published together; their frames are made once, however many subscribers there are."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = texts

    @cached_property
    def messages(self) -> list[Message]:
        return [{"type": "websocket.send", "text": text} for text in self.texts]

    @cached_property
    def frames(self) -> bytes:
        return b"".join(map(_text_frame, self.texts))


def _text_frame(text: str) -> bytes:
    """One unfragmented, unmasked text frame (RFC 6455 section 5.2)."""
    payload = text.encode()
    size = len(payload)
    if size < 126:
        return bytes((0x81, size)) + payload
    if size < 1 << 16:
        return b"\x81\x7e" + size.to_bytes(2, "big") + payload
    return b"\x81\x7f" + size.to_bytes(8, "big") + payload


class _Subscriber:
    """One client's queue of shared publications and the task that sends them."""

    def __init__(self, send: Send, *, takes_frames: bool) -> None:
        self._send = send
        self._takes_frames = takes_frames
        self._queue: deque[_Publication] = deque()
        self._pending = 0
        self._wake = asyncio.Event()
        self._dropped = False
        self._task: asyncio.Task[None] | None = None

    def offer(self, publication: _Publication, events_max: int) -> bool:
        """Queue a publication; False when the client has left too many events unread already."""
        events = len(publication.texts)
        if self._pending and self._pending + events > events_max:
            return False
        self._queue.append(publication)
        self._pending += events
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
                publication = self._queue.popleft()
                if self._takes_frames:
                    await self._send({"type": "websocket.send", "frames": publication.frames})
                    self._pending -= len(publication.texts)
                else:
                    await self._send_messages(publication.messages)

    async def _send_messages(self, messages: Sequence[Message]) -> None:
        for message in messages:
            await self._send(message)
            self._pending -= 1


async def _ignore_inbound(receive: Receive) -> None:
    while (await receive())["type"] != "websocket.disconnect":
        pass
