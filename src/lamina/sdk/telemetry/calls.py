"""Every request of telemetry's API as a value: what is sent, and how the answer is read. No I/O."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar, cast
from urllib.parse import quote

from lamina.sdk.telemetry.documents import (
    Aggregate,
    Benchmark,
    BenchmarkEvent,
    Chain,
    HostSystem,
    LiveNode,
    Log,
    LogStat,
    NewHostSystem,
    Node,
    Relation,
    Reputation,
    Reputations,
)
from lamina.sdk.telemetry.errors import TelemetryError, error_of

T = TypeVar("T")
Parameter = str | int | bool | datetime | None


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request.

    Attributes:
        path: below telemetry's URL.
        params: the query, None where a parameter is left out; a time without a zone is UTC.
        body: what is posted, any JSON; None for GET.
    """

    path: str
    params: Mapping[str, Parameter] = field(default_factory=dict[str, Parameter])
    body: Any = None

    @property
    def method(self) -> str:
        """GET, or POST where there is a body."""
        return "GET" if self.body is None else "POST"

    @property
    def query(self) -> dict[str, str]:
        """The parameters that are sent."""
        return {name: _text(value) for name, value in self.params.items() if value is not None}

    @property
    def content(self) -> bytes | None:
        """The body's bytes."""
        return None if self.body is None else json.dumps(self.body).encode()

    @property
    def headers(self) -> dict[str, str]:
        """What the body is, where there is one."""
        return {} if self.body is None else {"Content-Type": "application/json"}

    def result(self, status: int, content: bytes) -> T:
        """Read the answer.

        Raises:
            Refused, NotFound, TelemetryError: it is an error, or no answer of telemetry.
        """
        if not 200 <= status < 300:
            raise error_of(status, content)
        try:
            return cast("T", json.loads(content))
        except ValueError:
            raise TelemetryError(status, "the answer is not telemetry's") from None


def nodes() -> Call[list[Node]]:
    """`GET /nodes`."""
    return Call("/nodes")


def log_stats(peer_id: str) -> Call[list[LogStat]]:
    """`GET /nodes/log_stats`."""
    return Call("/nodes/log_stats", {"peer_id": peer_id})


def logs(peer_id: str, params: Mapping[str, Parameter]) -> Call[list[Log]]:
    """`GET /nodes/logs`."""
    return Call("/nodes/logs", {"peer_id": peer_id, **params})


def series(
    peer_id: str, field_name: str, aggregate: Aggregate, params: Mapping[str, Parameter]
) -> Call[list[tuple[str, float]]]:
    """`GET /nodes/{peer_id}/series`."""
    return Call(f"/nodes/{_segment(peer_id)}/series", {"field": field_name, "agg": aggregate, **params})


def reputations(params: Mapping[str, Parameter], *, logged: bool) -> Call[list[Reputations]]:
    """`GET /reputation` and `/reputation/logged`."""
    return Call("/reputation/logged" if logged else "/reputation", params)


def reputation_of(peer_id: str, params: Mapping[str, Parameter]) -> Call[list[Reputation]]:
    """`GET /reputation/{peer_id}`."""
    return Call(f"/reputation/{_segment(peer_id)}", params)


def host_systems() -> Call[list[HostSystem]]:
    """`GET /host_systems`."""
    return Call("/host_systems")


def add_host_system(system: NewHostSystem) -> Call[HostSystem]:
    """`POST /host_systems`."""
    return Call("/host_systems", body=system)


def benchmarks() -> Call[list[Benchmark]]:
    """`GET /benchmarks`."""
    return Call("/benchmarks")


def add_benchmark(setup: object) -> Call[Benchmark]:
    """`POST /benchmarks`, second generation."""
    return Call("/benchmarks", body={"setup": setup})


def benchmark_events(benchmark_id: int) -> Call[list[BenchmarkEvent]]:
    """`GET /benchmarks/{id}/events`."""
    return Call(f"/benchmarks/{benchmark_id}/events")


def add_benchmark_event(benchmark_id: int, name: str, phase: str, at: datetime) -> Call[BenchmarkEvent]:
    """`POST /benchmarks/events`."""
    body = {"benchmark_id": benchmark_id, "name": name, "phase": phase, "created_at": _text(at)}
    return Call("/benchmarks/events", body=body)


def benchmark_targets(benchmark_id: int) -> Call[list[dict[str, str]]]:
    """`GET /benchmarks/{id}/targets`."""
    return Call(f"/benchmarks/{benchmark_id}/targets")


def sizes() -> Call[list[Relation]]:
    """`GET /stats/db`."""
    return Call("/stats/db")


def chains(at: datetime | None) -> Call[list[Chain]]:
    """`GET /live/chains`."""
    return Call("/live/chains", {"at": at})


def chain_nodes(genesis_hash: str, params: Mapping[str, Parameter]) -> Call[list[LiveNode]]:
    """`GET /live/chains/{genesis}/nodes`."""
    return Call(f"/live/chains/{_segment(genesis_hash)}/nodes", params)


def chain_statistics(genesis_hash: str, at: datetime | None) -> Call[dict[str, Any]]:
    """`GET /live/chains/{genesis}/stats`."""
    return Call(f"/live/chains/{_segment(genesis_hash)}/stats", {"at": at})


def _segment(text: str) -> str:
    return quote(text, safe="")


def _text(value: str | int | bool | datetime) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        moment = value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)
        return moment.isoformat()
    return str(value)
