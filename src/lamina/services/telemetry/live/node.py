"""One node of a chain, as its messages describe it."""

from dataclasses import dataclass, field

from lamina.services.telemetry.live.benchmark import HardwareBenchmark
from lamina.services.telemetry.live.block import NO_BLOCK, Block
from lamina.services.telemetry.live.details import NodeDetails
from lamina.services.telemetry.live.mean_list import MeanList

THROTTLED_BLOCK_TIME_MS = 100
THROTTLE_MS = 1000

Location = tuple[float, float, str]
"""Latitude and longitude in degrees, city."""


@dataclass(slots=True, eq=False)
class Node:
    """A node that has joined. `node_id` is its own only within its chain, and only until it leaves."""

    node_id: int
    genesis_hash: str
    details: NodeDetails
    location: Location | None
    joined_ms: int
    heard_ms: int = field(init=False)
    best: Block = NO_BLOCK
    block_time_ms: int = 0
    block_timestamp_ms: int = field(init=False)
    propagation_ms: int | None = None
    finalized: Block = NO_BLOCK
    is_stale: bool = False
    peers: int = 0
    txcount: int = 0
    upload: MeanList = field(default_factory=MeanList)
    download: MeanList = field(default_factory=MeanList)
    stamps: MeanList = field(default_factory=MeanList)
    state_cache: MeanList = field(default_factory=MeanList)
    benchmark: HardwareBenchmark | None = None
    _throttled_until_ms: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.heard_ms = self.block_timestamp_ms = self.joined_ms

    def import_block(self, block: Block, now_ms: int, propagation_ms: int | None) -> bool:
        """Make a block, higher than those before, this node's best.

        Args:
            block: what it imported.
            now_ms: time.
            propagation_ms: how much later than the chain's first node; None where that is not known.

        Returns:
            Whether to tell about it: while a node syncs, it is told about once a second.
        """
        self.best = block
        self.is_stale = False
        self.block_time_ms = max(0, now_ms - self.block_timestamp_ms)
        self.block_timestamp_ms = now_ms
        self.propagation_ms = propagation_ms
        if now_ms < self._throttled_until_ms:
            return False
        if self.block_time_ms <= THROTTLED_BLOCK_TIME_MS:
            self._throttled_until_ms = now_ms + THROTTLE_MS
        return True

    def count(self, peers: int | None, txcount: int | None) -> bool:
        """Take in how many peers and transactions it has, as far as they are known.

        Returns:
            Whether one of them changed.
        """
        before = (self.peers, self.txcount)
        if peers is not None:
            self.peers = peers
        if txcount is not None:
            self.txcount = txcount
        return before != (self.peers, self.txcount)

    def measure_bandwidth(self, upload: float | None, download: float | None, now_ms: int) -> bool:
        """Take in bytes per second, as far as they are known.

        Returns:
            Whether the lists of means changed.
        """
        if upload is None and download is None:
            return False
        changed = upload is not None and self.upload.push(upload)
        changed |= download is not None and self.download.push(download)
        self.stamps.push(now_ms)
        return changed
