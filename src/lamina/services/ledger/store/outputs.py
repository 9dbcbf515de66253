"""Which outputs name a key, and which of them are spent (spec/ledger.md 3.6; statuses of 5.6, LAMINA)."""

from collections.abc import Sequence

from lamina.kernel.storage.database import Database
from lamina.services.ledger.model.status import Status
from lamina.services.ledger.model.transaction import Outpoint

_LIST = """
SELECT o.seq, o.position, o.output_index, o.tx_id FROM ledger.owners o
 WHERE o.public_key = $1 AND (o.seq, o.position, o.output_index) > ($2, $3, $4)
   AND ($5::boolean IS NULL OR $5 = EXISTS (
       SELECT FROM ledger.claims c
        WHERE c.input_tx_id = o.tx_id AND c.input_index = o.output_index AND c.status IN (0, 1)))
 ORDER BY o.seq, o.position, o.output_index
 LIMIT $6
"""

_SPENDERS = """
SELECT c.status, substring(l.body FROM t.byte_offset + 1 FOR t.byte_length) AS body
  FROM ledger.claims c
  JOIN ledger.tx_index t ON t.seq = c.seq AND t.tx_id = c.spender_tx_id AND t.status IN (0, 1)
  JOIN ledger.log l ON l.seq = t.seq
 WHERE c.input_tx_id = $1 AND c.input_index = $2 AND c.status IN (0, 1)
UNION ALL
(SELECT NULL, b.body FROM ledger.backlog_spends s JOIN ledger.backlog b USING (tx_id)
  WHERE s.input_tx_id = $1 AND s.input_index = $2 ORDER BY b.arrival)
"""

Place = tuple[int, int, int]
START: Place = (0, -1, -1)


async def page(
    database: Database, public_key: bytes, *, spent: bool | None, after: Place, limit: int
) -> tuple[Sequence[Outpoint], Place]:
    """One page of a key's outputs in chain order.

    Args:
        database: the reader.
        public_key: 32 raw bytes.
        spent: only spent, only unspent, or (None) both; spends that only wait in the backlog do not count.
        after: the place the previous page ended at, `START` for the first.
        limit: rows of a page.

    Returns:
        The outputs and the place to go on from.
    """
    rows = await database.fetch("ledger.page_outputs", _LIST, public_key, *after, spent, limit)
    if not rows:
        return [], after
    last = rows[-1]
    outputs = [Outpoint(row["tx_id"].hex(), row["output_index"]) for row in rows]
    return outputs, (last["seq"], last["position"], last["output_index"])


async def find_spenders(database: Database, output: Outpoint) -> list[tuple[Status | None, bytes]]:
    """Transactions that spend an output, with their canonical bytes; status None stands for the backlog."""
    rows = await database.fetch(
        "ledger.find_spenders", _SPENDERS, bytes.fromhex(output.tx_id), output.output_index
    )
    return [(None if row["status"] is None else Status(row["status"]), row["body"]) for row in rows]
