"""Processes by id."""

from lamina.kernel.storage.database import Database, Record


async def find(database: Database, process_id: bytes) -> Record | None:
    """A process's spawn."""
    return await database.fetchrow(
        "scheduler.find_process",
        """
        SELECT process_id, item, block_height, ts, assignment, assignment_id
          FROM scheduler.processes WHERE process_id = $1
        """,
        process_id,
    )
