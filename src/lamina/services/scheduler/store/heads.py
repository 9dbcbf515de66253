"""Where chains end."""

from collections.abc import AsyncIterator, Sequence

from lamina.kernel.storage.database import Database, Record
from lamina.services.scheduler.model.head import Head


async def find(database: Database, process_id: bytes) -> Head | None:
    """The head of a process; None when there is no such process."""
    row = await database.fetchrow(
        "scheduler.find_head",
        "SELECT nonce, assignment_id, hash_chain, ts FROM scheduler.heads WHERE process_id = $1",
        process_id,
    )
    return None if row is None else Head(row["nonce"], row["assignment_id"], row["hash_chain"], row["ts"])


async def pages(database: Database, page_rows: int) -> AsyncIterator[Sequence[Record]]:
    """Every chain that has an assignment, by process."""
    after = b""
    while True:
        rows = await database.fetch(
            "scheduler.list_heads",
            """
            SELECT process_id, nonce, assignment_id FROM scheduler.heads
             WHERE process_id > $1 AND assignment_id IS NOT NULL ORDER BY process_id LIMIT $2
            """,
            after,
            page_rows,
        )
        if not rows:
            return
        yield rows
        after = rows[-1]["process_id"]
