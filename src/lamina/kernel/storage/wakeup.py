"""Wake-up hints by LISTEN/NOTIFY with polling behind them.

A hint may be lost, doubled or switched off (`postgres.notify = false`): whoever waits also polls, so nothing
depends on it but latency (distribution-and-reliability section 4).
"""

import asyncio
import contextlib

import structlog

from lamina.kernel.errors import DatabaseUnavailable
from lamina.kernel.storage.database import Database, cut

_log = structlog.get_logger("lamina.storage")
RECONNECT_S = 1.0


class Wakeups:
    """One listening connection of a process, shared by all who wait on its channels."""

    def __init__(self, database: Database, channels: tuple[str, ...], *, enabled: bool = True) -> None:
        self._database = database
        self._enabled = enabled
        self._events = {channel: asyncio.Event() for channel in channels}
        self._lost = asyncio.Event()

    async def wait(self, channel: str, timeout_s: float) -> None:
        """Return on a hint or after the poll interval, whichever is first."""
        event = self._events[channel]
        # Not `wait_for`: until Python 3.12 it loses a cancellation that meets a hint, and a drain never ends.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await event.wait()
        event.clear()

    def hint(self, channel: str) -> None:
        """Wake whoever waits in this process."""
        self._events[channel].set()

    async def run(self) -> None:
        """Keep listening until cancelled; reconnects by itself."""
        if not self._enabled:
            await asyncio.Event().wait()
        while True:
            try:
                await self._listen()
            except DatabaseUnavailable as failure:
                _log.debug("wake-up connection unavailable", reason=failure.detail)
            await asyncio.sleep(RECONNECT_S)

    async def _listen(self) -> None:
        self._lost.clear()
        connection = await self._database.listen(tuple(self._events), self.hint, self._lost.set)
        for channel in self._events:
            self.hint(channel)  # whatever was announced while nobody listened
        try:
            await self._lost.wait()
        finally:
            cut(connection)  # it listens, so it is never given back to the pool
