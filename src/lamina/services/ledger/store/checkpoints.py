"""The unspent outputs, and the checkpoints that were signed over them."""

from collections.abc import Sequence

from lamina.kernel.storage.database import Connection, Database, copy_rows
from lamina.services.ledger.model.checkpoint import Checkpoint
from lamina.services.ledger.model.entry import Head
from lamina.services.ledger.model.transaction import Transaction

_FRONTIER = """
SELECT l.seq, l.block_id FROM ledger.log l, ledger.decision_head h
 WHERE l.seq = (SELECT max(seq) FROM ledger.decisions) AND h.position = l.seq - 1
"""
_UNSPENT = """
SELECT coalesce(string_agg(tx_id || int4send(output_index), ''::bytea ORDER BY tx_id, output_index), '')
  FROM ledger.unspent WHERE tx_id >= $1 AND ($2::bytea IS NULL OR tx_id < $2)
"""


async def settle(cx: Connection, transactions: Sequence[Transaction]) -> None:
    """What valid transactions spend is spent, and what they put out is not."""
    spent = [wanted for tx in transactions for wanted in tx.spends]
    if spent:
        await cx.execute(
            "DELETE FROM ledger.unspent u USING unnest($1::bytea[], $2::int[]) AS s (tx_id, index) "
            "WHERE u.tx_id = s.tx_id AND u.output_index = s.index",
            [bytes.fromhex(output.tx_id) for output in spent],
            [output.output_index for output in spent],
        )
    rows = [(bytes.fromhex(tx.id), index) for tx in transactions for index in range(len(tx.outputs))]
    await copy_rows(cx, "ledger.unspent", ("tx_id", "output_index"), rows)


async def read_unspent(cx: Connection, bucket: int) -> bytes:
    """The outputs of one bucket, sorted, each 32 bytes of id and 4 of index."""
    following = None if bucket == 255 else bytes([bucket + 1])
    return await cx.fetchval(_UNSPENT, bytes([bucket]), following)


async def read_frontier(cx: Connection) -> Head | None:
    """The newest decided block, where as many blocks are decided as stand up to it; the first never is."""
    row = await cx.fetchrow(_FRONTIER)
    return None if row is None else Head(row["seq"], row["block_id"])


async def read_last(cx: Connection, node: str) -> int:
    """The position of a node's newest checkpoint; 0 where it has none."""
    return await cx.fetchval("SELECT coalesce(max(seq), 0) FROM ledger.checkpoints WHERE node = $1", node)


async def find(cx: Connection, node: str, seq: int) -> Checkpoint | None:
    """A node's checkpoint at a position."""
    row = await cx.fetchrow(
        "SELECT node, seq, block_id, state_hash, body FROM ledger.checkpoints WHERE node = $1 AND seq = $2",
        node,
        seq,
    )
    return None if row is None else Checkpoint(**row)


async def insert(cx: Connection, checkpoint: Checkpoint) -> None:
    """Keep one; the first that a node signed for a position stays."""
    await cx.execute(
        "INSERT INTO ledger.checkpoints (node, seq, block_id, state_hash, body) VALUES ($1, $2, $3, $4, $5) "
        "ON CONFLICT (node, seq) DO NOTHING",
        checkpoint.node,
        checkpoint.seq,
        checkpoint.block_id,
        checkpoint.state_hash,
        checkpoint.body,
    )


async def page(database: Database, *, limit: int) -> list[Checkpoint]:
    """The newest checkpoints of all nodes first."""
    rows = await database.fetch(
        "ledger.page_checkpoints",
        "SELECT node, seq, block_id, state_hash, body FROM ledger.checkpoints "
        "ORDER BY seq DESC, node LIMIT $1",
        limit,
    )
    return [Checkpoint(**row) for row in rows]
