"""One connection of a replay, however often it has to be opened again.

Nodes get no acknowledgement; a pong is one, because a receiver answers pings in the order of what it reads.
What was sent and not confirmed when a connection ends is sent again: it may be stored twice, never lost.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from lamina.cli.telemetry.replay.pacing import Pacer
from lamina.cli.telemetry.replay.placing import Line
from lamina.kernel.errors import DependencyUnreachable, LaminaError
from lamina.sdk.address import is_local

CONNECT_TIMEOUT_S = 20.0  # as nodes have it
PATIENCE_S = 60.0
PAUSE_MIN_S, PAUSE_MAX_S = 0.1, 5.0
WINDOW_LINES, WINDOW_BYTES = 500, 1_048_576
LARGE_BYTES = 262_144
"""A message that may be too large goes alone: when it ends the connection, no other is in doubt."""

TOO_LARGE = 1009
_ENDINGS = (ConnectionClosed, InvalidHandshake, OSError, TimeoutError)

Pieces = asyncio.Queue[Sequence[Line] | None]


class ReceiverUnreachable(DependencyUnreachable):
    """No receiver answers, or none that reads."""

    code = "receiver_unreachable"

    def default_hint(self) -> str:
        """Say how to start one."""
        return "Run: lamina up   (or give the receiver's address: --to ws://HOST:8080/)"


class ReceiverRefused(LaminaError):
    """The receiver takes no node on this path or from this address."""

    code = "receiver_refused"
    exit_code = 4


@dataclass(slots=True)
class Tally:
    """What became of the messages of all connections.

    Attributes:
        sent: messages that the receiver read, for sure.
        sent_bytes: their size.
        refused: messages that it would not take.
        repeated: messages that were sent again after an interruption, greetings included.
        connections: how many were opened first.
        reconnects: how many were opened again.
        reason: the last refusal or end, in words.
    """

    sent: int = 0
    sent_bytes: int = 0
    refused: int = 0
    repeated: int = 0
    connections: int = 0
    reconnects: int = 0
    reason: str = ""


class Lane:
    """One connection's messages, in order."""

    def __init__(self, url: str, tally: Tally, pacer: Pacer, *, as_text: bool) -> None:
        """Open nothing before there is something to send."""
        self.pieces: Pieces = asyncio.Queue(maxsize=2)
        self._url = url
        self._tally = tally
        self._pacer = pacer
        self._as_text = as_text
        self._greetings: dict[bytes, Line] = {}
        self._waiting: deque[Line] = deque()  # taken from the queue, not sent since the last interruption
        self._unconfirmed: deque[Line] = deque()
        self._pings: deque[tuple[asyncio.Future[float], int]] = deque()
        self._pinged = 0
        self._bytes = 0
        self._progress_at = 0.0
        self._is_known = False

    async def run(self) -> None:
        """Send everything until the end of the queue.

        Raises:
            ReceiverUnreachable: nothing answers at first, or nothing is read for a minute.
            ReceiverRefused: the handshake is refused for good.
        """
        if not await self._more():
            return
        loop = asyncio.get_running_loop()
        self._progress_at, pause_s = loop.time(), PAUSE_MIN_S
        while True:
            before = self._tally.sent
            try:
                await self._connect_and_send()
            except _ENDINGS as ending:
                self._take(ending)
            else:
                return
            if self._tally.sent > before:
                pause_s = PAUSE_MIN_S
            if loop.time() - self._progress_at > PATIENCE_S:
                raise ReceiverUnreachable(
                    f"{self._url} has read nothing for {PATIENCE_S:.0f} s: {self._tally.reason}"
                )
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, PAUSE_MAX_S)

    async def _connect_and_send(self) -> None:
        proxy = None if is_local(self._url) else True
        socket = await connect(
            self._url,
            open_timeout=CONNECT_TIMEOUT_S,
            proxy=proxy,
            ping_interval=None,
            compression=None,
            max_queue=16,
        )
        async with socket:
            if self._is_known:
                self._tally.reconnects += 1
            else:
                self._tally.connections += 1
                self._is_known = True
            await self._resume(socket)
            while self._waiting or await self._more():
                await self._send_waiting(socket)
            await self._settle(socket)

    async def _resume(self, socket: ClientConnection) -> None:
        """Greet again, and send again what nobody confirmed."""
        self._pings.clear()
        self._pinged = self._bytes = 0
        for greeting in self._greetings.values():
            await socket.send(greeting.payload, text=self._as_text)
        self._tally.repeated += len(self._greetings) + len(self._unconfirmed)
        self._waiting.extendleft(reversed(self._unconfirmed))
        self._unconfirmed.clear()

    async def _more(self) -> bool:
        """Take the next piece of the queue; False at its end."""
        piece = await self.pieces.get()
        if piece is None:
            self.pieces.put_nowait(None)  # the end stays the end after an interruption
            return False
        self._waiting.extend(piece)
        return True

    async def _send_waiting(self, socket: ClientConnection) -> None:
        while self._waiting:
            line = self._waiting[0]
            if self._as_text and not _is_text(line.payload):
                self._refuse(self._waiting.popleft(), "a message is not UTF-8 and cannot go as text")
                continue
            is_large = len(line.payload) > LARGE_BYTES
            if is_large:
                await self._settle(socket)
            await self._pacer.wait()
            self._unconfirmed.append(self._waiting.popleft())
            self._pinged += 1
            self._bytes += len(line.payload)
            await socket.send(line.payload, text=self._as_text)
            if is_large:
                await self._settle(socket)
            elif self._pinged >= WINDOW_LINES or self._bytes >= WINDOW_BYTES:
                await self._ping(socket)
                if len(self._pings) > 1:
                    await self._confirm()

    async def _settle(self, socket: ClientConnection) -> None:
        """Wait until everything that was sent is confirmed."""
        if self._pinged:
            await self._ping(socket)
        while self._pings:
            await self._confirm()

    async def _ping(self, socket: ClientConnection) -> None:
        pong = asyncio.ensure_future(await socket.ping())
        pong.add_done_callback(_look_at)  # of a connection that ends, nobody waits for them all
        self._pings.append((pong, self._pinged))
        self._pinged = self._bytes = 0

    async def _confirm(self) -> None:
        pong, count = self._pings[0]
        async with asyncio.timeout(PATIENCE_S):
            await pong
        self._pings.popleft()
        for _ in range(count):
            line = self._unconfirmed.popleft()
            if line.is_greeting:
                self._greetings[line.node] = line
            self._tally.sent += 1
            self._tally.sent_bytes += len(line.payload)
        self._progress_at = asyncio.get_running_loop().time()

    def _take(self, ending: BaseException) -> None:
        """Note why a connection ended; go on unless that is in vain."""
        self._tally.reason = _worded(ending)
        if isinstance(ending, InvalidStatus) and ending.response.status_code < 500:
            body = bytes(ending.response.body).decode("utf-8", "replace").strip()
            raise ReceiverRefused(
                f"{self._url} answers {ending.response.status_code} {body[:200]}".rstrip(),
                hint="Look at the path and at the receiver's TELEMETRY_ALLOWED_CIDRS",
            ) from ending
        if not self._is_known and not isinstance(ending, InvalidStatus):
            raise ReceiverUnreachable(f"No receiver answers at {self._url}: {self._tally.reason}") from ending
        if isinstance(ending, ConnectionClosed) and ending.rcvd is not None and ending.rcvd.code == TOO_LARGE:
            self._refuse_largest()

    def _refuse_largest(self) -> None:
        if self._unconfirmed:
            largest = max(self._unconfirmed, key=lambda line: len(line.payload))
            self._unconfirmed.remove(largest)
            self._refuse(largest, f"a message of {len(largest.payload)} bytes is too large for the receiver")

    def _refuse(self, line: Line, reason: str) -> None:
        del line
        self._tally.refused += 1
        self._tally.reason = reason
        self._progress_at = asyncio.get_running_loop().time()


def _look_at(pong: "asyncio.Future[float]") -> None:
    if not pong.cancelled():
        pong.exception()


def _is_text(payload: bytes) -> bool:
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return True


def _worded(ending: BaseException) -> str:
    if isinstance(ending, ConnectionClosed):
        return (
            "it was cut off" if ending.rcvd is None else f"{ending.rcvd.code} {ending.rcvd.reason}".rstrip()
        )
    if isinstance(ending, TimeoutError):
        return "it does not answer in time"
    return str(ending)
