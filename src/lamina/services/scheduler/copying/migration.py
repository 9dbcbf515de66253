"""Fills the disk store from the database, any part of it (spec/scheduler.md 19.1).

Several may work at once, beside each other and beside the server: see `disk.incoming`.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

import structlog

from lamina.kernel.storage.database import Database
from lamina.services.scheduler.copying.checkpoint import Checkpoint, Progressed
from lamina.services.scheduler.copying.reading import portions, read_values
from lamina.services.scheduler.copying.span import Span
from lamina.services.scheduler.disk import incoming
from lamina.services.scheduler.disk.incoming import Desk
from lamina.services.scheduler.disk.rocks import Rocks
from lamina.services.scheduler.disk.store import incoming_of, store_of
from lamina.services.scheduler.errors import DiskStoreHeld
from lamina.services.scheduler.store import timeline
from lamina.services.scheduler.store.timeline import BEGINNING, Point, Stretch

_log = structlog.get_logger("lamina.scheduler.migrate")

FILE_BYTES = 64 << 20
"""Of values that become one file; few large ones are taken in faster than many small ones."""

LINES_S = 10.0
TAKEN_S = 0.2

Advanced = Callable[[int, int], None]
"""Told how many messages were read, and how many there are in the range."""


class Migration:
    """One run."""

    def __init__(self, database: Database, place: Path, batch_rows: int, advanced: Advanced) -> None:
        """Prepare.

        Args:
            database: where messages are.
            place: the disk store's directory.
            batch_rows: messages that are read at a time.
            advanced: told how far it is.
        """
        self._database = database
        self._place = place
        self._batch_rows = batch_rows
        self._advanced = advanced
        self._said = time.monotonic()

    async def run(self, span: Span) -> int:
        """Copy a range; returns how many messages, those of an interrupted run before included.

        Raises:
            DatabaseUnavailable, DiskStoreFailed, IncomingRefused: run it again, it goes on where it was.
        """
        began = time.monotonic()
        with incoming.desk(incoming_of(self._place)) as desk:
            done = await self._read(span, desk)
        await self._until_taken()
        _log.info(f"Time elapsed in data migration is: {time.monotonic() - began:.3f}s", messages=done)
        return done

    async def _read(self, span: Span, desk: Desk) -> int:
        checkpoint = Checkpoint(self._place / "migrations" / f"{span.name}.json")
        before = checkpoint.read()
        stretch, done = Stretch(BEGINNING, span.first, span.count), 0
        if before is not None:
            _log.info("an interrupted migration goes on", messages=before.done, kept_in=str(checkpoint.file))
            stretch, done = Stretch(before.last, 0, max(0, span.count - before.done)), before.done
        total = done + await timeline.count(self._database, stretch)
        values: dict[bytes, bytes] = {}
        size = 0
        async with aclosing(timeline.pages(self._database, stretch, self._batch_rows)) as pages:
            async for page in pages:
                for portion in portions(page):
                    values |= await read_values(self._database, portion)
                    size += sum(row["bytes"] for row in portion)
                    done += len(portion)
                    if size >= FILE_BYTES:
                        await asyncio.to_thread(desk.hand_over, values)
                        checkpoint.keep(Progressed(Point.of(portion[-1]), done))
                        values, size = {}, 0
                self._say(done, total)
        if values:
            await asyncio.to_thread(desk.hand_over, values)
        checkpoint.remove()
        return done

    def _say(self, done: int, total: int) -> None:
        self._advanced(done, total)
        if time.monotonic() - self._said >= LINES_S:
            self._said = time.monotonic()
            _log.info(f"Messages processed update: {done}")

    async def _until_taken(self) -> None:
        """Wait until whoever has the store has taken everything, or take it where nobody has.

        Files that an interrupted run left count too.
        """
        files = incoming.ready(incoming_of(self._place))
        while files := incoming.waiting(files):
            if not await asyncio.to_thread(self._take):
                await asyncio.sleep(TAKEN_S)

    def _take(self) -> bool:
        try:
            store = Rocks.open(store_of(self._place))
        except DiskStoreHeld:
            return False
        try:
            incoming.take(incoming_of(self._place), store)
        finally:
            store.close()
        return True
