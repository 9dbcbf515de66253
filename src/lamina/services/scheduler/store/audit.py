"""Everything that was scheduled, process by process, for verification."""

from collections.abc import AsyncIterator, Sequence

from lamina.kernel.storage.database import Database, Record

PAGE_ROWS = 1000


async def processes(database: Database) -> AsyncIterator[Sequence[Record]]:
    """All processes with the heads of their chains, by id."""
    after = b""
    while True:
        rows = await database.fetch(
            "scheduler.audit_processes",
            """
            SELECT p.process_id, p.item, p.ts, p.assignment, p.assignment_id,
                   h.nonce AS head_nonce, h.assignment_id AS head_id
              FROM scheduler.processes p LEFT JOIN scheduler.heads h ON h.process_id = p.process_id
             WHERE p.process_id > $1 ORDER BY p.process_id LIMIT $2
            """,
            after,
            PAGE_ROWS,
        )
        if not rows:
            return
        yield rows
        after = rows[-1]["process_id"]


async def count_messages(database: Database) -> int:
    """How many there are."""
    return await database.fetchval("scheduler.count_messages", "SELECT count(*) FROM scheduler.messages")
