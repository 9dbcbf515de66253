"""Messages that were read and are not stored yet: first in, first out, bounded by bytes."""

import asyncio
import itertools
from collections import deque
from collections.abc import Sequence

from lamina.kernel.web.inlet import InletSocket
from lamina.services.telemetry.metrics import BUFFER_BYTES, BUFFER_MESSAGES
from lamina.services.telemetry.model.message import Message
from lamina.services.telemetry.model.peer import Peer

MESSAGE_OVERHEAD_BYTES = 400
"""What a waiting message costs beside its text."""

RESUME_SHARE = 0.75
LOT_BATCHES = 4
"""So many batches are written together where they wait: what a commit costs is shared by more messages."""
BATCHES_AHEAD = 8
"""How many batches are read ahead of a database that takes them."""
STUCK_S = 0.25
"""A database that took no batch for so long is away: as much is read then as there is room for."""
RESUMED_AT_ONCE = 2
"""Sockets that are read again in one turn of the loop: each may bring 256 KiB before it is paused."""

Entry = Message | Peer
"""A message, or a socket that ended after everything before it."""


class Buffer:
    """What waits for the writer. When it is full, sockets that bring more are not read until it has room.

    Under a load that is more than the database takes, reading goes only a few batches ahead: what is read all
    at once would keep the loop from the writer, and PostgreSQL would wait. Sockets then take turns.
    """

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
        self._paused: dict[InletSocket, None] = {}
        self._ahead_max = BATCHES_AHEAD * messages_due
        self._is_stuck = False
        self._watch: asyncio.TimerHandle | None = None
        self._is_resuming = False
        self.is_stopped = False

    def __len__(self) -> int:
        """How many messages and ended sockets wait."""
        return len(self._entries)

    def put(self, message: Message, socket: InletSocket) -> None:
        """Keep a message; its socket is paused when that fills the buffer."""
        entries = self._entries
        if not entries:
            self._begin()
        entries.append(message)
        self._bytes += len(message.document.logs) + MESSAGE_OVERHEAD_BYTES
        if len(entries) >= self._messages_due or self._bytes >= self._bytes_due:
            self._is_due.set()
            if self._is_full():
                self._pause(socket)

    def end(self, peers: Sequence[Peer], socket: InletSocket) -> None:
        """Note a socket's end, after what it brought."""
        self._paused.pop(socket, None)
        for peer in peers:
            if not self._entries:
                self._begin()
            self._entries.append(peer)
            self._bytes += MESSAGE_OVERHEAD_BYTES
        if len(self._entries) >= self._messages_due or self._bytes >= self._bytes_due:
            self._is_due.set()

    def is_paused(self, socket: InletSocket) -> bool:
        """Whether a socket is not read now; its silence says nothing then."""
        return socket in self._paused

    def _begin(self) -> None:
        """Note when the first of a batch came."""
        self._oldest = asyncio.get_running_loop().time()
        self._arrived.set()

    def stop(self) -> None:
        """Nothing more will come: whatever waits is due."""
        self.is_stopped = True
        self._arrived.set()
        self._is_due.set()

    @property
    def is_due(self) -> bool:
        """Whether a batch is due already."""
        return bool(self._entries) and self._is_due.is_set()

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
        """The oldest entries: a batch, or up to `LOT_BATCHES` where they wait."""
        count_max = LOT_BATCHES * self._messages_due
        if len(self._entries) <= count_max and self._bytes < self._bytes_due:
            taken, size = list(self._entries), self._bytes
            self._entries.clear()
        else:
            taken, size = self._take_some(count_max)
        self._bytes -= size
        self._is_stuck = False
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        # What arrives while this batch is written waits from now on.
        self._oldest = asyncio.get_running_loop().time()
        if self.is_stopped:
            return taken
        if not self._entries:
            self._arrived.clear()
        if len(self._entries) < self._messages_due and self._bytes < self._bytes_due:
            self._is_due.clear()
            self.read_on()
        return taken

    def _take_some(self, count_max: int) -> tuple[list[Entry], int]:
        """The oldest entries until they are so many or large enough, and their size."""
        taken: list[Entry] = []
        size = 0
        while self._entries and len(taken) < count_max and size < self._bytes_due:
            entry = self._entries.popleft()
            taken.append(entry)
            size += _size(entry)
        return taken, size

    def measure(self) -> None:
        """Tell the metrics how full it is."""
        BUFFER_MESSAGES.set(len(self._entries))
        BUFFER_BYTES.set(self._bytes)

    def _is_full(self) -> bool:
        """Whether nothing more should be read now."""
        if self._is_stuck:
            return self._bytes >= self._bytes_max
        return len(self._entries) >= self._ahead_max or self._bytes >= self._bytes_max

    def _pause(self, socket: InletSocket) -> None:
        if socket in self._paused:
            return
        self._paused[socket] = None
        socket.pause()
        if self._watch is None and not self._is_stuck:
            self._watch = asyncio.get_running_loop().call_later(STUCK_S, self._give_up_waiting)

    def _give_up_waiting(self) -> None:
        """The database is away: nodes lose what is not read, so read what there is room for."""
        self._watch = None
        self._is_stuck = True
        self.read_on()

    def read_on(self) -> None:
        """Read paused sockets again if there is room; at its best while PostgreSQL works."""
        if self._bytes < self._bytes_max * RESUME_SHARE and not self._is_resuming:
            self._resume_some()

    def _resume_some(self) -> None:
        """Read some sockets again, those that wait longest; others in the next turn, while there is room."""
        self._is_resuming = False
        for socket in list(itertools.islice(self._paused, RESUMED_AT_ONCE)):
            if self._is_full():
                return
            del self._paused[socket]
            socket.resume()
        if self._paused:
            self._is_resuming = True
            asyncio.get_running_loop().call_soon(self._resume_some)


def _size(entry: Entry) -> int:
    if isinstance(entry, Peer):
        return MESSAGE_OVERHEAD_BYTES
    return len(entry.document.logs) + MESSAGE_OVERHEAD_BYTES
