"""Messages by id and by place."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from lamina.kernel.storage.database import Database, Record


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a process's messages: after the first bound, up to and including the second.

    Attributes:
        column: `nonce` or `ts`.
    """

    process_id: bytes
    column: str
    after: int
    until: int


@dataclass(frozen=True, slots=True)
class Extent:
    """How much a window holds, counted up to a limit and one more."""

    count: int
    bytes: int


async def find(database: Database, any_id: bytes) -> Record | None:
    """The message with this id, or of this assignment; real messages before bare assignments (spec 14.1)."""
    return await database.fetchrow(
        "scheduler.find_message",
        """
        SELECT process_id, message_id, assignment_id, assignment, item FROM scheduler.messages
         WHERE message_id = $1 OR assignment_id = $1
         ORDER BY item IS NULL, ts, nonce LIMIT 1
        """,
        any_id,
    )


async def find_latest(database: Database, process_id: bytes) -> Record | None:
    """The message with the highest nonce."""
    return await database.fetchrow(
        "scheduler.find_latest",
        """
        SELECT assignment, item FROM scheduler.messages WHERE process_id = $1 ORDER BY nonce DESC LIMIT 1
        """,
        process_id,
    )


async def measure(database: Database, window: Window, limit: int) -> Extent:
    """How many messages a window has, `limit` and one more at most, and the bytes of the first `limit`."""
    row = await database.fetchrow(
        "scheduler.measure_messages",
        f"""
        SELECT count(*) AS count, coalesce(sum(bytes) FILTER (WHERE number <= $4::bigint), 0)::bigint AS bytes
          FROM (SELECT row_number() OVER (ORDER BY nonce) AS number,
                       octet_length(assignment) + coalesce(octet_length(item), 0) AS bytes
                  FROM scheduler.messages WHERE process_id = $1 AND {_column(window)} > $2
                   AND {_column(window)} <= $3 ORDER BY nonce LIMIT $4::bigint + 1) counted
        """,
        window.process_id,
        window.after,
        window.until,
        limit,
    )
    assert row is not None, "an aggregate has one row"
    return Extent(row["count"], row["bytes"])


def index_pages(
    database: Database, window: Window, *, limit: int, page_rows: int
) -> AsyncIterator[Sequence[Record]]:
    """The messages of a window by nonce without what they say, page by page: ids, time, bytes."""
    columns = """
        process_id, nonce, ts, message_id, assignment_id,
        octet_length(assignment) + coalesce(octet_length(item), 0) AS bytes
    """
    return _page_by_page(_Select(database, "scheduler.list_index", columns, window), limit, page_rows)


async def find_bodies(database: Database, index: Sequence[Record]) -> dict[bytes, Record]:
    """What messages of an index say, by the ids of their assignments."""
    rows = await database.fetch(
        "scheduler.find_bodies",
        """
        SELECT m.assignment_id, m.assignment, m.item
          FROM unnest($1::bytea[], $2::bigint[]) AS asked(process_id, nonce)
          JOIN scheduler.messages m ON m.process_id = asked.process_id AND m.nonce = asked.nonce
        """,
        [row["process_id"] for row in index],
        [row["nonce"] for row in index],
    )
    return {row["assignment_id"]: row for row in rows}


async def find_known(database: Database, assignment_ids: Sequence[bytes]) -> set[bytes]:
    """Which of these assignments there are."""
    rows = await database.fetch(
        "scheduler.find_known",
        "SELECT assignment_id FROM scheduler.messages WHERE assignment_id = ANY($1::bytea[])",
        assignment_ids,
    )
    return {row["assignment_id"] for row in rows}


async def find_at(database: Database, process_id: bytes, nonce: int) -> bytes | None:
    """The id of the assignment with a nonce, be it the process's own."""
    return await database.fetchval(
        "scheduler.find_at",
        """
        SELECT assignment_id FROM scheduler.messages WHERE process_id = $1 AND nonce = $2
        UNION ALL SELECT assignment_id FROM scheduler.processes
         WHERE process_id = $1 AND $2 = 0 AND assignment_id IS NOT NULL LIMIT 1
        """,
        process_id,
        nonce,
    )


def pages(
    database: Database, window: Window, *, limit: int, page_rows: int
) -> AsyncIterator[Sequence[Record]]:
    """The messages of a window by nonce, page by page."""
    columns = "nonce, ts, assignment, item"
    return _page_by_page(_Select(database, "scheduler.list_messages", columns, window), limit, page_rows)


@dataclass(frozen=True, slots=True)
class _Select:
    """What is read of a window, the nonce among it."""

    database: Database
    name: str
    columns: str
    window: Window

    async def after(self, nonce: int, limit: int) -> Sequence[Record]:
        """Messages with a higher nonce."""
        window = self.window
        return await self.database.fetch(
            self.name,
            f"""
            SELECT {self.columns} FROM scheduler.messages
             WHERE process_id = $1 AND {_column(window)} > $2 AND {_column(window)} <= $3 AND nonce > $4
             ORDER BY nonce LIMIT $5
            """,
            window.process_id,
            window.after,
            window.until,
            nonce,
            limit,
        )


async def _page_by_page(select: _Select, limit: int, page_rows: int) -> AsyncIterator[Sequence[Record]]:
    nonce, left = -1, limit
    while left > 0 and (rows := await select.after(nonce, min(left, page_rows))):
        yield rows
        left -= len(rows)
        nonce = rows[-1]["nonce"]


def _column(window: Window) -> str:
    """One of two names of our own; nothing else becomes SQL."""
    return {"nonce": "nonce", "ts": "ts"}[window.column]
