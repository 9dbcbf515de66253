"""A process that only signs, so that no signature and no request waits for one interpreter's lock."""

import asyncio
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import cast

import msgspec

from lamina.kernel.errors import LaminaError
from lamina.services.scheduler.rules.assignment import Assigned, Stretch

Asked = Stretch | bytes
"""Assignments to be made, or the 48 bytes that stand for another item."""
Answer = list[Assigned] | bytes
"""The assignments, or the signature of 512 bytes."""

SIZE_BYTES = 4
_ENTRY = "lamina.services.scheduler.sequencer.signing_entry"
_answers = msgspec.msgpack.Decoder(list[Answer])


class SigningEnded(LaminaError):
    """A signing process ended; another one signs what it has not."""

    code = "signing_ended"


@dataclass(slots=True, eq=False)
class Job:
    """What is to be signed.

    Attributes:
        request: what is `Asked`, in MessagePack.
        signatures: how many are needed for it.
        due: when, by the loop's clock, it no longer waits for clients; None where a client waits for it.
        answer: gets what is asked.
    """

    request: bytes
    signatures: int
    due: float | None
    answer: "asyncio.Future[Answer]" = field(repr=False)


class SigningProcess(asyncio.Protocol):
    """Signs one lot of jobs after another; every lot is asked and answered as one list in MessagePack."""

    def __init__(self, key: bytes, changed: Callable[[], None]) -> None:
        """Prepare.

        Args:
            key: text of the wallet's JWK file.
            changed: called when it can take more, or is gone.
        """
        self.under_way: deque[Sequence[Job]] = deque()
        self._key = key
        self._changed = changed
        self._transport: asyncio.WriteTransport | None = None
        self._received = bytearray()
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

    def ask(self, lot: Sequence[Job]) -> None:
        """Let it sign; only while it is up."""
        assert self._transport is not None
        self.under_way.append(lot)
        self._transport.write(framed(msgspec.msgpack.encode([msgspec.Raw(job.request) for job in lot])))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Tell the key first."""
        self._transport = cast("asyncio.WriteTransport", transport)
        self._received.clear()
        self._transport.write(framed(self._key))
        self._changed()

    def data_received(self, data: bytes) -> None:
        """Hand out what is signed, once a whole lot is there."""
        received = self._received
        received += data
        while (end := SIZE_BYTES + int.from_bytes(received[:SIZE_BYTES], "big")) <= len(received):
            answers = _answers.decode(received[SIZE_BYTES:end])
            del received[:end]
            for job, answer in zip(self.under_way.popleft(), answers, strict=True):
                if not job.answer.done():
                    job.answer.set_result(answer)
        self._changed()

    def connection_lost(self, exc: Exception | None) -> None:
        """Ask it nothing more."""
        self._transport = None
        self._changed()
        if not self._gone.done():
            self._gone.set_result(None)


def framed(content: bytes) -> bytes:
    """Content after its size."""
    return len(content).to_bytes(SIZE_BYTES, "big") + content


def _start(theirs: socket.socket) -> "subprocess.Popen[bytes]":
    """Start a process that has one socket of ours and no other.

    The event loop's own way would hand on this process's listening sockets too, as those may be inherited:
    their ports would be taken for as long as something is signed.
    """
    command = [sys.executable, "-m", _ENTRY]
    return subprocess.Popen(command, stdin=theirs.fileno(), start_new_session=True)  # noqa: S603 - ours
