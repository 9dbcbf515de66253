"""The OpenAPI document of telemetry's HTTP API; a test holds its paths and methods against the routes.

Compatibility quirks are described as they are answered. HEAD, OPTIONS, CSV, the spelling of paths and the
HTTP layer's own refusals, which are the same everywhere, are told in prose once.
"""

from collections.abc import Sequence

import lamina
from lamina.kernel.web.openapi_parts import (
    Answer,
    Part,
    answer,
    json_content,
    operation,
    path_parameter,
    query_parameter,
    ref,
)
from lamina.kernel.web.openapi_routes import TAG, documentation
from lamina.services.telemetry.api import openapi_examples as examples
from lamina.services.telemetry.api.openapi_failures import (
    NO_CHAIN,
    NO_NAME,
    POSTED,
    READ,
    WRONG_METHOD,
    failures,
)
from lamina.services.telemetry.api.openapi_schemas import LISTS, SCHEMAS
from lamina.services.telemetry.settings import TelemetrySettings
from lamina.services.telemetry.store.series import SUMS

_TAGS = (
    ("Nodes", "Who connected, and what they said."),
    ("Live", "What is connected now, or was at a moment of the past."),
    ("Reputation", "What nodes think of each other."),
    ("Benchmarks", "Benchmarks, their events, and the machines they run on."),
    ("Service", "This receiver and its database."),
    TAG,
)
_HOST_SYSTEM: Part = {
    "description": "Any notes to go here",
    "os": "freebsd",
    "cpu_qty": 4,
    "cpu_clock": 2600,
    "ram_mb": 8192,
    "disk_info": "NVME",
}
_RUN: Part = {"ts_start": "2020-01-01T00:00:00", "ts_end": "2020-01-01T01:00:00", "host_system_id": 1}


def document(settings: TelemetrySettings) -> Part:
    """Describe the API of one receiver.

    Args:
        settings: the receiver's limits, which the document names.

    Returns:
        An OpenAPI 3.1 document, ready for JSON.
    """
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Lamina telemetry",
            "version": lamina.__version__,
            "summary": "Stores what nodes of a network report, and answers questions about it.",
            "description": _description(settings),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "This receiver."}],
        "tags": [{"name": name, "description": description} for name, description in _TAGS],
        "paths": {
            **_nodes(),
            **_live(),
            **_reputation(),
            **_host_systems(settings),
            **_benchmarks(settings),
            **_service(),
            **documentation(WRONG_METHOD),
        },
        "components": {"schemas": SCHEMAS, "responses": failures(settings)},
    }


def _description(settings: TelemetrySettings) -> str:
    return f"""
Wire-compatible with Tetcore Analytics and Substrate Analytics.

Nodes connect by websocket to `/` (also `/submit`), or to `/audit`, whose messages are never purged: one JSON
message each, of at most {settings.ws_payload_bytes_max} bytes, text or binary, flat or in the newer envelope.
There is no acknowledgement. A message can be asked for as soon as its batch is stored,
{settings.batch_latency_ms} ms after it was read unless the database is slow.

Dashboards listen by websocket to `/feed` (one peer and type each) and to `/live` (the feed of
substrate-telemetry, version 33).

Every path is also answered with a trailing slash, with repeated slashes, and under `/telemetry`. HEAD is
answered as GET without its body, OPTIONS with `Allow`. Pages of any origin may read the answers.

Lists are JSON, or CSV where `Accept: text/csv` asks for it. No list has more than {settings.rows_max}
elements. Times are UTC, without a zone in answers; in parameters they may have one.

A parameter that cannot be used is ignored, never refused; of a repeated one the first value counts; unknown
ones are ignored.
""".strip()


def _list(description: str, schema: str, example: object) -> Answer:
    """A list, as JSON or CSV."""
    content = {**json_content(LISTS[schema], example), "text/csv": {"schema": {"type": "string"}}}
    return "200", {"description": description, "content": content}


def _text(description: str, media_type: str, example: str) -> Answer:
    content = {media_type: {"schema": {"type": "string"}, "example": example}}
    return "200", {"description": description, "content": content}


def _get(
    tag: str,
    names: tuple[str, str, str],
    parameters: Sequence[Part],
    *answers: Answer,
) -> Part:
    operation_id, summary, description = names
    return {"get": operation(tag, operation_id, summary, description, parameters=parameters, answers=answers)}


def _times(default_start: str = "1970") -> list[Part]:
    return [
        query_parameter("start_time", f"Only later than this; {default_start} when absent.", {}),
        query_parameter("end_time", "Only earlier than this; now when absent.", {}),
    ]


def _limit(default: str) -> Part:
    return query_parameter(
        "limit", f"At most so many; {default} when absent or negative.", {"type": "integer"}, example=10
    )


_PEER_ID = path_parameter("peer_id", "The peer.", example=examples.PEER)
_PEER_ID_ASKED = query_parameter(
    "peer_id", "The peer; nothing is found without one.", {}, example=examples.PEER
)
_GENESIS = path_parameter("genesis", "The chain's genesis hash, in any case.", example=examples.GENESIS)
_BENCHMARK_ID = path_parameter("id", "The benchmark's number; what is none finds nothing.", example="1")
_AT = query_parameter(
    "at",
    "As of this moment, made again from what is stored; now when absent.",
    {},
    example="2021-01-13T12:22:20",
)
_MAX_AGE = query_parameter(
    "max_age_s", "Only reports of the last seconds; 60 when absent.", {"type": "integer"}, example=600
)


def _nodes() -> Part:
    logs = (
        "listLogs",
        "Messages of a peer",
        "The newest first, by the node's own time. Both ends of the time are excluded.",
    )
    series = (
        "getSeries",
        "One field over time",
        "A numeric field of a peer's messages of one type. Steps without a value are left out.",
    )
    return {
        "/nodes": _get(
            "Nodes",
            ("listNodes", "All peers", "The newest connection of every peer, by peer id."),
            [],
            _list("The peers.", "Node", [examples.NODE]),
            *READ,
        ),
        "/nodes/log_stats": _get(
            "Nodes",
            ("listLogStats", "Messages by type", "How many messages of each type a peer has stored."),
            [_PEER_ID_ASKED],
            _list("The counts, the highest first.", "LogStat", examples.LOG_STATS),
            *READ,
        ),
        "/nodes/logs": _get(
            "Nodes",
            logs,
            [
                _PEER_ID_ASKED,
                query_parameter("msg", "Only of this type.", {}, example="block.import"),
                query_parameter("target", "Only of this target.", {}, example="pallet_babe"),
                *_times(),
                _limit("100"),
            ],
            _list("The messages.", "Log", [examples.LOG]),
            *READ,
        ),
        "/nodes/{peer_id}/series": _get(
            "Nodes",
            series,
            [
                _PEER_ID,
                query_parameter("field", "The member; dots lead to inner ones.", {}, example="peers"),
                query_parameter("msg", "The type; `system.interval` when absent.", {}),
                query_parameter("step", "Seconds; 60 when absent.", {"type": "integer"}, example=60),
                query_parameter(
                    "agg", "How a step becomes one value; the mean when absent.", {"enum": list(SUMS)}
                ),
                *_times(),
                _limit("all of them"),
            ],
            answer(200, "The values, ascending.", LISTS["Point"], examples.SERIES),
            NO_NAME,
            *READ,
        ),
    }


def _live() -> Part:
    stream: Part = {
        "description": "`chain`, `node`, `node_removed`, `block`, `finalized`: what is, then what changes.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
    return {
        "/live/chains": _get(
            "Live",
            ("listChains", "All chains", "Chains with nodes connected, the one with the most nodes first."),
            [_AT],
            _list("The chains.", "Chain", [examples.CHAIN]),
            *READ,
        ),
        "/live/chains/{genesis}/nodes": _get(
            "Live",
            ("listChainNodes", "Nodes of a chain", "Connected nodes, by id."),
            [
                _GENESIS,
                query_parameter("name", "Only nodes whose name contains this.", {}, example="ali"),
                query_parameter("stale", "Only stale nodes, or only others.", {"enum": ["true", "false"]}),
                query_parameter("after", "Only ids above this one.", {"type": "integer"}),
                _limit("1000"),
                _AT,
            ],
            _list("The nodes.", "LiveNode", [examples.LIVE_NODE]),
            NO_CHAIN,
            *READ,
        ),
        "/live/chains/{genesis}/stats": _get(
            "Live",
            ("getChainStatistics", "What nodes run on", "Rankings of versions, machines and benchmarks."),
            [_GENESIS, _AT],
            answer(200, "The rankings.", ref("Statistics"), examples.STATISTICS),
            NO_CHAIN,
            *READ,
        ),
        "/live/stream": _get(
            "Live",
            ("streamEvents", "Changes as they happen", "Server-sent events of one chain, or of all."),
            [query_parameter("chain", "Only this chain, with its nodes.", {}, example=examples.GENESIS)],
            ("200", stream),
            *READ,
        ),
    }


def _reputation() -> Part:
    parameters = [_MAX_AGE, _limit("100")]
    reports = _list("One element per reporting peer.", "Reputations", [examples.REPUTATIONS])
    return {
        "/reputation": _get(
            "Reputation",
            ("listReputations", "What peers think now", "The newest report of each peer."),
            parameters,
            reports,
            *READ,
        ),
        "/reputation/logged": _get(
            "Reputation",
            (
                "listLoggedReputations",
                "The same of peers known here",
                "Only of peers that ever connected here.",
            ),
            parameters,
            reports,
            *READ,
        ),
        "/reputation/{peer_id}": _get(
            "Reputation",
            ("listReputationHistory", "What others thought of one peer", "By reporting peer and time."),
            [
                _PEER_ID,
                *_times("or `max_age_s` seconds ago, else 1970,"),
                query_parameter("max_age_s", "Only of the last seconds.", {"type": "integer"}, example=600),
                _limit("1000"),
            ],
            _list("One element per report.", "Reputation", [examples.REPUTATION]),
            NO_NAME,
            *READ,
        ),
        "/reputation/mock/{qty}": _get(
            "Reputation",
            ("mockReputations", "Invented reports", "For those who write a front end."),
            [path_parameter("qty", "How many reporters, at most 8; what is no number means 8.", example="3")],
            _list("One element per reporter.", "Reputations", [examples.REPUTATIONS]),
            NO_NAME,
            WRONG_METHOD,
        ),
    }


def _posted(
    settings: TelemetrySettings, names: tuple[str, str, str], given: str, example: Part, made: Part
) -> Part:
    """A POST of something that is answered with its number."""
    operation_id, summary, description = names
    body: Part = {
        "required": True,
        "description": f"At most {settings.body_bytes_max} bytes; members without a name here are ignored.",
        "content": json_content(ref(given), example),
    }
    kept = answer(200, "What was stored.", ref(given.removeprefix("New")), made)
    answers = [kept, *POSTED]
    return {"post": operation("Benchmarks", operation_id, summary, description, body=body, answers=answers)}


def _host_systems(settings: TelemetrySettings) -> Part:
    made = {"id": 1, **_HOST_SYSTEM}
    return {
        "/host_systems": _get(
            "Benchmarks",
            ("listHostSystems", "All machines", "By number."),
            [],
            _list("The machines.", "HostSystem", [made]),
            *READ,
        )
        | _posted(
            settings,
            ("postHostSystem", "Add a machine", "A machine that benchmarks run on."),
            "NewHostSystem",
            _HOST_SYSTEM,
            made,
        ),
        "/host_systems/example": _get(
            "Benchmarks",
            ("getHostSystemExample", "A body for POST /host_systems", "Always the same."),
            [],
            answer(200, "The body.", ref("NewHostSystem"), _HOST_SYSTEM),
            WRONG_METHOD,
        ),
    }


def _benchmarks(settings: TelemetrySettings) -> Part:
    return {
        "/benchmarks": _get(
            "Benchmarks",
            ("listBenchmarks", "All benchmarks", "The newest first."),
            [],
            _list("The benchmarks.", "Benchmark", [examples.BENCHMARK]),
            *READ,
        )
        | _posted(
            settings,
            ("postBenchmark", "Add a benchmark", "Of either generation."),
            "NewBenchmark",
            examples.SETUP,
            examples.BENCHMARK,
        ),
        "/benchmarks/example": _get(
            "Benchmarks",
            (
                "getBenchmarkExample",
                "A body for POST /benchmarks",
                "Of the first generation; always the same.",
            ),
            [],
            answer(200, "The body.", ref("NewBenchmark"), _RUN),
            WRONG_METHOD,
        ),
        "/benchmarks/events": _posted(
            settings,
            ("postBenchmarkEvent", "Add an event", "Something that happened during a benchmark."),
            "NewEvent",
            examples.EVENT,
            {"id": 1, **examples.EVENT},
        ),
        "/benchmarks/{id}/events": _get(
            "Benchmarks",
            ("listBenchmarkEvents", "Events of a benchmark", "By name."),
            [_BENCHMARK_ID],
            _list("The events.", "Event", [{"id": 1, **examples.EVENT}]),
            NO_NAME,
            *READ,
        ),
        "/benchmarks/{id}/targets": _get(
            "Benchmarks",
            (
                "listBenchmarkTargets",
                "Targets of a benchmark",
                "What the benchmark's node logged about, in order.",
            ),
            [_BENCHMARK_ID],
            _list("The targets.", "Target", [{"target": "pallet_babe"}]),
            NO_NAME,
            *READ,
        ),
    }


def _service() -> Part:
    return {
        "/stats/db": _get(
            "Service",
            ("listRelations", "Sizes of tables", "The largest first, 1000 at most."),
            [],
            _list("The sizes.", "Relation", [examples.RELATION]),
            *READ,
        ),
        "/stats/version": _get(
            "Service",
            ("getVersion", "Which version runs", "Name, version and description in one line."),
            [],
            _text("The line.", "text/html", r"tetcore-analytics<br\>0.1.0<br\>Lamina telemetry"),
            WRONG_METHOD,
        ),
        "/health": _get(
            "Service",
            ("getHealth", "Whether this receiver answers", "Without a look at the database."),
            [],
            _text("It does.", "text/plain", "OK"),
            WRONG_METHOD,
        ),
        "/metrics": _get(
            "Service",
            ("getMetrics", "Metrics", "The original's names and Lamina's, for Prometheus."),
            [],
            _text("The metrics.", "text/plain", "nodes_connected_count 2\n"),
            WRONG_METHOD,
        ),
    }
