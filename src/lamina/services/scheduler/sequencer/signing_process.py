"""A process that only signs, so that no signature and no request waits for one interpreter's lock."""

import asyncio
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

from lamina.formats.rsa_pss import SIGNATURE_BYTES
from lamina.kernel.errors import LaminaError

MESSAGE_BYTES = 48
SIZE_BYTES = 4
_ENTRY = "lamina.services.scheduler.sequencer.signing_entry"


class SigningEnded(LaminaError):
    """A signing process ended; another one signs what it has not."""

    code = "signing_ended"


@dataclass(slots=True, eq=False)
class Job:
    """What stands for an item and is to be signed.

    Attributes:
        message: 48 bytes.
        due: when, by the loop's clock, it no longer waits for clients; None where a client waits for it.
        signature: gets the 512 bytes.
    """

    message: bytes
    due: float | None
    signature: "asyncio.Future[bytes]" = field(repr=False)


class SigningProcess(asyncio.Protocol):
    """Signs in the order it is asked: 48 bytes there, 512 bytes back."""

    def __init__(self, key: bytes, changed: Callable[[], None]) -> None:
        """Prepare.

        Args:
            key: text of the wallet's JWK file.
            changed: called when it can take more, or is gone.
        """
        self.under_way: deque[Job] = deque()
        self._key = key
        self._changed = changed
        self._transport: asyncio.WriteTransport | None = None
        self._answer = bytearray()
        self._gone: asyncio.Future[None]

    @property
    def is_up(self) -> bool:
        """Whether it may be asked."""
        return self._transport is not None

    async def run(self) -> None:
        """Run the process until cancelled; what it has not signed by then stays under way.

        Raises:
            SigningEnded: it ended by itself.
        """
        loop = asyncio.get_running_loop()
        self._gone = loop.create_future()
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.to_thread(_start, theirs)
        try:
            await loop.create_unix_connection(lambda: self, sock=ours)
            await self._gone
            code = await asyncio.to_thread(process.wait)
            raise SigningEnded(f"A signing process ended with {code}.")
        finally:
            if self._transport is not None:
                self._transport.abort()
            # Nothing is lost with it: it has no state but the key.
            process.kill()
            await asyncio.to_thread(process.wait)

    def ask(self, job: Job) -> None:
        """Let it sign; only while it is up."""
        assert self._transport is not None
        self.under_way.append(job)
        self._transport.write(job.message)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Tell the key first."""
        self._transport = cast("asyncio.WriteTransport", transport)
        self._answer.clear()
        self._transport.write(len(self._key).to_bytes(SIZE_BYTES, "big") + self._key)
        self._changed()

    def data_received(self, data: bytes) -> None:
        """Hand out signatures."""
        self._answer += data
        while len(self._answer) >= SIGNATURE_BYTES:
            job = self.under_way.popleft()
            if not job.signature.done():
                job.signature.set_result(bytes(self._answer[:SIGNATURE_BYTES]))
            del self._answer[:SIGNATURE_BYTES]
        self._changed()

    def connection_lost(self, exc: Exception | None) -> None:
        """Ask it nothing more."""
        self._transport = None
        self._changed()
        if not self._gone.done():
            self._gone.set_result(None)


def _start(theirs: socket.socket) -> "subprocess.Popen[bytes]":
    """Start a process that has one socket of ours and no other.

    The event loop's own way would hand on this process's listening sockets too, as those may be inherited:
    their ports would be taken for as long as something is signed.
    """
    command = [sys.executable, "-m", _ENTRY]
    return subprocess.Popen(command, stdin=theirs.fileno(), start_new_session=True)  # noqa: S603 - ours
