"""Messages that were read and are not stored yet: first in, first out, bounded by bytes."""

import asyncio
from collections import deque
from collections.abc import Sequence

from lamina.kernel.web.inlet import InletSocket
from lamina.services.telemetry.metrics import BUFFER_BYTES, BUFFER_MESSAGES
from lamina.services.telemetry.model.message import Message
from lamina.services.telemetry.model.peer import Peer

MESSAGE_OVERHEAD_BYTES = 400
"""What a waiting message costs beside its text."""

RESUME_SHARE = 0.75

Entry = Message | Peer
"""A message, or a socket that ended after everything before it."""


class Buffer:
    """What waits for the writer. When it is full, sockets that bring more are not read until it has room."""

    def __init__(self, *, bytes_max: int, messages_due: int, bytes_due: int, latency_s: float) -> None:
        """Start empty.

        Args:
            bytes_max: size at which sockets are paused.
            messages_due: how many messages make a batch.
            bytes_due: size that makes a batch.
            latency_s: how long the oldest message waits for the others.
        """
        self._bytes_max = bytes_max
        self._messages_due = messages_due
        self._bytes_due = bytes_due
        self._latency_s = latency_s
        self._entries: deque[Entry] = deque()
        self._bytes = 0
        self._oldest = 0.0
        self._arrived = asyncio.Event()
        self._is_due = asyncio.Event()
        self._paused: set[InletSocket] = set()
        self.is_stopped = False

    def __len__(self) -> int:
        """How many messages and ended sockets wait."""
        return len(self._entries)

    def put(self, message: Message, socket: InletSocket) -> None:
        """Keep a message; its socket is paused when that fills the buffer."""
        self._append(message, len(message.document.logs) + MESSAGE_OVERHEAD_BYTES)
        if self._bytes >= self._bytes_max and socket not in self._paused:
            self._paused.add(socket)
            socket.pause()

    def end(self, peers: Sequence[Peer], socket: InletSocket) -> None:
        """Note a socket's end, after what it brought."""
        self._paused.discard(socket)
        for peer in peers:
            self._append(peer, MESSAGE_OVERHEAD_BYTES)

    def is_paused(self, socket: InletSocket) -> bool:
        """Whether a socket is not read now; its silence says nothing then."""
        return socket in self._paused

    def _append(self, entry: Entry, size: int) -> None:
        if not self._entries:
            self._oldest = asyncio.get_running_loop().time()
            self._arrived.set()
        self._entries.append(entry)
        self._bytes += size
        if len(self._entries) >= self._messages_due or self._bytes >= self._bytes_due:
            self._is_due.set()

    def stop(self) -> None:
        """Nothing more will come: whatever waits is due."""
        self.is_stopped = True
        self._arrived.set()
        self._is_due.set()

    async def wait(self) -> None:
        """Until a batch is due."""
        await self._arrived.wait()
        left_s = self._oldest + self._latency_s - asyncio.get_running_loop().time()
        if left_s > 0:
            try:
                async with asyncio.timeout(left_s):
                    await self._is_due.wait()
            except TimeoutError:
                return

    def take(self) -> list[Entry]:
        """The oldest entries, as many as make a batch."""
        taken: list[Entry] = []
        size = 0
        while self._entries and len(taken) < self._messages_due and size < self._bytes_due:
            entry = self._entries.popleft()
            taken.append(entry)
            size += _size(entry)
        self._bytes -= size
        # What arrives while this batch is written waits from now on.
        self._oldest = asyncio.get_running_loop().time()
        if self.is_stopped:
            return taken
        if not self._entries:
            self._arrived.clear()
        if len(self._entries) < self._messages_due and self._bytes < self._bytes_due:
            self._is_due.clear()
        self._resume()
        return taken

    def measure(self) -> None:
        """Tell the metrics how full it is."""
        BUFFER_MESSAGES.set(len(self._entries))
        BUFFER_BYTES.set(self._bytes)

    def _resume(self) -> None:
        if self._paused and self._bytes < self._bytes_max * RESUME_SHARE:
            paused, self._paused = self._paused, set()
            for socket in paused:
                socket.resume()


def _size(entry: Entry) -> int:
    if isinstance(entry, Peer):
        return MESSAGE_OVERHEAD_BYTES
    return len(entry.document.logs) + MESSAGE_OVERHEAD_BYTES
