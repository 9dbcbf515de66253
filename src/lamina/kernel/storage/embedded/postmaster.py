"""The running postmaster: a direct child whose end is noticed by the event loop."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from lamina.kernel.storage.embedded import child
from lamina.kernel.storage.embedded.account import Account


class Postmaster:
    """One start of the server; used from the event loop's thread only."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process
        self._ended = asyncio.Event()
        self._descriptor = os.pidfd_open(process.pid)
        asyncio.get_running_loop().add_reader(self._descriptor, self._reap)

    @classmethod
    def start(cls, argv: Sequence[str | Path], account: Account, *, output: int) -> Self:
        """Start it from this thread, whose end will shut the server down.

        Raises:
            OSError: it cannot be executed, or the account cannot be assumed.
        """
        process = child.spawn(argv, account, output=output)
        try:
            return cls(process)
        except OSError:
            process.send_signal(signal.SIGQUIT)
            raise

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return not self._ended.is_set()

    def send(self, number: signal.Signals) -> None:
        """Send it a signal; nothing happens when it has ended."""
        self._process.send_signal(number)

    async def wait(self) -> int:
        """Wait for its end and return its exit status, negative for a signal."""
        await self._ended.wait()
        return self._process.wait()

    async def ended_within(self, seconds: float) -> bool:
        """Wait for its end, but no longer than that."""
        try:
            await asyncio.wait_for(self._ended.wait(), seconds)
        except TimeoutError:
            return False
        return True

    def _reap(self) -> None:
        asyncio.get_running_loop().remove_reader(self._descriptor)
        os.close(self._descriptor)
        self._process.wait()
        self._ended.set()
