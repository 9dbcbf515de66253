"""Protocol version 33 of substrate-telemetry's feed (spec/telemetry.md B.3).

A frame is one JSON array in which the numbers of actions and their payloads alternate. A part is such an
array without its brackets: parts that wait for one client are joined to one frame.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from lamina.services.telemetry.live.chain import Chain
from lamina.services.telemetry.live.changes import (
    BandwidthChanged,
    BenchmarkChanged,
    BestBlockChanged,
    BestFinalizedChanged,
    BlockFinalized,
    BlockImported,
    ChainChange,
    ChainCounted,
    ChainRemoved,
    Change,
    CountsChanged,
    DetailsChanged,
    NodeAdded,
    NodeChange,
    NodeLocated,
    NodeRemoved,
    NodeStale,
    StateCacheChanged,
    StatisticsChanged,
)
from lamina.services.telemetry.live.node import Node
from lamina.services.telemetry.live.view import LiveView

VERSION = 33
NODES_PER_FRAME = 64

Actions = list[Any]
"""Numbers of actions, each followed by its payload."""


@dataclass(frozen=True, slots=True)
class FeedUpdate:
    """What changes mean to clients: parts of frames, empty where there is nothing.

    Attributes:
        for_all: for every client.
        for_chain: for those who subscribed to a chain, by genesis hash.
    """

    for_all: bytes
    for_chain: Mapping[str, bytes]


class Feed:
    """Writes what all clients of a view get."""

    def __init__(self, view: LiveView, git_hash: str) -> None:
        """Write about a view.

        Args:
            view: whose chains and changes are told; its limits say whether details of nodes are.
            git_hash: the build that a client is greeted with.
        """
        self.view = view
        self._git_hash = git_hash
        self._exposes = view.limits.expose_node_details

    def update(self, changes: Iterable[Change]) -> FeedUpdate:
        """Write changes, at once after they happened.

        Args:
            changes: of one or more calls, in their order.
        """
        for_all: Actions = []
        for_chain: dict[str, Actions] = {}
        for change in changes:
            if isinstance(change, ChainCounted | ChainRemoved):
                for_all += self._actions(change)
            elif isinstance(change, NodeChange):
                for_chain.setdefault(change.node.genesis_hash, []).extend(self._actions(change))
            elif isinstance(change, ChainChange):
                for_chain.setdefault(change.genesis_hash, []).extend(self._actions(change))
        return FeedUpdate(
            write(for_all), {genesis: write(actions) for genesis, actions in for_chain.items() if actions}
        )

    def greeting(self) -> bytes:
        """The part a client gets first: version, build, chains."""
        actions: Actions = [0, VERSION, 23, {"git_hash": self._git_hash}]
        for chain in self.view.chains.values():
            actions += [11, [chain.label, chain.genesis_hash, len(chain.nodes)]]
        return write(actions)

    def snapshot(self, now_ms: int, chain: Chain, left: str | None) -> Iterator[bytes]:
        """What a client gets that subscribes, each part in a frame of its own.

        Args:
            now_ms: server time, milliseconds since 1970.
            chain: what it subscribed to.
            left: genesis hash of the chain it was subscribed to before.
        """
        actions: Actions = [] if left is None else [14, left]
        actions += [13, chain.genesis_hash, 10, now_ms]
        actions += [1, [chain.best.height, chain.timestamp_ms or 0, chain.average_block_time_ms]]
        actions += [2, [chain.finalized.height, chain.finalized.hash], 22, chain.statistics]
        yield write(actions)
        nodes = [chain.nodes[node_id] for node_id in sorted(chain.nodes)]
        for begin in range(0, len(nodes), NODES_PER_FRAME):
            actions = []
            for node in nodes[begin : begin + NODES_PER_FRAME]:
                actions += [
                    *self._added(node),
                    *_finalized(node),
                    *([20, node.node_id] if node.is_stale else []),
                ]
            yield write(actions)

    def _actions(self, change: Change) -> Actions:
        if isinstance(change, NodeAdded | DetailsChanged):
            return self._added(change.node)
        if isinstance(change, BenchmarkChanged):
            return self._added(change.node) if self._exposes else []
        if isinstance(change, NodeChange):
            return _NODE_ACTIONS[type(change)](change.node) if type(change) in _NODE_ACTIONS else []
        return _CHAIN_ACTIONS[type(change)](change)

    def _added(self, node: Node) -> Actions:
        details = node.details
        shown = [
            details.name,
            details.implementation,
            details.version,
            details.validator,
            details.network_id,
            details.target_os,
            details.target_arch,
            details.target_env,
            details.ip if self._exposes else None,
            details.sysinfo,
            node.benchmark if self._exposes else None,
        ]
        return [
            3,
            [
                node.node_id,
                shown,
                _counts(node),
                _state_cache(node),
                _bandwidth(node),
                _block(node),
                node.location,
                details.startup_time,
            ],
        ]


def write(actions: Actions) -> bytes:
    """Actions as a part of a frame."""
    return orjson.dumps(actions)[1:-1]


def frame(parts: Iterable[bytes]) -> bytes:
    """Parts as one frame."""
    return b"[%s]" % b",".join(parts)


def _counts(node: Node) -> list[int]:
    return [node.peers, node.txcount]


def _state_cache(node: Node) -> list[list[float]]:
    return [node.state_cache.means]


def _bandwidth(node: Node) -> list[list[float]]:
    return [node.upload.means, node.download.means, node.stamps.means]


def _block(node: Node) -> list[int | str | None]:
    best = node.best
    return [best.height, best.hash, node.block_time_ms, node.block_timestamp_ms, node.propagation_ms]


def _finalized(node: Node) -> Actions:
    return [7, [node.node_id, node.finalized.height, node.finalized.hash]]


def _located(node: Node) -> Actions:
    return [] if node.location is None else [5, [node.node_id, *node.location]]


def _chain_counted(change: ChainCounted) -> Actions:
    removed = [12, change.genesis_hash] if change.is_renamed else []
    return [*removed, 11, [change.label, change.genesis_hash, change.node_count]]


def _best_block(change: BestBlockChanged) -> Actions:
    return [1, [change.height, change.timestamp_ms, change.average_block_time_ms]]


_NODE_ACTIONS: dict[type[NodeChange], Callable[[Node], Actions]] = {
    NodeRemoved: lambda node: [4, node.node_id],
    NodeLocated: _located,
    BlockImported: lambda node: [6, [node.node_id, _block(node)]],
    BlockFinalized: _finalized,
    CountsChanged: lambda node: [8, [node.node_id, _counts(node)]],
    BandwidthChanged: lambda node: [9, [node.node_id, _bandwidth(node)]],
    NodeStale: lambda node: [20, node.node_id],
    StateCacheChanged: lambda node: [21, [node.node_id, _state_cache(node)]],
}
_CHAIN_ACTIONS: dict[type[Any], Callable[[Any], Actions]] = {
    BestBlockChanged: _best_block,
    BestFinalizedChanged: lambda change: [2, [change.height, change.hash]],
    ChainCounted: _chain_counted,
    ChainRemoved: lambda change: [12, change.genesis_hash],
    StatisticsChanged: lambda change: [22, change.statistics],
}
