"""Telemetry's answers as they are on the wire; times are zone-less UTC ISO text."""

from typing import Any, Literal, TypedDict

Aggregate = Literal["mean", "min", "max", "p90"]


class Node(TypedDict):
    """The newest connection of a peer; what it did not say of itself is None."""

    id: int
    ip_addr: str
    peer_id: str | None
    created_at: str
    audit: bool
    name: str | None
    chain: str | None
    version: str | None
    implementation: str | None
    authority: bool | None
    startup_time: int | None
    genesis_hash: str | None
    target_os: str | None
    target_arch: str | None
    target_env: str | None
    sysinfo: dict[str, Any] | None


class LogStat(TypedDict):
    """How many messages of a type are stored; `unknown` has those without a type."""

    qty: int
    log_type: str


class Log(TypedDict):
    """A stored message."""

    ip_addr: str
    peer_id: str
    msg: str | None
    created_at: str
    logs: dict[str, Any]


class Reputations(TypedDict):
    """What a peer thinks of others; the lists are parallel."""

    reporting_peer: str
    remote_peer: list[str]
    reputation: list[int]
    connected: list[bool]
    ts: str


class Reputation(TypedDict):
    """What a peer thought of the one that is asked about."""

    reporting_peer: str
    reputation: int
    connected: bool
    ts: str


class NewHostSystem(TypedDict):
    """A machine that benchmarks run on."""

    description: str
    os: str
    cpu_qty: int
    cpu_clock: int
    ram_mb: int
    disk_info: str


class HostSystem(NewHostSystem):
    """The same with its number."""

    id: int


class Benchmark(TypedDict):
    """A benchmark; the members of the other generation are None."""

    id: int
    setup: Any
    created_at: str
    ts_start: str | None
    ts_end: str | None
    description: str | None
    chain_spec: Any
    benchmark_spec: Any
    host_system_id: int | None


class BenchmarkEvent(TypedDict):
    """Something that happened during a benchmark."""

    id: int
    benchmark_id: int
    name: str
    phase: str
    created_at: str


class Relation(TypedDict):
    """How large a table or an index is."""

    relation: str
    size: str


class BestBlock(TypedDict):
    """The highest block of a chain; the timestamp is in milliseconds."""

    height: int
    hash: str
    timestamp: int | None


class FinalizedBlock(TypedDict):
    """The highest finalized block."""

    height: int
    hash: str


class Chain(TypedDict):
    """A chain that nodes are connected from now."""

    genesis_hash: str
    label: str
    node_count: int
    best: BestBlock
    finalized: FinalizedBlock
    average_block_time: int | None


class LiveBlock(TypedDict):
    """A node's best block; times are in milliseconds."""

    height: int
    hash: str
    block_time: int
    timestamp: int
    propagation_time: int | None


class LiveNode(TypedDict):
    """A node that is connected now; times are in milliseconds, lists are means over time."""

    id: int
    name: str
    implementation: str
    version: str
    validator: str | None
    network_id: str | None
    peers: int
    txcount: int
    best: LiveBlock
    finalized: FinalizedBlock
    upload: list[float]
    download: list[float]
    bandwidth_timestamps: list[float]
    state_cache: list[float]
    location: dict[str, Any] | None
    startup_time: int | None
    target_os: str | None
    target_arch: str | None
    target_env: str | None
    ip: str | None
    sysinfo: dict[str, Any] | None
    hwbench: dict[str, Any] | None
    stale: bool
    connected_since: int
