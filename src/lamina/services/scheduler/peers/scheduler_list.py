"""The scheduler list's file: taken over at start, and again whenever it has changed."""

import asyncio
from pathlib import Path

import structlog

from lamina.kernel.errors import LaminaError
from lamina.kernel.storage.database import Database
from lamina.services.scheduler.errors import BadSchedulerList
from lamina.services.scheduler.metrics import LIST_USABLE
from lamina.services.scheduler.rules.scheduler_list import parse_list
from lamina.services.scheduler.settings import SchedulerSettings
from lamina.services.scheduler.store import units

_log = structlog.get_logger("lamina.scheduler.router")


class SchedulerList:
    """Follows the file; one that cannot be used changes nothing, the database has the last good one."""

    def __init__(self, database: Database, settings: SchedulerSettings) -> None:
        """Prepare; nothing is read yet."""
        self._database = database
        self._path = Path(settings.schedulers_path)
        self._bytes_max = settings.schedulers_bytes_max
        self._interval_s = settings.schedulers_interval_s
        self._is_read_only = settings.read_only
        self._taken: bytes | None = None
        self._complaint = ""

    async def run(self) -> None:
        """Follow the file until cancelled."""
        while True:
            await asyncio.sleep(self._interval_s)
            await self.look()

    async def look(self) -> None:
        """Take the file over if it has changed; there may be none, and a reader of a standby takes nothing."""
        if self._is_read_only or not self._path.name:
            return
        try:
            raw = await asyncio.to_thread(self._read)
            if raw != self._taken:
                await self._take(raw)
        except LaminaError as failure:
            if failure.detail != self._complaint:
                _log.error(
                    "the scheduler list is not taken over; the units stay as they are",
                    path=str(self._path), reason=failure.detail, do=failure.hint,
                )  # fmt: skip
            self._complaint = failure.detail
            LIST_USABLE.set(0)
        else:
            self._complaint = ""
            LIST_USABLE.set(1)

    async def _take(self, raw: bytes) -> None:
        listed = parse_list(raw)
        await units.keep(self._database, listed)
        self._taken = raw
        _log.info("the scheduler list was taken over", path=str(self._path), units=len(listed))

    def _read(self) -> bytes:
        try:
            with self._path.open("rb") as file:
                raw = file.read(self._bytes_max + 1)
        except OSError as failure:
            raise BadSchedulerList(
                f"The scheduler list cannot be read: {failure.strerror}",
                hint="Make the file, or correct scheduler.schedulers_path",
            ) from None
        if len(raw) > self._bytes_max:
            raise BadSchedulerList(
                f"The scheduler list is larger than {self._bytes_max} bytes",
                hint="Shorten it, or raise scheduler.schedulers_bytes_max",
            )
        return raw
