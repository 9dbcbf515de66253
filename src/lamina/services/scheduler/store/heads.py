"""Where chains end."""

from lamina.kernel.storage.database import Database
from lamina.services.scheduler.model.head import Head


async def find(database: Database, process_id: bytes) -> Head | None:
    """The head of a process; None when there is no such process."""
    row = await database.fetchrow(
        "scheduler.find_head",
        "SELECT nonce, assignment_id, hash_chain, ts FROM scheduler.heads WHERE process_id = $1",
        process_id,
    )
    return None if row is None else Head(row["nonce"], row["assignment_id"], row["hash_chain"], row["ts"])
