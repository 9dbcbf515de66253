"""Elections that have ended, in the order they ended; the stream `ledger.blocks` reads them by position."""

from collections.abc import Sequence
from dataclasses import dataclass

from lamina.kernel.storage.database import Connection, Database
from lamina.services.ledger.model.status import Status

CHANNEL = "ledger_decisions"


@dataclass(frozen=True, slots=True)
class ValidBlock:
    """A block that became valid: (transaction id, asset id) in block order."""

    position: int
    block_id: str
    transactions: Sequence[tuple[str, str]]


async def lock(cx: Connection) -> None:
    """Take the right to decide until the transaction ends, so that the last of two votes sees the first."""
    await cx.execute("SELECT position FROM ledger.decision_head WHERE id = 1 FOR UPDATE")


async def insert(
    cx: Connection, *, block_id: str, seq: int, status: Status, is_released: bool = True
) -> None:
    """Freeze a block's status, once, in the transaction that stores the deciding vote.

    Args:
        cx: that transaction.
        block_id: the block.
        seq: its position.
        status: VALID or INVALID.
        is_released: False where the shared log must still let the block's transactions go.
    """
    position = await cx.fetchval(
        "UPDATE ledger.decision_head SET position = position + 1 WHERE id = 1 RETURNING position"
    )
    await cx.execute(
        "INSERT INTO ledger.decisions (position, block_id, seq, status, is_released) "
        "VALUES ($1, $2, $3, $4, $5)",
        position,
        block_id,
        seq,
        int(status),
        is_released,
    )


async def announce(cx: Connection) -> None:
    """Hint to every process, when the transaction commits, that there are new decisions."""
    await cx.execute("SELECT pg_notify($1, '')", CHANNEL)


async def read_position(database: Database) -> int:
    """The position of the newest decision."""
    return await database.fetchval(
        "ledger.read_decision_head", "SELECT position FROM ledger.decision_head WHERE id = 1"
    )


async def read_valid(database: Database, after: int, limit: int) -> tuple[int, list[ValidBlock]]:
    """Blocks that became valid after a position.

    Returns:
        The position read up to (invalid blocks are passed over) and the valid blocks, in order of decision.
    """
    rows = await database.fetch(
        "ledger.read_decisions",
        """
        SELECT d.position, d.block_id, d.status, t.tx_id, t.asset_id
          FROM (SELECT * FROM ledger.decisions WHERE position > $1 ORDER BY position LIMIT $2) d
          JOIN ledger.tx_index t USING (seq)
         ORDER BY d.position, t.position
        """,
        after,
        limit,
    )
    blocks: dict[int, tuple[str, list[tuple[str, str]]]] = {}
    for row in rows:
        after = row["position"]
        if row["status"] == Status.VALID:
            _, transactions = blocks.setdefault(after, (row["block_id"], []))
            transactions.append((row["tx_id"].hex(), row["asset_id"].hex()))
    return after, [ValidBlock(position, *block) for position, block in blocks.items()]
