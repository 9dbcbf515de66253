"""What telemetry's answers look like, as JSON Schema 2020-12: the schemas of its OpenAPI document."""

from lamina.kernel.web.openapi_parts import Part, array_of, closed_object, or_null, ref

TEXT: Part = {"type": "string"}
INTEGER: Part = {"type": "integer"}
ANYTHING: Part = {"description": "Any JSON."}
TIME: Part = {
    "type": "string",
    "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.([0-9]{3}|[0-9]{6}))?$",
    "description": "UTC without a zone, with 0, 3 or 6 digits after the point.",
}
_GIVEN_TIME: Part = {
    "type": "string",
    "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}",
    "description": "UTC without a zone, as `2020-01-01T00:00:00`, or with one.",
}
_INTEGER_32: Part = {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1}
_OBJECT: Part = {"type": "object"}
_MILLISECONDS: Part = {"type": "number", "description": "Milliseconds; moments count from 1970."}
_MEANS: Part = {
    "type": "array",
    "items": {"type": "number"},
    "description": "Means over time, the newest last.",
}
_REPUTATION: Part = {"description": "An integer, as far as nodes keep to it."}
_CONNECTED: Part = {"description": "Whether they are connected; a truth value, as far as nodes keep to it."}

_HOST_SYSTEM: dict[str, Part] = {
    "description": TEXT,
    "os": TEXT,
    "cpu_qty": _INTEGER_32,
    "cpu_clock": _INTEGER_32,
    "ram_mb": _INTEGER_32,
    "disk_info": TEXT,
}
_EVENT: dict[str, Part] = {
    "benchmark_id": _INTEGER_32,
    "name": TEXT,
    "phase": {**TEXT, "description": "Free; pages treat `end` as the end of what has the same name."},
}


def _open_object(description: str, properties: dict[str, Part], required: list[str]) -> Part:
    """A body that is sent: what else is in it is ignored."""
    return {"type": "object", "description": description, "properties": properties, "required": required}


def _block(description: str, **more: Part) -> Part:
    return closed_object(description, {"height": INTEGER, "hash": TEXT, **more})


SCHEMAS: dict[str, Part] = {
    "Node": closed_object(
        "The newest connection of a peer. What it did not say of itself is null.",
        {
            "id": INTEGER,
            "ip_addr": {**TEXT, "description": "Address and port, or what a trusted proxy said."},
            "peer_id": {**or_null(TEXT), "description": "Null stands for all that never said who they are."},
            "created_at": {**TIME, "description": "When it connected."},
            "audit": {"type": "boolean", "description": "Whether its messages are never purged."},
            "name": or_null(TEXT),
            "chain": or_null(TEXT),
            "version": or_null(TEXT),
            "authority": or_null({"type": "boolean"}),
            "startup_time": {**or_null(INTEGER), "description": "Milliseconds since 1970."},
            "implementation": or_null(TEXT),
            "genesis_hash": or_null(TEXT),
            "target_os": or_null(TEXT),
            "target_arch": or_null(TEXT),
            "target_env": or_null(TEXT),
            "sysinfo": ANYTHING,
        },
    ),
    "LogStat": closed_object(
        "How many messages of a type are stored.",
        {
            "qty": {"type": "integer", "minimum": 1},
            "log_type": {**TEXT, "description": "`unknown` where messages have no `msg`."},
        },
    ),
    "Log": closed_object(
        "A stored message.",
        {
            "ip_addr": TEXT,
            "peer_id": TEXT,
            "msg": or_null(TEXT),
            "created_at": {**TIME, "description": "When the node says that it happened."},
            "logs": {
                **_OBJECT,
                "description": "The message; the newer envelope's `id` is its `telemetry_id`.",
            },
        },
    ),
    "Point": {
        "type": "array",
        "description": "The begin of a step, and its value.",
        "items": {"anyOf": [TIME, {"type": "number"}]},
        "minItems": 2,
        "maxItems": 2,
    },
    "Reputations": closed_object(
        "What a peer thinks of others now; the three lists are parallel.",
        {
            "reporting_peer": TEXT,
            "remote_peer": {"type": "array", "items": TEXT},
            "reputation": {"type": "array", "items": _REPUTATION},
            "connected": {"type": "array", "items": _CONNECTED},
            "ts": TIME,
        },
    ),
    "Reputation": closed_object(
        "What a peer thought of the one that is asked about.",
        {"reporting_peer": TEXT, "reputation": _REPUTATION, "connected": _CONNECTED, "ts": TIME},
    ),
    "NewHostSystem": _open_object(
        "A machine that benchmarks run on.", dict(_HOST_SYSTEM), list(_HOST_SYSTEM)
    ),
    "HostSystem": closed_object("A machine with its number.", {"id": INTEGER, **_HOST_SYSTEM}),
    "NewBenchmark": {
        "description": "Of either generation; `setup` decides.",
        "anyOf": [ref("BenchmarkSetup"), ref("BenchmarkRun")],
    },
    "BenchmarkSetup": _open_object(
        "The second generation: anything, with the node's id at `tetcore.peerId`.",
        {"setup": ANYTHING},
        ["setup"],
    ),
    "BenchmarkRun": _open_object(
        "The first generation: a run on a machine.",
        {
            "ts_start": _GIVEN_TIME,
            "ts_end": _GIVEN_TIME,
            "host_system_id": _INTEGER_32,
            "description": or_null(TEXT),
            "chain_spec": ANYTHING,
            "benchmark_spec": ANYTHING,
        },
        ["ts_start", "ts_end", "host_system_id"],
    ),
    "Benchmark": closed_object(
        "A benchmark; what belongs to the other generation is null, or an empty object for `setup`.",
        {
            "id": INTEGER,
            "setup": ANYTHING,
            "created_at": TIME,
            "ts_start": or_null(TIME),
            "ts_end": or_null(TIME),
            "description": or_null(TEXT),
            "chain_spec": ANYTHING,
            "benchmark_spec": ANYTHING,
            "host_system_id": or_null(INTEGER),
        },
    ),
    "NewEvent": _open_object(
        "Something that happened during a benchmark.",
        {**_EVENT, "created_at": _GIVEN_TIME},
        [*_EVENT, "created_at"],
    ),
    "Event": closed_object("An event with its number.", {"id": INTEGER, **_EVENT, "created_at": TIME}),
    "Target": closed_object("A target that a node logged.", {"target": TEXT}),
    "Relation": closed_object(
        "How large a table, index, sequence or toast table is.",
        {"relation": TEXT, "size": {**TEXT, "description": "For people."}},
    ),
    "Chain": closed_object(
        "A chain with nodes connected.",
        {
            "genesis_hash": TEXT,
            "label": {**TEXT, "description": "The name that most of its nodes give it."},
            "node_count": INTEGER,
            "best": _block("The highest block.", timestamp=or_null(_MILLISECONDS)),
            "finalized": _block("The highest finalized block."),
            "average_block_time": or_null(_MILLISECONDS),
        },
    ),
    "LiveNode": closed_object(
        "A connected node.",
        {
            "id": {**INTEGER, "description": "The smallest free number of its chain; used again."},
            "name": TEXT,
            "implementation": TEXT,
            "version": TEXT,
            "validator": or_null(TEXT),
            "network_id": or_null(TEXT),
            "peers": INTEGER,
            "txcount": INTEGER,
            "best": _block(
                "Its best block.",
                block_time=_MILLISECONDS,
                timestamp=_MILLISECONDS,
                propagation_time=or_null(_MILLISECONDS),
            ),
            "finalized": _block("Its finalized block."),
            "upload": _MEANS,
            "download": _MEANS,
            "bandwidth_timestamps": _MEANS,
            "state_cache": _MEANS,
            "location": or_null(
                closed_object(
                    "Where its address is, as far as is known.",
                    {"latitude": {"type": "number"}, "longitude": {"type": "number"}, "city": TEXT},
                )
            ),
            "startup_time": {**or_null(INTEGER), "description": "Milliseconds since 1970."},
            "target_os": or_null(TEXT),
            "target_arch": or_null(TEXT),
            "target_env": or_null(TEXT),
            "ip": {**or_null(TEXT), "description": "Only with EXPOSE_NODE_DETAILS."},
            "sysinfo": or_null(_OBJECT),
            "hwbench": {**or_null(_OBJECT), "description": "Only with EXPOSE_NODE_DETAILS."},
            "stale": {"type": "boolean", "description": "Whether its blocks are long past the chain's."},
            "connected_since": _MILLISECONDS,
        },
    ),
    "Ranking": closed_object(
        "How many nodes have which value.",
        {
            "list": {
                "type": "array",
                "description": "Pairs of a value and a count. A value that is a range has its two ends.",
                "items": {"type": "array", "minItems": 2, "maxItems": 2},
            },
            "other": {**INTEGER, "description": "Nodes with values that are not listed."},
            "unknown": {**INTEGER, "description": "Nodes that did not say."},
        },
    ),
    "Statistics": {
        "type": "object",
        "description": "Rankings by property: `version`, `target_os`, `cpu`, `memory` and so on.",
        "additionalProperties": ref("Ranking"),
    },
    "Error": closed_object("Why a request failed.", {"error": TEXT}),
    "QueryError": {
        "const": "Error while processing query",
        "description": "All that is said of a failed read.",
    },
}

LISTS: dict[str, Part] = {name: array_of(name) for name in SCHEMAS}
