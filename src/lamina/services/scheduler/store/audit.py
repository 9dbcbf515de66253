"""Everything that was scheduled, process by process, for verification."""

from collections.abc import AsyncIterator, Sequence

from lamina.kernel.storage.database import Database, Record

PAGE_ROWS = 1000
PAGE_BYTES = 16 * 2**20
"""Items read at once, unless one alone is larger."""

_PROCESS = """
    SELECT p.process_id, p.item, p.block_height, p.ts, p.assignment, p.assignment_id,
           h.nonce AS head_nonce, h.assignment_id AS head_id,
           o.process_id IS NOT NULL AS is_original, o.head
      FROM scheduler.processes p LEFT JOIN scheduler.heads h ON h.process_id = p.process_id
           LEFT JOIN scheduler.originals o ON o.process_id = p.process_id
                 AND o.nonce = CASE WHEN p.assignment IS NULL THEN -1 ELSE 0 END
"""


async def processes(database: Database) -> AsyncIterator[Sequence[Record]]:
    """All processes with the heads of their chains, by id."""
    after = b""
    while True:
        rows = await database.fetch(
            "scheduler.audit_processes",
            f"{_PROCESS} WHERE p.process_id > $1 ORDER BY p.process_id LIMIT $2",
            after,
            PAGE_ROWS,
        )
        if not rows:
            return
        yield rows
        after = rows[-1]["process_id"]


async def find_process(database: Database, process_id: bytes) -> Record | None:
    """One of them."""
    return await database.fetchrow(
        "scheduler.audit_process", f"{_PROCESS} WHERE p.process_id = $1", process_id
    )


async def messages(
    database: Database, process_id: bytes, after_nonce: int
) -> AsyncIterator[Sequence[Record]]:
    """The messages of a process after a nonce, in order, with what is kept of the original's bundles."""
    while True:
        rows = await database.fetch(
            "scheduler.audit_messages",
            """
            SELECT m.nonce, m.ts, m.message_id, m.assignment_id, m.assignment, m.item,
                   o.process_id IS NOT NULL AS is_original, o.head
              FROM (SELECT *, sum(size) OVER (ORDER BY nonce) - size AS bytes_before
                      FROM (SELECT *, octet_length(assignment) + coalesce(octet_length(item), 0) AS size
                              FROM scheduler.messages WHERE process_id = $1 AND nonce > $2
                             ORDER BY nonce LIMIT $3) page) m
                   LEFT JOIN scheduler.originals o ON o.process_id = m.process_id AND o.nonce = m.nonce
             WHERE m.bytes_before < $4 ORDER BY m.nonce
            """,
            process_id,
            after_nonce,
            PAGE_ROWS,
            PAGE_BYTES,
        )
        if not rows:
            return
        yield rows
        after_nonce = rows[-1]["nonce"]


async def find_message(database: Database, process_id: bytes, nonce: int) -> Record | None:
    """One message by its place, with what is kept of the original's bundle."""
    return await database.fetchrow(
        "scheduler.audit_message",
        """
        SELECT m.nonce, m.ts, m.message_id, m.assignment_id, m.assignment, m.item,
               o.process_id IS NOT NULL AS is_original, o.head
          FROM scheduler.messages m
               LEFT JOIN scheduler.originals o ON o.process_id = m.process_id AND o.nonce = m.nonce
         WHERE m.process_id = $1 AND m.nonce = $2
        """,
        process_id,
        nonce,
    )


async def count_messages(database: Database) -> int:
    """How many there are."""
    return await database.fetchval("scheduler.count_messages", "SELECT count(*) FROM scheduler.messages")
