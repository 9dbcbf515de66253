"""`OrderedLog` as one node sees it, through the network."""

from collections.abc import Sequence

from tests.simulation.invariants import Invariants
from tests.simulation.network import Network
from tests.simulation.shared_log import SharedLog, digest, digest_versions

from lamina.services.ledger.model.block import LedgerBlock
from lamina.services.ledger.model.entry import Digest, Entry, Extent, Head, Range, Version
from lamina.services.ledger.model.log_outcome import Appended, Conflict, PublishedVote, TooLate
from lamina.services.ledger.model.recorded_change import RecordedChange
from lamina.services.ledger.model.transaction import Outpoint
from lamina.services.ledger.model.vote import Vote
from lamina.services.ledger.model.waiting import Candidate, Refusal, Release, Rivals, Stale, Submission


class LogConnection:
    """One node's; the invariants watch what it sends."""

    def __init__(self, node: int, network: Network, log: SharedLog, watch: Invariants | None) -> None:
        self.node = node
        self.network = network
        self.log = log
        self._watch = watch

    async def read_head(self) -> Head:
        return await self.network.read(self.node, lambda: self.log.head)

    async def begin(self, genesis: LedgerBlock) -> bool:
        return await self.network.write(self.node, "begin", lambda: self.log.begin(genesis))

    async def append(self, block: LedgerBlock, *, below_seq: int | None) -> Appended | Conflict | TooLate:
        return await self.network.write(self.node, "append", lambda: self._append(block, below_seq))

    def _append(self, block: LedgerBlock, below_seq: int | None) -> Appended | Conflict | TooLate:
        outcome = self.log.append(block, below_seq)
        if self._watch is not None and isinstance(outcome, Appended):
            self._watch.appended(block)
        return outcome

    async def read(self, after_seq: int, limit: int) -> Sequence[Entry]:
        return await self.network.read(self.node, lambda: self.log.read(after_seq, limit))

    async def record_change(self, body: bytes) -> None:
        raise NotImplementedError("members are given from the beginning")

    async def read_changes(self, after: int) -> Sequence[RecordedChange]:
        return []

    async def measure(self) -> Extent:
        return await self.network.read(self.node, lambda: self.log.extent)

    async def read_digests(self, positions: Sequence[int]) -> Sequence[Digest]:
        return await self.network.read(
            self.node,
            lambda: [digest(self.log.blocks[seq]) for seq in positions if seq in self.log.blocks],
        )

    async def read_versions(self, where: Range) -> Sequence[Version]:
        return await self.network.read(self.node, lambda: self.log.read_versions(where))

    async def digest_versions(self, ranges: Sequence[Range]) -> Sequence[bytes | None]:
        return await self.network.read(
            self.node,
            lambda: [
                digest_versions([row.version for row in self.log.read_versions(each)]) for each in ranges
            ],
        )

    async def publish_vote(self, vote: Vote) -> bool:
        if self._watch is not None:
            self._watch.published(self.node, vote)
        return await self.network.write(
            self.node, "publish_vote", lambda: self.log.publish_vote(vote.block_id, vote.body)
        )

    async def read_votes(self, after: int, limit: int) -> Sequence[PublishedVote]:
        return await self.network.read(self.node, lambda: self.log.read_votes(after, limit))

    async def submit(self, submissions: Sequence[Submission]) -> None:
        await self.network.write(self.node, "submit", lambda: self.log.submit(submissions))

    async def find_accepted(self, tx_ids: Sequence[str]) -> set[str]:
        return await self.network.read(self.node, lambda: self.log.find_accepted(tx_ids))

    async def find_rivals(self, sources: Sequence[str], outputs: Sequence[Outpoint]) -> Rivals:
        return await self.network.read(self.node, lambda: self.log.find_rivals(sources, outputs))

    async def take(self, assignee: str, limit: int, held: Sequence[str]) -> Sequence[Candidate]:
        return await self.network.read(self.node, lambda: self.log.take(assignee, limit, held))

    async def drop(self, tx_ids: Sequence[str]) -> None:
        await self.network.write(self.node, "drop", lambda: self.log.drop(tx_ids))

    async def reject(self, refusals: Sequence[Refusal]) -> None:
        if self._watch is not None:
            self._watch.refused(self.node, refusals)
        await self.network.write(self.node, "reject", lambda: self.log.reject(refusals))

    async def release(self, release: Release) -> None:
        await self.network.write(self.node, "release", lambda: self.log.release(release))

    async def find_stale(self, older_than_s: float, limit: int) -> Sequence[Stale]:
        return await self.network.read(self.node, lambda: self.log.find_stale(older_than_s, limit))

    async def reassign(self, stale: Stale, assignee: str) -> bool:
        return await self.network.write(self.node, "reassign", lambda: self.log.reassign(stale, assignee))
