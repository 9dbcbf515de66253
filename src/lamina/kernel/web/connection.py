"""A client connection under guard: it has one deadline at a time for reading, writing and closing.

Knows no protocol; the protocols tell it which phase they are in.
"""

import asyncio
import fcntl
import struct
import termios
import time
from collections import Counter
from collections.abc import Callable
from math import inf

from lamina.kernel.web.limits import HttpLimits
from lamina.kernel.web.peer import TrustedProxies

HIGH_WATER_BYTES = 65_536
LINGER_S = 2.0
LINGER_BYTES_MAX = 16 * 2**20


IDLE, HEAD, BODY, WEBSOCKET = range(4)
"""What the peer is in the middle of sending."""


class Connection(asyncio.Transport):
    """An asyncio transport that always ends: nothing a peer does or leaves undone keeps it open unwatched."""

    def __init__(self, transport: asyncio.Transport, table: "ConnectionTable") -> None:
        """Guard a transport.

        Args:
            transport: the event loop's.
            table: where every open connection of this server is kept.
        """
        super().__init__()
        self.phase = IDLE
        self.read_by = inf
        self.address = ""
        self.on_read_expiry: Callable[[], None] = self.abort
        self.write = transport.write
        self.pause_reading = transport.pause_reading
        self.resume_reading = transport.resume_reading
        self.get_extra_info = transport.get_extra_info
        self.set_protocol = transport.set_protocol
        self._transport = transport
        self._table = table
        self._closing = False
        self._linger_until = inf
        self._write_by = inf
        self._unsent = 0
        self._discardable = LINGER_BYTES_MAX

    def close(self) -> None:
        """Close after what is queued is sent; give up on a peer that does not take it."""
        if self._closing:
            return
        self._closing = True
        self.read_by = inf
        self._watch_unsent()
        if self.phase in (HEAD, BODY):
            self._linger()
        else:
            self._transport.close()

    def _linger(self) -> None:
        """Say goodbye and keep reading for a moment.

        Closing a socket with unread bytes resets it, and the reset destroys the answer on its way to the
        peer (RFC 9112 section 9.6); so a refused request is read and thrown away for a bounded while.
        """
        self._linger_until = self._table.now() + LINGER_S
        self._transport.write_eof()
        self._transport.resume_reading()

    def discard(self, count: int) -> None:
        """Note bytes read after the end; too many of them end the connection at once."""
        self._discardable -= count
        if self._discardable < 0:
            self.abort()

    def abort(self) -> None:
        """Close without sending what is queued."""
        self._closing = True
        self._transport.abort()

    def lost(self) -> None:
        """The transport is gone: leave the table."""
        self._closing = True
        self._table.remove(self)

    def is_closing(self) -> bool:
        """Whether nothing more should be written."""
        return self._closing or self._transport.is_closing()

    def writing_paused(self) -> None:
        """The peer has left a high-water mark unread; its time to take it starts."""
        if not self._closing:
            self._watch_unsent()

    def writing_resumed(self) -> None:
        """The peer has caught up."""
        if not self._closing:
            self._write_by = inf

    def _watch_unsent(self) -> None:
        self._unsent = self._transport.get_write_buffer_size()
        self._write_by = self._table.now() + self._table.limits.write_timeout_s

    def unread(self) -> bool:
        """Whether the kernel holds bytes of the peer that the event loop has not delivered yet."""
        fileno = self._transport.get_extra_info("socket").fileno()
        pending = fcntl.ioctl(fileno, termios.FIONREAD, b"\0\0\0\0")
        return struct.unpack("i", pending)[0] > 0

    def expire(self, now: float) -> None:
        """Act on the deadlines that have passed.

        Args:
            now: monotonic seconds.
        """
        if now >= self._linger_until and not self._transport.get_write_buffer_size():
            self.abort()
        elif now >= self._write_by:
            self._expire_write()
        elif now >= self.read_by:
            self.on_read_expiry()

    def _expire_write(self) -> None:
        """A reader that took at least one high-water mark is slow but alive; any other is cut off."""
        if self._transport.get_write_buffer_size() > self._unsent - HIGH_WATER_BYTES:
            self.abort()
        else:
            self._watch_unsent()


class ConnectionTable:
    """The open connections of one server, counted by remote address and walked for deadlines."""

    now = staticmethod(time.monotonic)

    def __init__(self, limits: HttpLimits, proxies: TrustedProxies) -> None:
        """Start empty.

        Args:
            limits: the bounds to keep.
            proxies: addresses exempt from the per-address bound.
        """
        self.limits = limits
        self.draining = False
        self.empty = asyncio.Event()
        self.empty.set()
        self._proxies = proxies
        self._open: set[Connection] = set()
        self._by_address: Counter[str] = Counter()

    def __len__(self) -> int:
        """How many connections are open."""
        return len(self._open)

    def add(self, connection: Connection, address: str) -> bool:
        """Take in a new connection.

        Returns:
            False when its address has as many as it may; the connection is then to be refused.
        """
        connection.address = address
        self._open.add(connection)
        self._by_address[address] += 1
        self.empty.clear()
        allowed = self._by_address[address] <= self.limits.connections_per_address_max
        return allowed or self._proxies.trusts(address)

    def remove(self, connection: Connection) -> None:
        """Forget a lost connection."""
        if connection not in self._open:
            return
        self._open.remove(connection)
        self._by_address[connection.address] -= 1
        if not self._by_address[connection.address]:
            del self._by_address[connection.address]
        if not self._open:
            self.empty.set()

    def expire(self) -> None:
        """End whatever has outlived its deadline."""
        now = self.now()
        for connection in list(self._open):
            connection.expire(now)

    def abort(self) -> None:
        """End every connection now."""
        for connection in list(self._open):
            connection.abort()
