"""A dashboard's websocket: commands come in, updates go out, and a slow reader is let go."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from lamina.kernel.contracts import Receive, Scope, Send
from lamina.kernel.web.body import ClientGone
from lamina.kernel.web.inlet import INLET_EXTENSION, InletSocket, Payload

UPDATES_MAX = 64
BYTES_MAX = 16 * 2**20
PING_S = 5.0
SILENCE_MAX_S = 60.0
TOO_SLOW, SILENT = 1008, 1011

Command = Callable[[bytes, bool], None]


class Outgoing:
    """What one client is sent, in order.

    Updates that wait are bounded in number and size; beyond either the client is closed with 1008 (spec 7.1).
    """

    socket: InletSocket

    def __init__(self, on_command: Command) -> None:
        """Prepare.

        Args:
            on_command: told every message of the client: payload, whether it is text.
        """
        self._on_command = on_command
        self._waiting: deque[Sequence[bytes | str]] = deque()
        self._bytes = 0
        self._wake = asyncio.Event()
        self._is_dropped = False

    def take(self, messages: Sequence[Payload]) -> None:
        """Follow commands."""
        for payload, is_text in messages:
            self._on_command(payload, is_text)

    @property
    def is_idle(self) -> bool:
        """Whether everything was sent."""
        return not self._waiting

    def put(self, *frames: bytes | str) -> None:
        """Queue an update of one or more frames: text as text frames, bytes as binary ones."""
        if self._is_dropped:
            return
        self._waiting.append(frames)
        self._bytes += sum(map(len, frames))
        self._wake.set()
        if len(self._waiting) > UPDATES_MAX or (len(self._waiting) > 1 and self._bytes > BYTES_MAX):
            self.drop()

    def drop(self) -> None:
        """Let the client go: it does not keep up."""
        self._is_dropped = True
        self._waiting.clear()
        self.socket.close(TOO_SLOW, "this client does not keep up")

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the client until it leaves or is let go; the handshake is accepted here."""
        self.socket = scope["extensions"][INLET_EXTENSION](self)
        work = [asyncio.ensure_future(self._deliver(send)), asyncio.ensure_future(self._beat())]
        try:
            await send({"type": "websocket.accept"})
            self._wake.set()
            while (await receive())["type"] != "websocket.disconnect":
                pass
        except (OSError, ClientGone):
            pass
        finally:
            for each in work:
                each.cancel()
            await asyncio.gather(*work, return_exceptions=True)

    async def _deliver(self, send: Send) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                for frame in self._waiting[0]:
                    kind = "text" if isinstance(frame, str) else "bytes"
                    await send({"type": "websocket.send", kind: frame})
                if self._waiting:
                    self._bytes -= sum(map(len, self._waiting.popleft()))

    async def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(PING_S)
            if loop.time() - self.socket.heard_at > SILENCE_MAX_S:
                self.socket.close(SILENT, "no sign of life", wait=False)
                return
            self.socket.ping()
