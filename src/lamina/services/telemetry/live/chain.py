"""A chain: the nodes with one genesis hash, and what they have reached together."""

from heapq import heappop, heappush

from lamina.services.telemetry.live.benchmark import HardwareBenchmark
from lamina.services.telemetry.live.block import NO_BLOCK, Block
from lamina.services.telemetry.live.block_times import BlockTimes
from lamina.services.telemetry.live.changes import (
    BestBlockChanged,
    BestFinalizedChanged,
    BlockFinalized,
    BlockImported,
    ChainCounted,
    ChainRemoved,
    Change,
    NodeAdded,
    NodeLocated,
    NodeRemoved,
    NodeRevived,
    NodeStale,
    StatisticsChanged,
)
from lamina.services.telemetry.live.details import NodeDetails
from lamina.services.telemetry.live.label import MajorityLabel
from lamina.services.telemetry.live.node import Location, Node
from lamina.services.telemetry.live.statistics import ChainStatistics

STALE_MS = 120_000
STATISTICS_INTERVAL_MS = 5000


class Chain:
    """A chain exists as long as it has nodes. For readers all attributes are as they stand.

    Attributes:
        genesis_hash: its key, 0x and 64 hexadecimal digits.
        nodes: by id.
        best: the highest block any node told of, those left out that have gone stale since.
        finalized: the highest finalized block, likewise.
        timestamp_ms: when the best block arrived first; None while there is none.
        statistics: rankings as they were last taken.
    """

    def __init__(self, genesis_hash: str) -> None:
        self.genesis_hash = genesis_hash
        self.nodes: dict[int, Node] = {}
        self.best = NO_BLOCK
        self.finalized = NO_BLOCK
        self.timestamp_ms: int | None = None
        self._label = MajorityLabel()
        self._block_times = BlockTimes()
        self._free_ids: list[int] = []  # a heap: ids in use and these are all there ever were
        self._counted = ChainStatistics()
        self._is_counted_anew = False
        self._statistics_ms: int | None = None
        self.statistics = self._counted.rankings()

    @property
    def label(self) -> str:
        """What most nodes call it."""
        return self._label.label

    @property
    def average_block_time_ms(self) -> int | None:
        """Mean of the last block times; None before the second block."""
        return self._block_times.mean_ms

    def admit(
        self, now_ms: int, details: NodeDetails, location: Location | None
    ) -> tuple[Node, list[Change]]:
        """Let a node join, under the smallest free id."""
        node_id = heappop(self._free_ids) if self._free_ids else len(self.nodes)
        node = Node(node_id, self.genesis_hash, details, location, now_ms)
        self.nodes[node_id] = node
        self._count(node)
        changes: list[Change] = [NodeAdded(node)]
        if location is not None:
            changes.append(NodeLocated(node))
        changes.append(
            self._counted_change(is_renamed=self._label.add(details.chain) and len(self.nodes) > 1)
        )
        return node, changes

    def dismiss(self, node: Node) -> list[Change]:
        """Let a node go; with the last one the chain is over."""
        del self.nodes[node.node_id]
        heappush(self._free_ids, node.node_id)
        self._discount(node)
        is_renamed = self._label.remove(node.details.chain)
        if not self.nodes:
            return [NodeRemoved(node), ChainRemoved(self.genesis_hash, self.label)]
        return [NodeRemoved(node), self._counted_change(is_renamed=is_renamed)]

    def import_block(self, now_ms: int, node: Node, block: Block) -> list[Change]:
        """Hear that a node's best block is this one."""
        changes = self._leave_stale_behind(now_ms)
        if block.height <= node.best.height:
            return changes
        propagation_ms = None
        if block.height > self.best.height:
            changes.append(self._advance(now_ms, block))
            propagation_ms = 0
        elif block.height == self.best.height and self.timestamp_ms is not None:
            propagation_ms = max(0, now_ms - self.timestamp_ms)
        was_stale = node.is_stale
        if node.import_block(block, now_ms, propagation_ms):
            changes.append(BlockImported(node))
        if was_stale:
            changes.append(NodeRevived(node))
            changes += self._raise_finalized(node.finalized)
        return changes

    def finalize_block(self, node: Node, block: Block) -> list[Change]:
        """Hear that a node holds this block for finalized."""
        if block.height <= node.finalized.height:
            return []
        node.finalized = block
        return [BlockFinalized(node), *self._raise_finalized(block)]

    def benchmark(self, node: Node, benchmark: HardwareBenchmark) -> None:
        """Hear how fast a node's machine is."""
        self._discount(node)
        node.benchmark = benchmark
        self._count(node)

    def take_statistics(self, now_ms: int) -> StatisticsChanged | None:
        """Take the statistics, if nodes came or went and the last time was `STATISTICS_INTERVAL_MS` ago.

        Returns:
            None unless they changed.
        """
        taken_ms = self._statistics_ms
        if not self._is_counted_anew or (taken_ms is not None and now_ms - taken_ms < STATISTICS_INTERVAL_MS):
            return None
        self._is_counted_anew = False
        self._statistics_ms = now_ms
        statistics = self._counted.rankings()
        if statistics == self.statistics:
            return None
        self.statistics = statistics
        return StatisticsChanged(self.genesis_hash, statistics)

    def _advance(self, now_ms: int, block: Block) -> Change:
        if self.timestamp_ms is not None:
            self._block_times.push(max(0, now_ms - self.timestamp_ms))
        self.best = block
        self.timestamp_ms = now_ms
        return BestBlockChanged(self.genesis_hash, block.height, now_ms, self.average_block_time_ms)

    def _raise_finalized(self, block: Block) -> list[Change]:
        if block.height <= self.finalized.height:
            return []
        self.finalized = block
        return [BestFinalizedChanged(self.genesis_hash, block.height, block.hash)]

    def _leave_stale_behind(self, now_ms: int) -> list[Change]:
        """If the chain stands still, find out what the nodes that do not stand still have reached.

        Looks at all nodes, and whenever it does, the node that set the timestamp goes stale or has gone: it
        costs one look per node and not one per message.
        """
        if self.timestamp_ms is None or now_ms - self.timestamp_ms <= STALE_MS:
            return []
        changes: list[Change] = []
        for node in self.nodes.values():
            if not node.is_stale and now_ms - node.block_timestamp_ms > STALE_MS:
                node.is_stale = True
                changes.append(NodeStale(node))
        self._block_times.clear()
        reached_ms = self.timestamp_ms = self._recompute()
        since_ms = now_ms if reached_ms is None else reached_ms
        changes.append(BestBlockChanged(self.genesis_hash, self.best.height, since_ms, None))
        changes.append(BestFinalizedChanged(self.genesis_hash, self.finalized.height, self.finalized.hash))
        return changes

    def _recompute(self) -> int | None:
        self.best, self.finalized, timestamp_ms = NO_BLOCK, NO_BLOCK, None
        for node in self.nodes.values():
            if node.is_stale:
                continue
            if node.best.height > self.best.height:
                self.best, timestamp_ms = node.best, node.block_timestamp_ms
            elif node.best.height == self.best.height and timestamp_ms is not None:
                timestamp_ms = min(timestamp_ms, node.block_timestamp_ms)
            if node.finalized.height > self.finalized.height:
                self.finalized = node.finalized
        return timestamp_ms

    def _count(self, node: Node) -> None:
        self._counted.add(node.details, node.benchmark)
        self._is_counted_anew = True

    def _discount(self, node: Node) -> None:
        self._counted.remove(node.details, node.benchmark)
        self._is_counted_anew = True

    def _counted_change(self, *, is_renamed: bool) -> ChainCounted:
        return ChainCounted(self.genesis_hash, self.label, len(self.nodes), is_renamed)
