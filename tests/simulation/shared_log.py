"""The shared database of the federation, in memory: the tables behind `OrderedLog`.

Every call is one transaction. What no call has acknowledged and no call has seen can be lost by a failover.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, TypeVar

from lamina.services.ledger.model.block import LedgerBlock
from lamina.services.ledger.model.entry import Digest, Entry, Extent, Head, Range, Version
from lamina.services.ledger.model.identifier import is_id
from lamina.services.ledger.model.log_outcome import Appended, Conflict, PublishedVote, TooLate
from lamina.services.ledger.model.transaction import Outpoint
from lamina.services.ledger.model.waiting import Candidate, Refusal, Release, Rivals, Stale, Submission

T = TypeVar("T")
ATTEMPTS_MAX = 3
ATTEMPTS_REASON = "BlockAttempts"
_GONE = object()


def digest(entry: Entry) -> Digest:
    """What must never change about an entry."""
    return Digest(entry.seq, entry.previous, entry.block_id, sha256(entry.body).digest())


def digest_versions(versions: Sequence[int]) -> bytes | None:
    """One digest over versions in order; None where there are none."""
    if not versions:
        return None
    return sha256(b"".join(version.to_bytes(4, "big") for version in versions)).digest()


@dataclass(frozen=True, slots=True)
class Row:
    """A waiting transaction, or one that left the backlog with a block."""

    tx_id: str
    body: bytes
    spends: tuple[Outpoint, ...]
    needs_seq: int
    assignee: str
    assigned_at: float
    arrival: int
    attempts: int = 0


@dataclass(slots=True)
class Undo:
    """How to take one call back."""

    number: int
    steps: list[tuple[dict[Any, Any], object, object]] = field(default_factory=list)


class SharedLog:
    """Head, blocks, claims, votes, backlog, rejections."""

    def __init__(self, now: Callable[[], float], left: Callable[[Sequence[str]], None]) -> None:
        """Prepare.

        Args:
            now: the log's own clock.
            left: told which transactions a call took out of the backlog.
        """
        self._now = now
        self._left = left
        self.blocks: dict[int, Entry] = {}
        self.seqs: dict[str, int] = {}
        self.claims: dict[Outpoint, str] = {}
        self.live: dict[str, str] = {}
        self.placed: dict[str, dict[str, Row]] = {}
        self.claimants: dict[str, tuple[list[str], list[Outpoint]]] = {}
        self.released: dict[str, bool] = {}
        self.votes: dict[int, PublishedVote] = {}
        self.known_votes: dict[tuple[str, bytes], bool] = {}
        self.backlog: dict[str, Row] = {}
        self.rejected: dict[str, str] = {}
        self._arrivals = 0
        self._removed: list[str] = []
        self._calls = 0
        self._undo: list[Undo] = []
        self.lost: set[int] = set()

    # Calls and failovers

    def execute(self, apply: Callable[[], T]) -> tuple[T, int]:
        """One call that may write; its number says later whether it was lost."""
        self._calls += 1
        self._undo.append(Undo(self._calls))
        self._removed.clear()
        result = apply()
        if self._removed:
            self._left(self._removed)
        return result, self._calls

    def look(self, apply: Callable[[], T]) -> T:
        """One call that only reads: what it sees is durable."""
        self._undo.clear()
        return apply()

    def settle(self, number: int) -> None:
        """A call was acknowledged: it, and what it builds on, is durable."""
        while self._undo and self._undo[0].number <= number:
            del self._undo[0]

    def fail_over(self) -> int:
        """Lose every call that nobody was told of; how many."""
        lost = len(self._undo)
        for undo in reversed(self._undo):
            for table, key, old in reversed(undo.steps):
                if old is _GONE:
                    table.pop(key, None)
                else:
                    table[key] = old
            self.lost.add(undo.number)
        self._undo.clear()
        return lost

    def _put(self, table: dict[Any, Any], key: object, value: object) -> None:
        if self._undo:
            self._undo[-1].steps.append((table, key, table.get(key, _GONE)))
        table[key] = value

    def _drop(self, table: dict[Any, Any], key: Any) -> None:
        if key in table:
            if self._undo:
                self._undo[-1].steps.append((table, key, table[key]))
            del table[key]
            if table is self.backlog:
                self._removed.append(key)

    # Blocks

    @property
    def head(self) -> Head:
        seq = len(self.blocks)
        return Head(seq, self.blocks[seq].block_id if seq else "")

    @property
    def extent(self) -> Extent:
        seq = len(self.blocks)
        return Extent(seq, seq, len(self.votes))

    def begin(self, genesis: LedgerBlock) -> bool:
        if self.blocks:
            return False
        self._add(genesis.id, genesis.body)
        return True

    def append(self, block: LedgerBlock, below_seq: int | None) -> Appended | Conflict | TooLate:
        seq = self.head.seq + 1
        if below_seq is not None and seq >= below_seq:
            return TooLate()
        taken = [tx.id for tx in block.transactions] if block.id in self.seqs else self.conflicts(block)
        if taken:
            return Conflict(frozenset(taken))
        self._claim(block)
        rows: dict[str, Row] = {}
        for tx in block.transactions:
            row = self.backlog.get(tx.id)
            if row is not None:
                rows[tx.id] = row
                self._drop(self.backlog, tx.id)
        self._put(self.placed, block.id, rows)
        self._add(block.id, block.body)
        return Appended(seq)

    def conflicts(self, block: LedgerBlock) -> list[str]:
        """The unique indexes: one live block per transaction, one live spender per output."""
        return [
            tx.id
            for tx in block.transactions
            if tx.id in self.live or any(wanted in self.claims for wanted in tx.spends)
        ]

    def _claim(self, block: LedgerBlock) -> None:
        ids = [tx.id for tx in block.transactions]
        spends = [wanted for tx in block.transactions for wanted in tx.spends]
        for tx_id in ids:
            self._put(self.live, tx_id, block.id)
        for wanted in spends:
            self._put(self.claims, wanted, block.id)
        self._put(self.claimants, block.id, (ids, spends))

    def force(self, block_id: str, body: bytes) -> None:
        """Somebody writes a block into the table and nothing beside it; the table's constraints hold."""
        if is_id(block_id) and block_id not in self.seqs:
            self._add(block_id, body)

    def _add(self, block_id: str, body: bytes) -> None:
        seq, tip = self.head
        self._put(self.blocks, seq + 1, Entry(seq + 1, tip, block_id, body, version=self._calls))
        self._put(self.seqs, block_id, seq + 1)

    def read(self, after_seq: int, limit: int) -> list[Entry]:
        return [
            self.blocks[seq] for seq in range(after_seq + 1, min(after_seq + limit, len(self.blocks)) + 1)
        ]

    def read_versions(self, where: Range) -> list[Version]:
        """A row's is the number of the call that wrote it."""
        entries = self.read(where.after_seq, where.until_seq - where.after_seq)
        return [Version(entry.seq, entry.version or 0) for entry in entries]

    # Votes

    def publish_vote(self, block_id: str, body: bytes) -> bool:
        """On a block of the log only; the same content once."""
        if block_id not in self.seqs or (block_id, body) in self.known_votes:
            return block_id in self.seqs
        position = len(self.votes) + 1
        self._put(self.votes, position, PublishedVote(position, block_id, body))
        self._put(self.known_votes, (block_id, body), True)
        return True

    def read_votes(self, after: int, limit: int) -> list[PublishedVote]:
        return [self.votes[n] for n in range(after + 1, min(after + limit, len(self.votes)) + 1)]

    # Backlog

    def submit(self, submissions: Sequence[Submission]) -> None:
        for submission in submissions:
            tx = submission.transaction
            if tx.id not in self.backlog:
                row = Row(
                    tx.id, tx.body, tx.spends, submission.needs_seq, submission.assignee, self._now(), 0
                )
                self._wait(row)

    def poison(self, tx_id: str, body: bytes, assignee: str, needs_seq: int = 0) -> None:
        """Somebody writes a row that no honest node would."""
        if tx_id not in self.backlog:
            self._wait(Row(tx_id, body, (), needs_seq, assignee, self._now(), 0))

    def _wait(self, row: Row) -> None:
        self._arrivals += 1
        self._put(self.backlog, row.tx_id, replace(row, arrival=self._arrivals))

    def find_accepted(self, tx_ids: Sequence[str]) -> set[str]:
        return {
            tx_id for tx_id in tx_ids if tx_id in self.backlog or tx_id in self.live or tx_id in self.rejected
        }

    def find_rivals(self, sources: Sequence[str], outputs: Sequence[Outpoint]) -> Rivals:
        wanted = set(outputs)
        spenders: dict[Outpoint, set[str]] = {}
        for row in self.backlog.values():
            for output in row.spends:
                if output in wanted:
                    spenders.setdefault(output, set()).add(row.tx_id)
        return Rivals(frozenset(tx_id for tx_id in sources if tx_id in self.backlog), spenders)

    def take(self, assignee: str, limit: int, held: Sequence[str]) -> list[Candidate]:
        hidden = set(held)
        rows = [r for r in self.backlog.values() if r.assignee == assignee and r.tx_id not in hidden]
        rows.sort(key=lambda row: row.arrival)
        return [Candidate(row.tx_id, row.body, row.needs_seq) for row in rows[:limit]]

    def drop(self, tx_ids: Sequence[str]) -> None:
        for tx_id in tx_ids:
            self._drop(self.backlog, tx_id)

    def reject(self, refusals: Sequence[Refusal]) -> None:
        for refusal in refusals:
            if refusal.tx_id in self.backlog:
                self._drop(self.backlog, refusal.tx_id)
                self._put(self.rejected, refusal.tx_id, refusal.reason)

    def release(self, release: Release) -> None:
        """The rows that left the backlog with the block come back, whatever the caller says was in it."""
        if release.block_id in self.released or release.block_id not in self.seqs:
            return
        self._put(self.released, release.block_id, True)
        ids, spends = self.claimants.get(release.block_id, ([], []))
        for tx_id in ids:
            self._drop(self.live, tx_id)
        for wanted in spends:
            self._drop(self.claims, wanted)
        self.requeue(release)
        self._removed.extend(ids)

    def requeue(self, release: Release) -> None:
        chosen = {tx.id: assignee for tx, assignee in release.transactions}
        for row in self.placed.get(release.block_id, {}).values():
            attempts = row.attempts + 1
            if row.tx_id in self.live:
                continue
            if attempts >= ATTEMPTS_MAX:
                self._drop(self.backlog, row.tx_id)
                self._put(self.rejected, row.tx_id, ATTEMPTS_REASON)
                continue
            back = replace(
                row,
                attempts=attempts,
                needs_seq=self.head.seq,
                assignee=chosen.get(row.tx_id, row.assignee),
                assigned_at=self._now(),
            )
            self._wait(back)

    def find_stale(self, older_than_s: float, limit: int) -> list[Stale]:
        before = self._now() - older_than_s
        rows = sorted(
            (row for row in self.backlog.values() if row.assigned_at < before),
            key=lambda row: (row.assigned_at, row.arrival),
        )
        return [Stale(row.tx_id, row.assignee) for row in rows[:limit]]

    def reassign(self, stale: Stale, assignee: str) -> bool:
        row = self.backlog.get(stale.tx_id)
        if row is None or row.assignee != stale.assignee:
            return False
        self._put(self.backlog, row.tx_id, replace(row, assignee=assignee, assigned_at=self._now()))
        return True
