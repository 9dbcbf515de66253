"""Transactions that waited too long for their node are given to another (spec/ledger.md 5.5)."""

from lamina.services.ledger.consensus.assignment import Assignment
from lamina.services.ledger.consensus.ordered_log import OrderedLog

SLICE = 1000


class Reassignment:
    """Watches the shared backlog for one node; every node does, and of several who move a row one does."""

    def __init__(self, log: OrderedLog, assignment: Assignment, *, delay_s: float) -> None:
        """Prepare.

        Args:
            log: where transactions wait.
            assignment: which node is the next.
            delay_s: seconds since its assignment after which a transaction is stale, by the log's clock.
        """
        self._log = log
        self._assignment = assignment
        self._delay_s = delay_s

    async def step(self) -> int:
        """Reassign the stalest, at most `SLICE` of them.

        Returns:
            How many were given to another node.
        """
        moved = 0
        for stale in await self._log.find_stale(self._delay_s, SLICE):
            moved += await self._log.reassign(stale, self._assignment.choose_again(stale.assignee))
        return moved
