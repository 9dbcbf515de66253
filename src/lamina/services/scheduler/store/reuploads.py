"""Assignments by the time they were made, with what is bundled with each."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from lamina.kernel.storage.database import Database
from lamina.services.scheduler.store.outbox import Waiting

PAGE_ROWS = 100


@dataclass(frozen=True, slots=True)
class Assigned:
    """An assignment, and its bundle's contents."""

    assignment_id: bytes
    waiting: Waiting


async def newer(database: Database, process_id: bytes, since_ms: int) -> AsyncIterator[Assigned]:
    """The assignments of a process after a time, its own included, in their order."""
    after = -1
    while True:
        rows = await database.fetch(
            "scheduler.read_assigned",
            """
            SELECT nonce, ts, assignment_id, assignment, item, block_height FROM (
                SELECT 0::bigint AS nonce, ts, assignment_id, assignment, item, block_height
                  FROM scheduler.processes WHERE process_id = $1 AND assignment IS NOT NULL
                UNION ALL
                SELECT nonce, ts, assignment_id, assignment, item, 0::bigint
                  FROM scheduler.messages WHERE process_id = $1 AND nonce > $3 AND ts > $2) assigned
             WHERE ts > $2 AND nonce > $3 ORDER BY nonce LIMIT $4
            """,
            process_id,
            since_ms,
            after,
            PAGE_ROWS,
        )
        for row in rows:
            waiting = Waiting(0, 0, None, row["item"], row["assignment"], row["block_height"], row["ts"], 0.0)
            yield Assigned(row["assignment_id"], waiting)
        if len(rows) < PAGE_ROWS:
            return
        after = rows[-1]["nonce"]
