"""Lists: the index from the database, what the messages say from the disk store (spec/scheduler.md 18.3)."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from lamina.kernel.storage.database import Database, Record
from lamina.services.scheduler.disk.keys import Place
from lamina.services.scheduler.disk.nested import unpack
from lamina.services.scheduler.disk.store import DiskStore
from lamina.services.scheduler.metrics import DISK_MISSES
from lamina.services.scheduler.store import messages
from lamina.services.scheduler.store.messages import Window


class Listing:
    """Pages of messages, from wherever they are to be had."""

    def __init__(self, disk: DiskStore | None) -> None:
        """Prepare.

        Args:
            disk: may have what the database has.
        """
        self._disk = disk

    async def pages(
        self, database: Database, window: Window, *, limit: int, page_rows: int
    ) -> AsyncIterator[Sequence[Mapping[str, Any]]]:
        """The messages of a window by nonce: `nonce`, `ts`, `assignment`, `item`."""
        disk = self._disk
        if disk is None or not disk.is_ready:
            async for page in messages.pages(database, window, limit=limit, page_rows=page_rows):
                yield [dict(row) for row in page]
            return
        async for index in messages.index_pages(database, window, limit=limit, page_rows=page_rows):
            yield await self._filled(database, disk, index)

    async def _filled(
        self, database: Database, disk: DiskStore, index: Sequence[Record]
    ) -> Sequence[Mapping[str, Any]]:
        """The messages of an index; what the store has not, or has damaged, comes from its row."""
        values = await disk.read([place_of(row) for row in index])
        said: dict[bytes, tuple[bytes, bytes | None]] = {}
        missing: list[Record] = []
        for row, value in zip(index, values, strict=True):
            nested = None if value is None else unpack(row["assignment_id"], value)
            if nested is None:
                missing.append(row)
            else:
                said[row["assignment_id"]] = nested
        if missing:
            DISK_MISSES.inc(len(missing))
            found = await messages.find_bodies(database, missing)
            said |= {each: (row["assignment"], row["item"]) for each, row in found.items()}
        return [_line(row, *said[row["assignment_id"]]) for row in index]


def place_of(row: Record) -> Place:
    """Where the store has the message of a row."""
    return Place(row["process_id"], row["ts"], row["message_id"], row["assignment_id"])


def _line(row: Record, assignment: bytes, item: bytes | None) -> Mapping[str, Any]:
    return {"nonce": row["nonce"], "ts": row["ts"], "assignment": assignment, "item": item}
