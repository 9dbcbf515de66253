"""A node's private database, in memory: `LedgerCopy` with transactions that end in three ways.

A transaction sees what others have committed and what it has written itself. Only what is committed outlives
a crash. Rows are locked as PostgreSQL locks them: for what a unique index or a head row serialises.
"""

from collections.abc import Awaitable, Callable, Sequence
from hashlib import sha3_256
from typing import TypeVar

from tests.simulation.invariants import GENESIS_SEQ, Invariants
from tests.simulation.kernel import Pause
from tests.simulation.network import Network
from tests.simulation.shared_log import digest, digest_versions

from lamina.kernel.errors import CommitUnknown, DatabaseUnavailable
from lamina.services.ledger.consensus.ledger_copy import CopyTransaction
from lamina.services.ledger.errors import LedgerConflict
from lamina.services.ledger.model.block import LedgerBlock
from lamina.services.ledger.model.entry import Compared, Digest, Entry, Head, Range, Version
from lamina.services.ledger.model.log_outcome import OpenElection
from lamina.services.ledger.model.membership import Change
from lamina.services.ledger.model.recorded_change import RecordedChange
from lamina.services.ledger.model.status import Status
from lamina.services.ledger.model.transaction import Outpoint, Transaction
from lamina.services.ledger.model.vote import Vote
from lamina.services.ledger.rules.block import BlockView
from lamina.services.ledger.rules.facts import Facts
from lamina.services.ledger.rules.spend import ChainView

T = TypeVar("T")
LOCK_WAIT_S = 5.0
LOCK_POLL_S = 0.05
HASHED_EVERY = 8


class NodeCopy:
    """What one node has made durable."""

    def __init__(self, node: int, key: str, network: Network, watch: Invariants) -> None:
        self.node = node
        self.key = key
        self.network = network
        self.watch = watch
        self.head = Head(0, "")
        self.entries: dict[str, Entry] = {}
        self.order: list[str] = []
        self.versions: dict[int, int] = {}
        self.doubted: dict[str, bool] = {}
        self.blocks: dict[str, LedgerBlock] = {}
        self.decisions: dict[str, Status] = {}
        self.live: dict[str, str] = {}
        self.sources: dict[str, Transaction] = {}
        self.spenders: dict[Outpoint, str] = {}
        self.votes: dict[str, dict[str, Vote]] = {}
        self.slots: dict[tuple[str, str], Vote] = {}
        self.vote_cursor = 0
        self.unpublished: dict[str, Vote] = {}
        self.unreleased: dict[str, Entry] = {}
        self.evidence: list[tuple[Vote, Vote]] = []
        self.locks: dict[object, NodeTransaction] = {}
        self.decided_seq = 0
        self._unspent: dict[Outpoint, int] = {}

    @property
    def undecided(self) -> int:
        """How many copied blocks wait for a decision."""
        return len(self.order) - len(self.decisions)

    async def run(self, name: str, work: Callable[[CopyTransaction], Awaitable[T]]) -> T:
        profile, hit = self.network.profile, self.network.hit
        if hit("copy_refused", profile.copy_refused):
            await Pause(0.2)
            raise DatabaseUnavailable
        cx = NodeTransaction(self)
        try:
            result = await work(cx)
            if hit("copy_again", profile.copy_again):
                cx.abandon()
                await Pause(0.01)
                result = await work(cx)
            await cx.pause()
            if hit("copy_unknown", profile.copy_unknown):
                if self.network.kernel.random.random() < 0.5:
                    cx.commit()
                cx.abandon()
                await Pause(0.2)
                raise CommitUnknown
            cx.commit()
        finally:
            cx.abandon()
        await cx.pause()
        return result

    # What a commit does

    def add(self, entry: Entry, block: LedgerBlock | None) -> None:
        self.entries[entry.block_id] = entry
        self.order.append(entry.block_id)
        if entry.version is not None:
            self.versions[entry.seq] = entry.version
        self.head = Head(entry.seq, entry.block_id)
        if block is None:
            self.doubted[entry.block_id] = True
        else:
            self.blocks[entry.block_id] = block
            for tx in block.transactions:
                self.live[tx.id] = entry.block_id
                self.sources[tx.id] = tx
                for wanted in tx.spends:
                    self.spenders[wanted] = tx.id
        self.watch.copied(self.node, entry, is_doubted=block is None)
        if entry.seq == GENESIS_SEQ:
            self.decide(entry.block_id, Status.VALID)

    def keep(self, vote: Vote, *, is_published: bool) -> None:
        self.votes.setdefault(vote.block_id, {})[vote.voter] = vote
        self.slots[vote.voter, vote.previous_block] = vote
        if vote.voter == self.key:
            self.watch.kept(self.node, vote)
            if not is_published:
                self.unpublished[vote.block_id] = vote

    def decide(self, block_id: str, status: Status) -> None:
        entry = self.entries[block_id]
        self.decisions[block_id] = status
        if status is Status.INVALID:
            self.unreleased[block_id] = entry
            self._forget(block_id)
        self.watch.decided_by(self.node, entry, status)
        while self.decided_seq < len(self.order) and self.order[self.decided_seq] in self.decisions:
            self._advance(self.order[self.decided_seq])

    def _forget(self, block_id: str) -> None:
        """Nothing is derived any more from a block that turned out invalid."""
        block = self.blocks.get(block_id)
        for tx in block.transactions if block is not None else ():
            if self.live.get(tx.id) == block_id:
                del self.live[tx.id], self.sources[tx.id]
                for wanted in tx.spends:
                    self.spenders.pop(wanted, None)

    def _advance(self, block_id: str) -> None:
        self.decided_seq += 1
        if self.decisions[block_id] is Status.VALID:
            for tx in self.blocks[block_id].transactions:
                for wanted in tx.spends:
                    self._unspent.pop(wanted, None)
                for index, output in enumerate(tx.outputs):
                    self._unspent[Outpoint(tx.id, index)] = output.amount
        if self.decided_seq % HASHED_EVERY == 0:
            self.check_state()

    def check_state(self) -> None:
        """SHA3-256 over the sorted unspent set, where all blocks up to a position are decided."""
        text = "".join(
            f"{tx_id}:{index}:{amount};" for (tx_id, index), amount in sorted(self._unspent.items())
        )
        self.watch.hashed(self.node, self.decided_seq, sha3_256(text.encode()).hexdigest())


class NodeTransaction:
    """Reads and writes that become durable together."""

    def __init__(self, copy: NodeCopy) -> None:
        self._copy = copy
        self._writes: list[Callable[[], None]] = []
        self._locks: list[object] = []
        self._block: tuple[Entry, bool] | None = None
        self._votes: dict[str, dict[str, Vote]] = {}
        self._slots: dict[tuple[str, str], Vote] = {}
        self._decisions: dict[str, Status] = {}

    async def pause(self) -> None:
        """Somebody else may go on here."""
        network = self._copy.network
        if network.kernel.random.random() < network.profile.copy_pause:
            await Pause(network.profile.copy_pause_s * network.kernel.random.random())

    async def _lock(self, key: object) -> None:
        """Wait for a row, as long as for a deadlock to be found."""
        locks = self._copy.locks
        waited_s = 0.0
        while locks.get(key, self) is not self:
            await Pause(LOCK_POLL_S)
            waited_s += LOCK_POLL_S
            if waited_s > LOCK_WAIT_S:
                raise DatabaseUnavailable
        if key not in locks:
            locks[key] = self
            self._locks.append(key)

    def commit(self) -> None:
        for write in self._writes:
            write()

    def abandon(self) -> None:
        """Forget what was not committed, and let go what was locked."""
        for key in self._locks:
            del self._copy.locks[key]
        self.__init__(self._copy)

    async def lock_tip(self) -> Head:
        await self.pause()
        await self._lock("tip")
        return self._copy.head

    async def read_genesis(self) -> str | None:
        return self._copy.order[0] if self._copy.order else None

    async def read_change_cursor(self) -> int:
        return 0

    async def add_change(self, recorded: RecordedChange, change: Change | None) -> None:
        raise NotImplementedError("members are given from the beginning")

    async def find_window(self, until_seq: int, *, blocks_max: int, bytes_max: int) -> int:
        return max(0, until_seq - blocks_max)

    async def read_digests(self, positions: Sequence[int]) -> Sequence[Digest]:
        return [digest(entry) for seq in positions for entry in self._entries(Range(seq - 1, seq))]

    async def read_compared(self, where: Range) -> Sequence[Compared]:
        versions = self._copy.versions
        return [
            Compared(entry.seq, versions.get(entry.seq), len(entry.body)) for entry in self._entries(where)
        ]

    async def digest_versions(self, ranges: Sequence[Range]) -> Sequence[bytes | None]:
        versions = self._copy.versions
        return [
            digest_versions(
                [versions[seq] for seq in range(each.after_seq + 1, each.until_seq + 1) if seq in versions]
            )
            for each in ranges
        ]

    async def remember_versions(self, versions: Sequence[Version]) -> None:
        self._writes.append(lambda: self._copy.versions.update(versions))

    def _entries(self, where: Range) -> list[Entry]:
        copy = self._copy
        return [copy.entries[block_id] for block_id in copy.order[where.after_seq : where.until_seq]]

    async def read_facts(self, transactions: Sequence[Transaction]) -> Facts:
        await self.pause()
        copy = self._copy
        known: dict[str, tuple[Transaction, Status]] = {}
        positions: dict[str, int] = {}
        spenders: dict[Outpoint, set[str]] = {}
        undecided_ids: set[str] = set()
        undecided_spends: set[Outpoint] = set()
        for wanted in [spent for tx in transactions for spent in tx.spends]:
            block_id = copy.live.get(wanted.tx_id)
            if block_id is not None:
                status = copy.decisions.get(block_id, Status.UNDECIDED)
                known[wanted.tx_id] = (copy.sources[wanted.tx_id], status)
                positions[wanted.tx_id] = copy.entries[block_id].seq
                if status is Status.UNDECIDED:
                    undecided_ids.add(wanted.tx_id)
            spender = copy.spenders.get(wanted)
            if spender is not None:
                spenders[wanted] = {spender}
                if copy.live[spender] not in copy.decisions:
                    undecided_spends.add(wanted)
        live = {tx.id for tx in transactions if tx.id in copy.live}
        undecided_ids |= {tx_id for tx_id in live if copy.live[tx_id] not in copy.decisions}
        genesis = copy.order[0] if copy.order else None
        view = BlockView(ChainView(known, frozenset(), spenders), live, genesis)
        return Facts(view, positions, undecided_ids, undecided_spends)

    async def add_block(self, entry: Entry, block: LedgerBlock) -> None:
        self._refuse_known(entry)
        await self.pause()
        self._block = (entry, False)
        self._writes.append(lambda: self._copy.add(entry, block))

    async def add_doubted(self, entry: Entry) -> None:
        self._refuse_known(entry)
        await self.pause()
        self._block = (entry, True)
        self._writes.append(lambda: self._copy.add(entry, None))

    def _refuse_known(self, entry: Entry) -> None:
        """A block stands in the copy once (unique index)."""
        if entry.block_id in self._copy.entries:
            raise LedgerConflict(f"Block {entry.block_id} stands in the log twice.", seq=entry.seq)

    async def add_vote(self, vote: Vote, *, is_published: bool) -> Vote | None:
        await self._lock(("vote on", vote.voter, vote.block_id))
        await self._lock(("vote after", vote.voter, vote.previous_block))
        rivals = (
            self._copy.votes.get(vote.block_id, {}).get(vote.voter),
            self._votes.get(vote.block_id, {}).get(vote.voter),
            self._copy.slots.get((vote.voter, vote.previous_block)),
            self._slots.get((vote.voter, vote.previous_block)),
        )
        for rival in rivals:
            if rival is not None and rival.body != vote.body:
                return rival
        if not any(rivals):
            self._votes.setdefault(vote.block_id, {})[vote.voter] = vote
            self._slots[vote.voter, vote.previous_block] = vote
            self._writes.append(lambda: self._copy.keep(vote, is_published=is_published))
        return None

    async def add_evidence(self, first: Vote, second: Vote) -> None:
        self._writes.append(lambda: self._copy.evidence.append((first, second)))

    async def lock_elections(self) -> None:
        await self._lock("elections")

    async def find_election(self, block_id: str) -> OpenElection | None:
        await self.pause()
        copy = self._copy
        if self._block is not None and self._block[0].block_id == block_id:
            entry, is_doubted = self._block
        elif block_id in copy.entries:
            entry, is_doubted = copy.entries[block_id], block_id in copy.doubted
        else:
            return None
        if entry.seq == GENESIS_SEQ or block_id in copy.decisions or block_id in self._decisions:
            return None
        votes = {**copy.votes.get(block_id, {}), **self._votes.get(block_id, {})}
        return OpenElection(entry.seq, is_doubted, [vote.body for vote in votes.values()])

    async def decide(self, block_id: str, seq: int, status: Status) -> None:
        self._decisions[block_id] = status
        self._writes.append(lambda: self._copy.decide(block_id, status))

    async def read_vote_cursor(self) -> int:
        return self._copy.vote_cursor

    async def move_vote_cursor(self, position: int) -> None:
        def move() -> None:
            self._copy.vote_cursor = position

        await self._lock("cursor")
        self._writes.append(move)

    async def read_unpublished(self, limit: int) -> Sequence[Vote]:
        return list(self._copy.unpublished.values())[:limit]

    async def mark_published(self, votes: Sequence[Vote]) -> None:
        for vote in votes:
            self._writes.append(lambda done=vote.block_id: self._copy.unpublished.pop(done, None))

    async def read_unreleased(self, limit: int) -> Sequence[Entry]:
        return list(self._copy.unreleased.values())[:limit]

    async def mark_released(self, block_id: str) -> None:
        self._writes.append(lambda: self._copy.unreleased.pop(block_id, None))
