"""What the live view takes from the open internet (spec/telemetry.md B.1)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LiveLimits:
    """Limits; 0 and empty switch one off.

    Args:
        max_nodes_per_connection: ids that may join over one connection.
        max_node_data_bytes_per_second: mean of ten seconds that a connection may send, see `TrafficMeter`.
        node_block_seconds: how long an address is refused after it sent more, see `BlockedAddresses`.
        stale_node_timeout_seconds: a node silent for so long is removed.
        denylist: names of chains that are not shown.
        max_third_party_nodes: nodes shown per chain.
        first_party_genesis_hashes: chains without that limit, as 0x and 64 hexadecimal digits in lower case.
        expose_node_details: show addresses and hardware benchmarks of nodes.
    """

    max_nodes_per_connection: int = 20
    max_node_data_bytes_per_second: int = 0
    node_block_seconds: int = 600
    stale_node_timeout_seconds: int = 0
    denylist: frozenset[str] = frozenset()
    max_third_party_nodes: int = 0
    first_party_genesis_hashes: frozenset[str] = frozenset()
    expose_node_details: bool = False
