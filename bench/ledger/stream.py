"""A follower of the ledger's event stream that costs next to nothing: frames in, transaction ids out."""

import asyncio
from collections.abc import Callable
from typing import cast

_TEXT, _CLOSE, _PING = 1, 8, 9
_ID_FROM_END = 66
"""Events end with `"transaction_id": "<64 digits>"}`."""


class StreamFollower(asyncio.Protocol):
    """Calls `on_event(transaction id)` for each event, in order; `opened` is done after the handshake."""

    def __init__(self, host: str, path: str, on_event: Callable[[bytes], None]) -> None:
        self.opened = asyncio.get_running_loop().create_future()
        self._request = (
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: bGFtaW5hIGxlZGdlciBiZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        self._on_event = on_event
        self._unread = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the stream."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        self._transport.write(self._request.encode())

    def data_received(self, data: bytes) -> None:
        """Read the handshake's answer, then whole frames."""
        self._unread += data
        if not self.opened.done():
            head, end, rest = self._unread.partition(b"\r\n\r\n")
            if not end:
                return
            assert head.startswith(b"HTTP/1.1 101"), head
            self._unread = rest
            self.opened.set_result(None)
        self._read_frames()

    def connection_lost(self, exc: Exception | None) -> None:
        """A stream that ends early shows as events that never came."""
        if not self.opened.done():
            self.opened.set_exception(exc or ConnectionError("the stream closed during its handshake"))

    def _read_frames(self) -> None:
        data, at = self._unread, 0
        while len(data) - at >= 4:
            size, start = data[at + 1], at + 2
            assert size < 127, "no event is longer than 64 KiB"
            if size == 126:
                size, start = int.from_bytes(data[at + 2 : at + 4], "big"), at + 4
            end = start + size
            if end > len(data):
                break
            self._take(data[at] & 0x0F, data[start:end])
            at = end
        self._unread = data[at:]

    def _take(self, opcode: int, payload: bytes) -> None:
        if opcode == _TEXT:
            self._on_event(payload[-_ID_FROM_END:-2])
        elif opcode == _PING:
            # A client masks what it sends; the mask may be zero (RFC 6455 section 5.3).
            self._transport.write(bytes((0x8A, 0x80 | len(payload), 0, 0, 0, 0)) + payload)
        elif opcode == _CLOSE:
            self._transport.close()
