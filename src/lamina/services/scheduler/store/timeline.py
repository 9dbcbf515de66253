"""All messages by time, whatever their process: the order of migrations (spec/scheduler.md 19.1)."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any

from lamina.kernel.storage.database import Database, Record


@dataclass(frozen=True, slots=True)
class Point:
    """A message's place in that order; those of one millisecond stand by process and nonce."""

    ts: int
    process_id: bytes
    nonce: int

    @classmethod
    def of(cls, row: Record) -> "Point":
        """Where a row stands."""
        return cls(row["ts"], row["process_id"], row["nonce"])


BEGINNING = Point(-(2**63), b"", -1)


@dataclass(frozen=True, slots=True)
class Stretch:
    """So many messages, at most, behind a point and so many more."""

    after: Point
    skip: int
    count: int


async def count(database: Database, stretch: Stretch) -> int:
    """How many messages a stretch has."""
    row = await database.fetchrow(
        "scheduler.count_stretch",
        """
        SELECT count(*) AS all FROM scheduler.messages WHERE (ts, process_id, nonce) > ($1, $2, $3)
        """,
        stretch.after.ts,
        stretch.after.process_id,
        stretch.after.nonce,
    )
    assert row is not None, "an aggregate has one row"
    return max(0, min(row["all"] - stretch.skip, stretch.count))


async def pages(database: Database, stretch: Stretch, page_rows: int) -> AsyncGenerator[Sequence[Record]]:
    """The index of a stretch, page by page, as it was when it began.

    The messages are sorted once, in one transaction, which is open as long as pages are read.

    Raises:
        DatabaseUnavailable: the connection was lost; go on behind the last point.
    """
    async with database.transaction("scheduler.read_timeline") as cx:
        cursor: Any = await cx.cursor(
            """
            SELECT process_id, nonce, ts, message_id, assignment_id,
                   octet_length(assignment) + coalesce(octet_length(item), 0) AS bytes
              FROM scheduler.messages WHERE (ts, process_id, nonce) > ($1, $2, $3)
             ORDER BY ts, process_id, nonce OFFSET $4 LIMIT $5
            """,
            stretch.after.ts,
            stretch.after.process_id,
            stretch.after.nonce,
            stretch.skip,
            stretch.count,
        )
        while rows := await cursor.fetch(page_rows):
            yield rows
