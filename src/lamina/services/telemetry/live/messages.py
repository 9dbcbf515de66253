"""What the messages of a node that has joined mean for it and for its chain.

Each function takes the time in milliseconds, the chain, the node and the stored document, and returns what
changed. What it cannot make sense of changes nothing, and is no sign of life either.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from lamina.services.telemetry.live.benchmark import read_benchmark
from lamina.services.telemetry.live.block import read_block
from lamina.services.telemetry.live.chain import Chain
from lamina.services.telemetry.live.changes import (
    BandwidthChanged,
    BenchmarkChanged,
    Change,
    CountsChanged,
    DetailsChanged,
    StateCacheChanged,
)
from lamina.services.telemetry.live.fields import decimal, measure, natural, text
from lamina.services.telemetry.live.node import Node

Document = Mapping[str, Any]
Meaning = Callable[[int, Chain, Node, Document], Sequence[Change]]


def block_import(now_ms: int, chain: Chain, node: Node, document: Document) -> Sequence[Change]:
    """`block.import`: a block, higher than those before or not."""
    block = read_block(natural(document.get("height")), document.get("best"))
    if block is None:
        return ()
    node.heard_ms = now_ms
    return chain.import_block(now_ms, node, block)


def system_interval(now_ms: int, chain: Chain, node: Node, document: Document) -> Sequence[Change]:
    """`system.interval`: every field is optional, newer nodes send it in two parts."""
    node.heard_ms = now_ms
    get = document.get
    changes: list[Change] = []
    block = read_block(natural(get("height")), get("best"))
    if block is not None:
        changes += chain.import_block(now_ms, node, block)
    if node.measure_bandwidth(measure(get("bandwidth_upload")), measure(get("bandwidth_download")), now_ms):
        changes.append(BandwidthChanged(node))
    if node.count(natural(get("peers")), natural(get("txcount"))):
        changes.append(CountsChanged(node))
    state_cache = measure(get("used_state_cache_size"))
    if state_cache is not None and node.state_cache.push(state_cache):
        changes.append(StateCacheChanged(node))
    finalized = read_block(natural(get("finalized_height")), get("finalized_hash"))
    if finalized is not None:
        changes += chain.finalize_block(node, finalized)
    return changes


def notify_finalized(now_ms: int, chain: Chain, node: Node, document: Document) -> Sequence[Change]:
    """`notify.finalized`: the height is text."""
    block = read_block(decimal(document.get("height")), document.get("best"))
    if block is None:
        return ()
    node.heard_ms = now_ms
    return chain.finalize_block(node, block)


def authority_set(now_ms: int, _chain: Chain, node: Node, document: Document) -> Sequence[Change]:
    """`afg.authority_set`: the address it validates under."""
    validator = text(document.get("authority_id"))
    if validator is None:
        return ()
    node.heard_ms = now_ms
    if node.details.validator == validator:
        return ()
    node.details = replace(node.details, validator=validator)
    return (DetailsChanged(node),)


def hardware_benchmark(now_ms: int, chain: Chain, node: Node, document: Document) -> Sequence[Change]:
    """`sysinfo.hwbench`: how fast its machine is."""
    benchmark = read_benchmark(document)
    if benchmark is None:
        return ()
    node.heard_ms = now_ms
    if node.benchmark == benchmark:
        return ()
    chain.benchmark(node, benchmark)
    return (BenchmarkChanged(node),)


MEANINGS: Mapping[str, Meaning] = {
    "block.import": block_import,
    "system.interval": system_interval,
    "notify.finalized": notify_finalized,
    "afg.authority_set": authority_set,
    "sysinfo.hwbench": hardware_benchmark,
}
