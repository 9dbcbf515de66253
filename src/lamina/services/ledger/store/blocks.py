"""Blocks of the log by id, and which blocks hold a transaction."""

from dataclasses import dataclass
from datetime import datetime

from lamina.kernel.storage.database import Connection, Database
from lamina.services.ledger.model.status import Status

# Status 3 is an undecided block that this node voted down: 3 % 3 = 0.
_CONTAINING = """
SELECT l.block_id, t.status FROM ledger.log l
  JOIN (SELECT seq, status FROM ledger.tx_index WHERE tx_id = $1 AND status IN (0, 1)
        UNION ALL
        SELECT seq, status % 3 FROM ledger.tx_index WHERE tx_id = $1 AND status IN (2, 3)) t USING (seq)
 ORDER BY l.seq
"""


@dataclass(frozen=True, slots=True)
class Undecided:
    """A block whose election has not ended, with its canonical bytes."""

    seq: int
    body: bytes
    created_at: datetime


async def find(database: Database, block_id: str) -> bytes | None:
    """A block's canonical bytes, whatever its status."""
    return await database.fetchval(
        "ledger.find_block", "SELECT body FROM ledger.log WHERE block_id = $1", block_id
    )


async def find_status(database: Database, block_id: str) -> Status | None:
    """A block's status; None when it is not in the log."""
    row = await database.fetchrow(
        "ledger.find_block_status",
        """
        SELECT coalesce(d.status, 0) AS status
          FROM ledger.log l LEFT JOIN ledger.decisions d USING (block_id) WHERE l.block_id = $1
        """,
        block_id,
    )
    return None if row is None else Status(row["status"])


async def list_containing(database: Database, tx_id: str, status: Status | None) -> list[str]:
    """Ids of the blocks that hold a transaction, in log order; all statuses where none is asked for."""
    rows = await database.fetch(
        "ledger.list_blocks",
        """
        SELECT l.seq, l.block_id FROM ledger.log l
          JOIN (SELECT seq, status FROM ledger.tx_index WHERE tx_id = $1 AND status IN (0, 1)
                UNION ALL
                SELECT seq, status % 3 FROM ledger.tx_index
                 WHERE tx_id = $1 AND status IN (2, 3)) t USING (seq)
         WHERE $2::smallint IS NULL OR t.status = $2
         ORDER BY l.seq
        """,
        bytes.fromhex(tx_id),
        None if status is None else int(status),
    )
    return [row["block_id"] for row in rows]


async def list_statuses(database: Database, tx_id: str) -> dict[str, Status]:
    """The blocks that hold a transaction with their statuses, in log order."""
    rows = await database.fetch("ledger.list_block_statuses", _CONTAINING, bytes.fromhex(tx_id))
    return {row["block_id"]: Status(row["status"]) for row in rows}


async def find_undecided(cx: Connection, block_id: str) -> Undecided | None:
    """A block of the log whose election has not ended; the first block has none (spec/ledger.md 1.5)."""
    row = await cx.fetchrow(
        """
        SELECT l.seq, l.body, l.created_at FROM ledger.log l
         WHERE l.block_id = $1 AND l.seq > 1
           AND NOT EXISTS (SELECT FROM ledger.decisions d WHERE d.block_id = l.block_id)
        """,
        block_id,
    )
    return None if row is None else Undecided(row["seq"], row["body"], row["created_at"])


async def find_first(cx: Connection) -> str | None:
    """Id of the genesis block; None while the log is empty."""
    return await cx.fetchval("SELECT block_id FROM ledger.log WHERE seq = 1")
