"""The platform's child processes: started with a brief, heard every second, restarted within a budget."""

import asyncio
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from lamina.kernel.clock import Clock
from lamina.kernel.errors import LaminaError
from lamina.kernel.supervision.budget import RestartBudget
from lamina.kernel.supervision.channel import Channel

_log = structlog.get_logger("lamina.supervision")
SILENCE_MAX_S = 30.0


class ChildGaveUp(LaminaError):
    """A child process failed more often than its restart budget allows."""

    code = "child_gave_up"


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """A process to keep alive: `python -m <module> <name>`, briefed with a document and inherited sockets.

    Attributes:
        flush_s: seconds that it may need to stop beyond what every process is given.
    """

    name: str
    module: str
    brief: dict[str, Any]
    sockets: Sequence[socket.socket] = ()
    flush_s: float = 0.0


@dataclass(slots=True)
class ChildState:
    """What the platform knows of a child."""

    name: str
    pid: int | None = None
    is_ready: bool = False
    reasons: list[str] = field(default_factory=lambda: ["starting"])
    restarts: int = 0


class Child:
    """Keeps one process running until it is asked to stop."""

    def __init__(self, spec: ChildSpec, clock: Clock, ended: Callable[[int], None]) -> None:
        """Prepare, without starting.

        Args:
            spec: what to run.
            clock: for the restart budget.
            ended: told the pid of every process that ended, to forget its metrics.
        """
        self.state = ChildState(spec.name)
        self._spec = spec
        self._budget = RestartBudget(clock)
        self._ended = ended
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = False

    async def run(self) -> None:
        """Run until `stop`.

        Raises:
            ChildGaveUp: it keeps failing.
        """
        while not self._stopping:
            code = await self._once()
            if self._stopping:
                return
            delay_s = self._budget.spend()
            _log.error("process ended", process=self._spec.name, exit_code=code, restart_in_s=delay_s)
            if delay_s is None:
                raise ChildGaveUp(f"The process {self._spec.name} keeps failing.")
            self.state.restarts += 1
            await asyncio.sleep(delay_s)

    async def stop(self, timeout_s: float) -> None:
        """Ask the process to drain; kill it when it takes longer than the timeout."""
        self._stopping = True
        process = self._process
        if process is None or process.returncode is not None:
            return
        _signal(process, signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), timeout_s + self._spec.flush_s)
        except TimeoutError:
            _log.error("process did not drain in time", process=self._spec.name)
            _signal(process, signal.SIGKILL)
            await process.wait()

    async def _once(self) -> int:
        ours, theirs = socket.socketpair()
        with theirs:
            fds = [theirs.fileno(), *(each.fileno() for each in self._spec.sockets)]
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", self._spec.module, self._spec.name, str(theirs.fileno()),
                pass_fds=fds, stdin=asyncio.subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        self._process = process
        self.state.pid = process.pid
        channel = await Channel.open(ours)
        channel.send({**self._spec.brief, "sockets": [each.fileno() for each in self._spec.sockets]})
        try:
            await self._hear(channel, process)
            return await process.wait()
        finally:
            if process.returncode is None:
                _signal(process, signal.SIGKILL)
                await process.wait()
            channel.close()
            self._ended(process.pid)
            self.state.is_ready, self.state.reasons = False, ["restarting"]

    async def _hear(self, channel: Channel, process: asyncio.subprocess.Process) -> None:
        """Follow the child's reports until it is gone or has been silent too long."""
        while True:
            try:
                report = await asyncio.wait_for(channel.receive(), SILENCE_MAX_S)
            except TimeoutError:
                _log.error("process is silent; killing it", process=self._spec.name, pid=process.pid)
                _signal(process, signal.SIGKILL)
                return
            if report is None:
                return
            self.state.reasons = report["reasons"]
            self.state.is_ready = not self.state.reasons


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except ProcessLookupError:
        return
