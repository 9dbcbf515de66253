"""Example answers of the OpenAPI document; a test holds them against their schemas."""

from typing import Any

from lamina.kernel.web.openapi_parts import Part

PEER = "12D3KooWFJU5JXhRJ9iqYJrFGzGw2Cv1dNAwQf6TtmpgHH5dYrPk"
GENESIS = "0x" + "c5" * 32
_HASH = "0x" + "1f" * 32

NODE: Part = {
    "id": 12,
    "ip_addr": "203.0.113.7:51234",
    "peer_id": PEER,
    "created_at": "2021-01-13T12:22:20.053",
    "audit": False,
    "name": "Alice",
    "chain": "Development",
    "version": "2.0.0-x86_64-linux-gnu",
    "authority": True,
    "startup_time": 1610540537396,
    "implementation": "Tetcore Node",
    "genesis_hash": GENESIS,
    "target_os": "linux",
    "target_arch": "x86_64",
    "target_env": "gnu",
    "sysinfo": {"cpu": "Intel(R) Core(TM) i7-7700K", "core_count": 4, "memory": 33554432000},
}
LOG: Part = {
    "ip_addr": "203.0.113.7:51234",
    "peer_id": PEER,
    "msg": "block.import",
    "created_at": "2021-01-13T12:22:21",
    "logs": {
        "msg": "block.import",
        "ts": "2021-01-13T13:22:21.000000000+01:00",
        "height": 760,
        "best": _HASH,
        "origin": "NetworkBroadcast",
        "telemetry_id": 1,
    },
}
LOG_STATS = [{"qty": 123, "log_type": "block.import"}, {"qty": 1, "log_type": "system.connected"}]
SERIES: list[Any] = [["2021-01-13T12:22:00", 24.5], ["2021-01-13T12:23:00", 25.0]]
REPUTATIONS: Part = {
    "reporting_peer": PEER,
    "remote_peer": ["QmNode1", "QmNode2"],
    "reputation": [-2646, 3585],
    "connected": [False, True],
    "ts": "2021-01-13T12:22:30.500",
}
REPUTATION: Part = {
    "reporting_peer": PEER,
    "reputation": 3585,
    "connected": True,
    "ts": "2021-01-13T12:22:30.500",
}
EVENT: Part = {"benchmark_id": 1, "name": "warmup", "phase": "start", "created_at": "2020-01-01T00:00:00"}
SETUP: Part = {"setup": {"tetcore": {"peerId": PEER}}}
BENCHMARK: Part = {
    "id": 1,
    **SETUP,
    "created_at": "2021-01-13T12:00:00",
    "ts_start": None,
    "ts_end": None,
    "description": None,
    "chain_spec": None,
    "benchmark_spec": None,
    "host_system_id": None,
}
RELATION: Part = {"relation": "telemetry.peer_connections", "size": "16 kB"}
CHAIN: Part = {
    "genesis_hash": GENESIS,
    "label": "Development",
    "node_count": 2,
    "best": {"height": 760, "hash": _HASH, "timestamp": 1610540541000},
    "finalized": {"height": 758, "hash": _HASH},
    "average_block_time": 6004,
}
LIVE_NODE: Part = {
    "id": 0,
    "name": "Alice",
    "implementation": "Tetcore Node",
    "version": "2.0.0",
    "validator": None,
    "network_id": PEER,
    "peers": 24,
    "txcount": 0,
    "best": {
        "height": 760,
        "hash": _HASH,
        "block_time": 6001,
        "timestamp": 1610540541000,
        "propagation_time": 0,
    },
    "finalized": {"height": 758, "hash": _HASH},
    "upload": [1024.5],
    "download": [2048.0],
    "bandwidth_timestamps": [1610540541000.0],
    "state_cache": [],
    "location": None,
    "startup_time": 1610540537396,
    "target_os": "linux",
    "target_arch": "x86_64",
    "target_env": "gnu",
    "ip": None,
    "sysinfo": None,
    "hwbench": None,
    "stale": False,
    "connected_since": 1610540540053,
}
STATISTICS: Part = {
    "version": {"list": [["2.0.0", 2]], "other": 0, "unknown": 0},
    "memory": {"list": [[[32, 48], 1]], "other": 0, "unknown": 1},
}
