"""The invariants I1 to I10 of distribution-and-reliability 13.1, held against every event as it happens.

Nothing here uses the rules that are under test: blocks are read again (`book`), votes are counted again.
"""

from collections.abc import Sequence

from tests.simulation.book import Book
from tests.simulation.shared_log import ATTEMPTS_REASON, SharedLog
from tests.simulation.violation import Violation

from lamina.services.ledger.model.block import LedgerBlock
from lamina.services.ledger.model.entry import Entry
from lamina.services.ledger.model.identifier import is_id
from lamina.services.ledger.model.membership import Membership
from lamina.services.ledger.model.status import Status
from lamina.services.ledger.model.transaction import Outpoint, Transaction
from lamina.services.ledger.model.vote import Vote
from lamina.services.ledger.model.waiting import Refusal

GENESIS_SEQ = 1


class Invariants:
    """Watches one federation."""

    def __init__(self, membership: Membership, keys: Sequence[str], outsiders: Sequence[int]) -> None:
        """Prepare.

        Args:
            membership: who may vote.
            keys: the nodes' public keys, by number.
            outsiders: numbers of nodes that are not honest.
        """
        self._membership = membership
        self._keys = keys
        self._byzantine = frozenset(keys[number] for number in outsiders)
        self.log: SharedLog | None = None
        self.book = Book()
        self.accepted: dict[str, tuple[Outpoint, ...]] = {}
        self.decided: dict[str, Status] = {}
        self.misled: int | None = None
        self._blocks: dict[str, LedgerBlock] = {}
        self._places: dict[int, str] = {}
        self._verdicts: dict[str, bool] = {}
        self._votes_on: dict[tuple[str, str], bytes] = {}
        self._votes_after: dict[tuple[str, str], bytes] = {}
        self._kept: dict[str, dict[str, bool]] = {}
        self._own_decisions: dict[tuple[int, str], Status] = {}
        self._hashes: dict[int, str] = {}
        self._refused_by: dict[str, int] = {}

    @property
    def _shared(self) -> SharedLog:
        assert self.log is not None
        return self.log

    # I3

    def answered(self, tx: Transaction) -> None:
        """A node has answered 202."""
        self.accepted[tx.id] = tx.spends
        self._check_kept(tx.id)

    def refused(self, node: int, refusals: Sequence[Refusal]) -> None:
        """A node ends waiting transactions."""
        self._refused_by.update({refusal.tx_id: node for refusal in refusals})

    def left(self, tx_ids: Sequence[str]) -> None:
        """These may have left the backlog."""
        for tx_id in tx_ids:
            if tx_id in self.accepted:
                self._check_kept(tx_id)

    def _check_kept(self, tx_id: str) -> None:
        log = self._shared
        if tx_id in log.backlog or tx_id in log.rejected or tx_id in self.book.transactions:
            return
        block_id = log.live.get(tx_id)
        if block_id is None or block_id not in log.seqs:
            raise Violation("I3", f"accepted transaction {tx_id} is nowhere")

    # I1, I2: the log

    def appended(self, block: LedgerBlock) -> None:
        """An honest node's block was appended: nothing in it stands in another honest live block."""
        tx_ids = {tx.id for tx in block.transactions}
        spends = {wanted for tx in block.transactions for wanted in tx.spends}
        if not self._byzantine:
            for other in self._blocks.values():
                if other.id == block.id or other.id not in self._shared.seqs:
                    continue  # lost by a failover, and appended again
                if self.decided.get(other.id) is Status.INVALID:
                    continue
                if not tx_ids.isdisjoint(tx.id for tx in other.transactions):
                    raise Violation("I2", f"blocks {other.id} and {block.id} hold one transaction")
                if any(wanted in spends for tx in other.transactions for wanted in tx.spends):
                    raise Violation("I1", f"blocks {other.id} and {block.id} spend one output")
        self._blocks[block.id] = block

    # I4, I8

    def published(self, node: int, vote: Vote) -> None:
        """An honest node lets a vote out: it is durable, and the only one in its place."""
        if not self._kept.get(vote.block_id, {}).get(vote.voter + str(vote.is_valid)):
            raise Violation("I8", f"node {node} publishes a vote on {vote.block_id} that it has not kept")
        for votes, place in ((self._votes_on, vote.block_id), (self._votes_after, vote.previous_block)):
            if votes.setdefault((vote.voter, place), vote.body) != vote.body:
                raise Violation("I8", f"node {node} signs two votes for the place at {place}")
        seq = self._shared.seqs.get(vote.block_id)
        if (
            seq is not None
            and node != self.misled
            and self._shared.blocks[seq].previous != vote.previous_block
        ):
            raise Violation("I4", f"the vote of node {node} on {vote.block_id} names another block before")

    def kept(self, node: int, vote: Vote) -> None:
        """A node's own vote is durable in its copy."""
        if not is_id(vote.block_id):
            raise Violation("I4", f"node {node} votes on {vote.block_id!r}, which nobody can count")
        self._kept.setdefault(vote.block_id, {})[vote.voter + str(vote.is_valid)] = True
        for votes, place in ((self._votes_on, vote.block_id), (self._votes_after, vote.previous_block)):
            if votes.setdefault((vote.voter, place), vote.body) != vote.body:
                raise Violation("I8", f"node {node} keeps two votes for the place at {place}")

    # I5, I7, I9 and all that a valid block implies

    def copied(self, node: int, entry: Entry, *, is_doubted: bool) -> None:
        """An honest node has copied and judged a block: all judge alike, in one order."""
        if node == self.misled:
            return
        if self._places.setdefault(entry.seq, entry.block_id) != entry.block_id:
            raise Violation("I7", f"two blocks at {entry.seq}")
        if self._verdicts.setdefault(entry.block_id, is_doubted) != is_doubted:
            raise Violation("I5", f"honest nodes judge block {entry.block_id} differently")
        if is_doubted and not self._byzantine:
            raise Violation("R3", f"node {node} finds block {entry.block_id} of an honest node wrong")

    def decided_by(self, node: int, entry: Entry, status: Status) -> None:
        """An honest node ends an election."""
        block_id, seq = entry.block_id, entry.seq
        if (node, block_id) in self._own_decisions:
            raise Violation("I5", f"node {node} decides block {block_id} twice")
        self._own_decisions[node, block_id] = status
        if self.decided.get(block_id, status) is not status:
            raise Violation("I5", f"node {node} finds block {block_id} {status.word}, another did not")
        if seq > GENESIS_SEQ:
            self._check_count(block_id, seq, status)
        if block_id in self.decided:
            return
        self.decided[block_id] = status
        if status is Status.VALID:
            self.book.enter(self._shared.blocks[self._shared.seqs[block_id]], self._membership.at(seq))

    def _check_count(self, block_id: str, seq: int, status: Status) -> None:
        """Votes that honest nodes have kept, and those that others may have signed, suffice."""
        members = self._membership.at(seq)
        kept = self._kept.get(block_id, {})
        wanted = status is Status.VALID
        honest = sum(kept.get(key + str(wanted), False) for key in members)
        able = honest + len(members & self._byzantine)
        if (2 * able <= len(members)) if wanted else (2 * able < len(members)):
            raise Violation("I9", f"block {block_id} is {status.word} by votes that nobody gave")

    def hashed(self, node: int, seq: int, state_hash: str) -> None:
        """A node whose blocks are decided up to a position has this state."""
        if self._hashes.setdefault(seq, state_hash) != state_hash:
            raise Violation("I7", f"the state of node {node} at {seq} is not that of the others")

    # At the end

    def check_end(self, unrest: str | None) -> None:
        """After everything has healed (I3, I6, I10).

        Args:
            unrest: what has not come to rest.
        """
        if unrest is not None:
            raise Violation("I10", unrest)
        self.book.check_amounts()
        for tx_id in self.accepted:
            self._check_kept(tx_id)

    def check_ended(self) -> None:
        """Where a majority is left, what was accepted is valid or rejected."""
        for tx_id in self.accepted:
            if tx_id not in self.book.transactions and tx_id not in self._shared.rejected:
                raise Violation("I3", f"accepted transaction {tx_id} did not end")
            self._check_refusal(tx_id, self._shared.rejected.get(tx_id))

    def _check_refusal(self, tx_id: str, reason: str | None) -> None:
        """What was accepted is refused only for what came between, or after too many invalid blocks."""
        if reason is None or tx_id in self.book.transactions or reason == ATTEMPTS_REASON:
            return
        if self.misled is not None and self._refused_by.get(tx_id) == self.misled:
            return  # until it halts, it believes that what it was shown otherwise is not there
        spenders = [
            self.book.spenders.get((wanted.tx_id, wanted.output_index)) for wanted in self.accepted[tx_id]
        ]
        if reason != "DoubleSpend" or not any(spenders):
            raise Violation("I3", f"accepted transaction {tx_id} was refused for nothing: {reason}")
