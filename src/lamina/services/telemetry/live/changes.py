"""What a message, a departure or the passing of time changed.

A change refers to the node it is about, not to a copy: turn changes into what is sent before the view hears
the next message, or they tell of a later state.
"""

from collections.abc import Hashable, Mapping
from typing import Literal

import msgspec

from lamina.services.telemetry.live.node import Node
from lamina.services.telemetry.live.ranking import RankingObject

MuteReason = Literal["denylist", "max_nodes_per_connection", "max_third_party_nodes"]


class NodeChange(msgspec.Struct, frozen=True):
    """Something about one node; for who watches its chain."""

    node: Node


class NodeAdded(NodeChange, frozen=True):
    """It joined."""


class NodeLocated(NodeChange, frozen=True):
    """It is known where it is."""


class DetailsChanged(NodeChange, frozen=True):
    """It says something else of itself."""


class BenchmarkChanged(NodeChange, frozen=True):
    """Its machine was measured."""


class NodeRemoved(NodeChange, frozen=True):
    """It left, or was silent for too long; its id may be another's now."""


class NodeStale(NodeChange, frozen=True):
    """It has had no block for long."""


class NodeRevived(NodeChange, frozen=True):
    """It was stale and is not any more."""


class BlockImported(NodeChange, frozen=True):
    """It has a higher block."""


class BlockFinalized(NodeChange, frozen=True):
    """It has a higher finalized block."""


class CountsChanged(NodeChange, frozen=True):
    """It has another number of peers or of waiting transactions."""


class BandwidthChanged(NodeChange, frozen=True):
    """Its upload or download has a new mean."""


class StateCacheChanged(NodeChange, frozen=True):
    """The size of its state cache has a new mean."""


class ChainChange(msgspec.Struct, frozen=True):
    """Something about one chain."""

    genesis_hash: str


class ChainCounted(ChainChange, frozen=True):
    """It has another number of nodes, and perhaps another label; for everybody."""

    label: str
    node_count: int
    is_renamed: bool


class ChainRemoved(ChainChange, frozen=True):
    """Its last node left; for everybody."""

    label: str


class BestBlockChanged(ChainChange, frozen=True):
    """Its best block is another, since `timestamp_ms`."""

    height: int
    timestamp_ms: int
    average_block_time_ms: int | None


class BestFinalizedChanged(ChainChange, frozen=True):
    """Its best finalized block is another."""

    height: int
    hash: str


class StatisticsChanged(ChainChange, frozen=True):
    """Its statistics were taken anew and are others."""

    statistics: Mapping[str, RankingObject]


class ConnectionChange(msgspec.Struct, frozen=True):
    """Something for who holds the socket; a process without that connection does nothing."""

    connection_id: Hashable


class ConnectionIdle(ConnectionChange, frozen=True):
    """Its last node was silent for too long: close it."""


class NodeMuted(ConnectionChange, frozen=True):
    """A node did not join because of a limit; its messages do not matter for the view."""

    envelope_id: int
    reason: MuteReason


Change = NodeChange | ChainChange | ConnectionChange
