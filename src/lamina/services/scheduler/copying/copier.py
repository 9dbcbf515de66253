"""Brings the disk store up to date: what it misses since the start, and what other units write."""

import asyncio
from collections.abc import Sequence

import structlog

from lamina.kernel.errors import LaminaError
from lamina.kernel.storage.database import Database, Record
from lamina.services.scheduler.copying.listing import place_of
from lamina.services.scheduler.copying.reading import portions, read_values
from lamina.services.scheduler.disk.mark import Mark, Step
from lamina.services.scheduler.disk.store import DiskStore
from lamina.services.scheduler.metrics import DISK_COPIED, DISK_READY
from lamina.services.scheduler.store import heads, messages
from lamina.services.scheduler.store.messages import Window

_log = structlog.get_logger("lamina.scheduler.disk")

PAGE_ROWS = 1000
SERVE_S = 1.0
REST_SHARE = 9.0
"""After a look at all processes that found nothing, at least so many times its length is rest."""


class Copier:
    """Opens the store when it is free, and keeps it whole as long as it is open.

    Each process is copied from its mark to its head. Since nonces have no gaps and appear in their order,
    nothing can be missed, whoever wrote it; what this unit wrote itself has moved the marks already.
    """

    def __init__(self, database: Database, disk: DiskStore, interval_s: float) -> None:
        """Prepare.

        Args:
            database: decides what there is.
            disk: follows.
            interval_s: between two tries to open it, and two looks at what others wrote.
        """
        self._database = database
        self._disk = disk
        self._interval_s = interval_s

    async def run(self) -> None:
        """Work until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            began, copied = loop.time(), 0
            try:
                copied = await self._round()
            except LaminaError as failure:
                _log.warning("the disk store waits", reason=failure.detail, hint=failure.hint)
            DISK_READY.set(self._disk.is_ready)
            looked_s = 0.0 if copied else loop.time() - began
            await asyncio.sleep(max(self._interval_s, REST_SHARE * looked_s))

    async def serve(self) -> None:
        """Do for migrations and comparisons what only the store's process can, until cancelled."""
        while True:
            try:
                if self._disk.is_ready:
                    await self._disk.serve()
            except LaminaError as failure:
                _log.warning("migrations and comparisons wait", reason=failure.detail)
            await asyncio.sleep(SERVE_S)

    async def _round(self) -> int:
        """Copy what is missing, if the store can be had; returns how many messages."""
        if not await self._disk.open():
            return 0
        copied = 0
        async for page in heads.pages(self._database, PAGE_ROWS):
            marks = await self._disk.marks([row["process_id"] for row in page])
            for head, mark in zip(page, marks, strict=True):
                if mark != _mark_of(head):
                    copied += await self._copy(head, mark)
        if copied:
            _log.info("messages were copied to the disk store", messages=copied)
        return copied

    async def _copy(self, head: Record, mark: Mark | None) -> int:
        """Copy what a process has beyond its mark; returns how many messages."""
        process_id, copied = head["process_id"], 0
        if (
            mark is not None
            and await messages.find_at(self._database, process_id, mark.nonce) != mark.assignment_id
        ):
            await self._disk.forget(process_id)
            mark = None
        window = Window(process_id, "nonce", -1 if mark is None else mark.nonce, head["nonce"])
        pages = messages.index_pages(self._database, window, limit=2**62, page_rows=PAGE_ROWS)
        async for page in pages:
            for portion in portions(page):
                copied += await self._copy_portion(portion)
                mark = await self._marked(process_id, mark, _mark_of(portion[-1]))
        if mark is None or mark.nonce < head["nonce"]:
            await self._marked(process_id, mark, _mark_of(head))
        return copied

    async def _copy_portion(self, portion: Sequence[Record]) -> int:
        """Copy what is not there: a migration, or this unit, may have brought it."""
        values = await self._disk.read([place_of(row) for row in portion])
        missing = [row for row, value in zip(portion, values, strict=True) if value is None]
        if missing:
            await self._disk.copy(await read_values(self._database, missing))
            DISK_COPIED.inc(len(missing))
        return len(missing)

    async def _marked(self, process_id: bytes, before: Mark | None, after: Mark) -> Mark:
        if before != after:
            await self._disk.mark(process_id, Step(before, after))
        return after


def _mark_of(row: Record) -> Mark:
    return Mark(row["nonce"], row["assignment_id"])
