"""A node accepts transactions for the federation: checked against its copy, durable in the shared backlog.

A 202 is answered only after the backlog has it. What is accepted here may still be refused by the node that
builds the block; that ends in the recorded rejections (distribution-and-reliability 6.7).
"""

from collections.abc import Mapping, Sequence

from lamina.kernel.errors import CommitUnknown, DatabaseUnavailable, LaminaError
from lamina.services.ledger.consensus.assignment import Assignment
from lamina.services.ledger.consensus.ledger_copy import LedgerCopy
from lamina.services.ledger.consensus.ordered_log import OrderedLog
from lamina.services.ledger.errors import DoubleSpend
from lamina.services.ledger.model.transaction import Outpoint, Transaction
from lamina.services.ledger.model.waiting import Rivals, Submission
from lamina.services.ledger.rules import spend
from lamina.services.ledger.rules.facts import Facts
from lamina.services.ledger.rules.spend import ChainView

NO_OBJECTIONS: Mapping[str, LaminaError] = {}


class Acceptance:
    """Accepts for one node."""

    def __init__(
        self, log: OrderedLog, copy: LedgerCopy, assignment: Assignment, *, strict_owners: bool
    ) -> None:
        """Prepare.

        Args:
            log: where transactions wait.
            copy: what they are checked against.
            assignment: which node puts each into a block.
            strict_owners: as in `rules.spend.check`.
        """
        self._log = log
        self._copy = copy
        self._assignment = assignment
        self._strict_owners = strict_owners

    async def accept(
        self, batch: Sequence[Transaction], objections: Mapping[str, LaminaError] = NO_OBJECTIONS
    ) -> list[LaminaError | None]:
        """Check and store transactions whose form is right.

        Args:
            batch: what was posted.
            objections: by id, what else speaks against one that the chain's rules let pass.

        Returns:
            For each None where it is durable, else why it is not or may not be.

        Raises:
            DatabaseUnavailable: nothing is stored.
        """
        facts = await self._copy.run("ledger.read_facts", lambda cx: cx.read_facts(batch))
        rivals = await self._find_rivals(batch)
        claimed: dict[Outpoint, str] = {}
        refusals = [self._refusal(tx, facts, rivals, claimed) or objections.get(tx.id) for tx in batch]
        accepted = [tx for tx, refusal in zip(batch, refusals, strict=True) if refusal is None]
        unknown = await self._submit(accepted, facts)
        return [
            refusal if refusal is not None else unknown.get(tx.id)
            for tx, refusal in zip(batch, refusals, strict=True)
        ]

    async def _find_rivals(self, batch: Sequence[Transaction]) -> Rivals:
        outputs = sorted({wanted for tx in batch for wanted in tx.spends})
        if not outputs:
            return Rivals(frozenset(), {})
        return await self._log.find_rivals(sorted({wanted.tx_id for wanted in outputs}), outputs)

    def _refusal(
        self, tx: Transaction, facts: Facts, rivals: Rivals, claimed: dict[Outpoint, str]
    ) -> LaminaError | None:
        """Why one cannot be accepted, if so; its outputs count as claimed for the rest of the batch."""
        known = facts.view.spends
        spenders = {
            wanted: set(known.spenders.get(wanted, ())) | rivals.spenders.get(wanted, set())
            for wanted in tx.spends
        }
        try:
            spend.check(
                tx,
                ChainView(known.transactions, rivals.waiting, spenders),
                strict_owners=self._strict_owners,
            )
            for wanted in tx.spends:
                if claimed.setdefault(wanted, tx.id) != tx.id:
                    raise DoubleSpend(f"input `{wanted.tx_id}` was already spent")
        except LaminaError as refusal:
            return refusal
        return None

    async def _submit(self, accepted: Sequence[Transaction], facts: Facts) -> dict[str, LaminaError]:
        """Make them durable; those that may not be, with the reason."""
        if not accepted:
            return {}
        submissions = [Submission(tx, self._assignment.choose(), facts.needs_seq(tx)) for tx in accepted]
        try:
            await self._log.submit(submissions)
        except CommitUnknown as unknown:
            present = await self._find_accepted([tx.id for tx in accepted])
            return {tx.id: unknown for tx in accepted if tx.id not in present}
        return {}

    async def _find_accepted(self, tx_ids: Sequence[str]) -> set[str]:
        """Which of them are stored after all, as far as the log can be asked."""
        try:
            return await self._log.find_accepted(tx_ids)
        except (CommitUnknown, DatabaseUnavailable):
            return set()
