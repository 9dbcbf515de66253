"""Where the ledger ends: what a copy of its tables must have again."""

from lamina.kernel.contracts import Position
from lamina.kernel.storage.database import Connection


async def position(cx: Connection) -> Position:
    """The heads, and how many transactions wait or were rejected, as this transaction sees them."""
    row = await cx.fetchrow(
        """
        SELECT h.seq, h.tip, d.position AS decisions,
               (SELECT count(*) FROM ledger.backlog) AS waiting,
               (SELECT count(*) FROM ledger.rejected) AS rejected
          FROM ledger.log_head h, ledger.decision_head d
        """
    )
    assert row is not None, "the migration inserts the head rows"
    return dict(row.items())
