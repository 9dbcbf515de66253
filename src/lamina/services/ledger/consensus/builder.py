"""Turns the transactions that wait for this node into blocks of the shared log (spec/ledger.md 5.2).

A transaction leaves the backlog in the transaction that appends its block or records its end, and in no other
way. What cannot be judged yet goes on waiting.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import structlog

from lamina.formats.errors import FormatError
from lamina.formats.signatures import KeyPair
from lamina.kernel.clock import Clock
from lamina.kernel.errors import LaminaError
from lamina.services.ledger.consensus.ledger_copy import CopyTransaction, LedgerCopy
from lamina.services.ledger.consensus.opened_blocks import OpenedBlocks
from lamina.services.ledger.consensus.ordered_log import OrderedLog
from lamina.services.ledger.errors import (
    InputDoesNotExist,
    InvalidHash,
    TransactionNotInValidBlock,
    ValidationError,
)
from lamina.services.ledger.model.block import LedgerBlock, seal_block, split
from lamina.services.ledger.model.log_outcome import Appended, Conflict
from lamina.services.ledger.model.membership import Membership
from lamina.services.ledger.model.timestamp import write_timestamp
from lamina.services.ledger.model.transaction import Outpoint, Transaction
from lamina.services.ledger.model.waiting import Candidate, Refusal
from lamina.services.ledger.rules import spend
from lamina.services.ledger.rules.facts import Facts
from lamina.services.ledger.rules.form import parse_body, parse_transaction

_log = structlog.get_logger("lamina.ledger.builder")

CONFLICTS_MAX = 3
HELD_MAX = 10_000
_NOT_YET = (InputDoesNotExist, TransactionNotInValidBlock)


@dataclass(frozen=True, slots=True)
class BuilderLimits:
    """Where a block is closed: transactions, and bytes of them; one transaction always fits."""

    transactions_max: int
    bytes_max: int


@dataclass(slots=True)
class Built:
    """What became of the transactions that waited."""

    taken: int = 0
    blocks: list[LedgerBlock] = field(default_factory=list[LedgerBlock])
    refused: list[Refusal] = field(default_factory=list[Refusal])


@dataclass(slots=True)
class _Sorted:
    """Candidates by what is to be done with them."""

    admitted: list[Transaction] = field(default_factory=list[Transaction])
    valid_already: list[str] = field(default_factory=list[str])
    refused: list[Refusal] = field(default_factory=list[Refusal])
    held: list[str] = field(default_factory=list[str])
    early: list[tuple[int, Refusal]] = field(default_factory=list[tuple[int, Refusal]])


class Builder:
    """Builds one node's blocks."""

    def __init__(
        self,
        log: OrderedLog,
        copy: LedgerCopy,
        node: KeyPair,
        membership: Callable[[], Membership],
        limits: BuilderLimits,
        *,
        opened: OpenedBlocks,
        strict_owners: bool,
        clock: Clock,
    ) -> None:
        """Prepare.

        Args:
            log: where transactions wait and blocks go.
            copy: what they are checked against.
            node: who signs the blocks.
            membership: who the members are, as known now.
            limits: of a block.
            opened: where the follower of this process finds what was built here.
            strict_owners: as in `rules.spend.check`.
            clock: for the time written into blocks.
        """
        self._log = log
        self._copy = copy
        self._node = node
        self._membership = membership
        self._limits = limits
        self._opened = opened
        self._strict_owners = strict_owners
        self._clock = clock
        self._held: dict[str, None] = {}

    def look_again(self) -> None:
        """The copy has moved: what was held back may be judged now."""
        self._held.clear()

    async def step(self) -> Built:
        """One round over the oldest that wait.

        Raises:
            DatabaseUnavailable, CommitUnknown: the next round sees what has happened.
        """
        candidates = await self._log.take(self._node.public, self._limits.transactions_max, list(self._held))
        built = Built(taken=len(candidates))
        if not candidates:
            # Not everything that makes an answer possible is told to `look_again`: a commit may be unknown
            # and done, another process may have moved the copy, a release frees claims without moving it.
            self._held.clear()
            return built
        opened = list(self._open(candidates, built.refused))
        found = await self._copy.run("ledger.admit_transactions", partial(self._sort, opened))
        built.refused += found.refused
        built.refused += await self._wait_for_copy(found.early)
        self._hold(found.held)
        if found.valid_already:
            await self._log.drop(found.valid_already)
        if built.refused:
            await self._log.reject(built.refused)
        for chunk in split(found.admitted, self._limits.bytes_max):
            await self._append(chunk, built)
        return built

    def _open(
        self, candidates: Sequence[Candidate], refused: list[Refusal]
    ) -> Iterator[tuple[Candidate, Transaction]]:
        """Read what another node sent; what cannot be read must not stop the others (G14)."""
        for candidate in candidates:
            try:
                tx = parse_transaction(parse_body(candidate.body))
                if tx.id != candidate.tx_id:
                    raise InvalidHash(f"The row of {candidate.tx_id} holds transaction {tx.id}.")
                yield candidate, tx
            except (LaminaError, FormatError) as refusal:
                refused.append(_refusal(candidate.tx_id, refusal))

    async def _sort(self, opened: Sequence[tuple[Candidate, Transaction]], cx: CopyTransaction) -> _Sorted:
        head = await cx.lock_tip()
        facts = await cx.read_facts([tx for _, tx in opened])
        found = _Sorted()
        claimed: set[Outpoint] = set()
        for candidate, tx in opened:
            if facts.is_open(tx) or not claimed.isdisjoint(tx.spends):
                found.held.append(tx.id)
            elif tx.id in facts.view.live_elsewhere:
                found.valid_already.append(tx.id)
            else:
                self._admit(candidate, tx, facts, head.seq, found)
                if found.admitted and found.admitted[-1] is tx:
                    claimed.update(tx.spends)
        return found

    def _admit(
        self, candidate: Candidate, tx: Transaction, facts: Facts, copied_seq: int, found: _Sorted
    ) -> None:
        try:
            spend.check(tx, facts.view.spends, strict_owners=self._strict_owners)
        except _NOT_YET as refusal:
            # The accepting node may have seen more of the log than this one.
            if copied_seq < candidate.needs_seq:
                found.early.append((candidate.needs_seq, _refusal(tx.id, refusal)))
            else:
                found.refused.append(_refusal(tx.id, refusal))
        except ValidationError as refusal:
            found.refused.append(_refusal(tx.id, refusal))
        else:
            found.admitted.append(tx)

    async def _wait_for_copy(self, early: Sequence[tuple[int, Refusal]]) -> list[Refusal]:
        """Hold back what this node's copy is too short for; nobody can have seen more than the log holds.

        Returns:
            Those that name a position past the log's end, which would wait for ever.
        """
        if not early:
            return []
        head = await self._log.read_head()
        self._hold(refusal.tx_id for needs_seq, refusal in early if needs_seq <= head.seq)
        return [refusal for needs_seq, refusal in early if needs_seq > head.seq]

    async def _append(self, transactions: Sequence[Transaction], built: Built) -> None:
        """Append a block of these; those that conflict with a block not copied yet are held back."""
        for _ in range(CONFLICTS_MAX):
            block, below_seq = await self._seal(transactions)
            if block is None:
                return
            # Every signature in it was verified when its transactions were admitted.
            self._opened.remember(block, is_verified=True)
            outcome = await self._log.append(block, below_seq=below_seq)
            if isinstance(outcome, Appended):
                built.blocks.append(block)
            if not isinstance(outcome, Conflict):
                return
            self._hold(outcome.tx_ids)
            transactions = [tx for tx in transactions if tx.id not in outcome.tx_ids]
            if not transactions:
                return

    async def _seal(self, transactions: Sequence[Transaction]) -> tuple[LedgerBlock | None, int | None]:
        """A block for the log's end, and the position its voters are no longer right for."""
        head = await self._log.read_head()
        membership = self._membership()
        voters = sorted(membership.at(head.seq + 1))
        if self._node.public not in voters:
            return None, None
        timestamp = write_timestamp(self._clock.time())
        block = seal_block(transactions, node=self._node, voters=voters, timestamp=timestamp)
        return block, membership.next_change(head.seq + 1)

    def _hold(self, tx_ids: Iterable[str]) -> None:
        """Do not look at these until the copy has moved."""
        self._held.update(dict.fromkeys(tx_ids))
        while len(self._held) > HELD_MAX:
            del self._held[next(iter(self._held))]


def _refusal(tx_id: str, error: Exception) -> Refusal:
    detail = error.detail if isinstance(error, LaminaError) else str(error)
    return Refusal(tx_id, type(error).__name__, detail)
