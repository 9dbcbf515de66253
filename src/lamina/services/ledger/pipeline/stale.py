"""Transactions that waited too long for their node are given to another (spec/ledger.md 5.5).

Two nodes may hold one transaction for a while; its place in the log is unique all the same.
"""

from collections.abc import Sequence

from lamina.kernel.storage.database import Database
from lamina.services.ledger.model.federation import Federation
from lamina.services.ledger.pipeline import assignment
from lamina.services.ledger.store import backlog
from lamina.services.ledger.store.backlog import Assigned

SLICE_ROWS = 1000


async def find(database: Database, delay_s: float) -> Sequence[Assigned]:
    """The stalest transactions, at most `SLICE_ROWS`: the next look finds what is left.

    Args:
        database: the reader.
        delay_s: seconds since the assignment after which a transaction is stale.
    """
    return await backlog.find_stale(database, older_than_s=delay_s, limit=SLICE_ROWS)


async def reassign(database: Database, federation: Federation, tx_id: str, current: str) -> str | None:
    """Give a transaction to a random member other than its current node.

    Returns:
        The new node; None where the transaction no longer waits for the current one.

    Raises:
        CommitUnknown: it may have been given away; the next look for stale transactions shows it.
    """
    chosen = assignment.choose_again(federation, current)
    moved = await backlog.reassign(database, tx_id, current=current, assignee=chosen)
    return chosen if moved else None
