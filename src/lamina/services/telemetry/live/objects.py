"""The same with names: objects of the live endpoints and of their event stream (spec/telemetry.md B.4).

Everything here can be dumped with orjson; times are in milliseconds, bandwidths in bytes a second.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

from lamina.services.telemetry.live.chain import Chain
from lamina.services.telemetry.live.changes import (
    BenchmarkChanged,
    BlockFinalized,
    BlockImported,
    ChainChange,
    ChainRemoved,
    Change,
    NodeChange,
    NodeRemoved,
    StatisticsChanged,
)
from lamina.services.telemetry.live.node import Node
from lamina.services.telemetry.live.view import LiveView

EventName = Literal["node", "node_removed", "block", "finalized", "chain"]
Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class LiveEvent:
    """One event of the stream.

    Attributes:
        name: what kind of event.
        genesis_hash: which chain it is of.
        data: the object; it names the chain too.
    """

    name: EventName
    genesis_hash: str
    data: Object


def chain_object(chain: Chain) -> Object:
    """A chain."""
    return {
        "genesis_hash": chain.genesis_hash,
        "label": chain.label,
        "node_count": len(chain.nodes),
        "best": {"height": chain.best.height, "hash": chain.best.hash, "timestamp": chain.timestamp_ms},
        "finalized": {"height": chain.finalized.height, "hash": chain.finalized.hash},
        "average_block_time": chain.average_block_time_ms,
    }


def chain_objects(view: LiveView) -> list[Object]:
    """All chains, the one with the most nodes first."""
    ranked = sorted(view.chains.values(), key=lambda chain: -len(chain.nodes))
    return [chain_object(chain) for chain in ranked]


def node_object(node: Node, *, exposes_details: bool) -> Object:
    """A node.

    Args:
        node: of a chain of the view.
        exposes_details: whether address and benchmark are shown, as the view's limits say; else null.
    """
    details = node.details
    return {
        "id": node.node_id,
        "name": details.name,
        "implementation": details.implementation,
        "version": details.version,
        "validator": details.validator,
        "network_id": details.network_id,
        "peers": node.peers,
        "txcount": node.txcount,
        "best": _block(node),
        "finalized": _finalized(node),
        "upload": list(node.upload.means),
        "download": list(node.download.means),
        "bandwidth_timestamps": list(node.stamps.means),
        "state_cache": list(node.state_cache.means),
        "location": _location(node),
        "startup_time": details.startup_time,
        "target_os": details.target_os,
        "target_arch": details.target_arch,
        "target_env": details.target_env,
        "ip": details.ip if exposes_details else None,
        "sysinfo": details.sysinfo,
        "hwbench": node.benchmark if exposes_details else None,
        "stale": node.is_stale,
        "connected_since": node.joined_ms,
    }


def node_objects(
    view: LiveView,
    chain: Chain,
    *,
    name: str | None = None,
    stale: bool | None = None,
    after: int = -1,
    limit: int | None = None,
) -> list[Object]:
    """Nodes of a chain by ascending id.

    Args:
        view: what the chain is of.
        chain: whose nodes.
        name: only nodes whose name contains this, upper and lower case alike.
        stale: only stale nodes, or only others.
        after: only ids above this one.
        limit: at most so many nodes.
    """
    exposes = view.limits.expose_node_details
    part = None if name is None else name.casefold()
    chosen = (
        node
        for node in (chain.nodes[node_id] for node_id in sorted(chain.nodes) if node_id > after)
        if (part is None or part in node.details.name.casefold())
        and (stale is None or node.is_stale == stale)
    )
    return [node_object(node, exposes_details=exposes) for node in islice(chosen, limit)]


def events(view: LiveView, changes: Iterable[Change]) -> list[LiveEvent]:
    """Changes as events, at once after they happened.

    What changed in several ways is told once, as it is now; a chain that is gone is told with no nodes.

    Args:
        view: what changed.
        changes: of one or more calls, in their order.
    """
    told: set[tuple[EventName, Node | str]] = set()
    found: list[LiveEvent] = []
    for event, subject in _events(view, changes):
        if (event.name, subject) not in told:
            told.add((event.name, subject))
            found.append(event)
    return found


def _events(view: LiveView, changes: Iterable[Change]) -> Iterator[tuple[LiveEvent, Node | str]]:
    exposes = view.limits.expose_node_details
    for change in changes:
        if isinstance(change, NodeChange):
            if exposes or not isinstance(change, BenchmarkChanged):
                yield _node_event(change, exposes_details=exposes), change.node
        elif isinstance(change, ChainChange) and not isinstance(change, StatisticsChanged):
            chain = view.chains.get(change.genesis_hash)
            data = _gone(change) if chain is None else chain_object(chain)
            if data is not None:
                yield LiveEvent("chain", change.genesis_hash, data), change.genesis_hash


def _node_event(change: NodeChange, *, exposes_details: bool) -> LiveEvent:
    node = change.node
    identity: Object = {"genesis_hash": node.genesis_hash, "id": node.node_id}
    if isinstance(change, NodeRemoved):
        return LiveEvent("node_removed", node.genesis_hash, identity)
    if isinstance(change, BlockImported):
        return LiveEvent("block", node.genesis_hash, identity | _block(node))
    if isinstance(change, BlockFinalized):
        return LiveEvent("finalized", node.genesis_hash, identity | _finalized(node))
    return LiveEvent("node", node.genesis_hash, identity | node_object(node, exposes_details=exposes_details))


def _gone(change: ChainChange) -> Object | None:
    if not isinstance(change, ChainRemoved):
        return None
    return {
        "genesis_hash": change.genesis_hash,
        "label": change.label,
        "node_count": 0,
        "best": None,
        "finalized": None,
        "average_block_time": None,
    }


def _block(node: Node) -> Object:
    return {
        "height": node.best.height,
        "hash": node.best.hash,
        "block_time": node.block_time_ms,
        "timestamp": node.block_timestamp_ms,
        "propagation_time": node.propagation_ms,
    }


def _finalized(node: Node) -> Object:
    return {"height": node.finalized.height, "hash": node.finalized.hash}


def _location(node: Node) -> Object | None:
    if node.location is None:
        return None
    latitude, longitude, city = node.location
    return {"latitude": latitude, "longitude": longitude, "city": city}
