"""Builds telemetry; nothing else builds its objects.

The way of a message: `intake.socket` -> `rules.document`, `rules.sender` -> `intake.buffer` ->
`intake.writer` -> `store.batches`. The way out: `api.<resource>` -> `store.<table>` -> `render`.
"""

from collections.abc import Callable, Mapping

from lamina.kernel.contracts import ASGIApp, Check, Endpoint, Listener, Part, ProcessSpec, ServicePlan, Task
from lamina.kernel.process import Kernel
from lamina.kernel.settings.load import Settings
from lamina.kernel.web.openapi_routes import add_documentation
from lamina.kernel.web.respond import Reply
from lamina.kernel.web.routing import Router
from lamina.services.telemetry.api import openapi
from lamina.services.telemetry.api.benchmarks import EXAMPLE as BENCHMARK_EXAMPLE
from lamina.services.telemetry.api.benchmarks import (
    ListBenchmarks,
    ListEvents,
    ListTargets,
    PostBenchmark,
    PostEvent,
)
from lamina.services.telemetry.api.dashboards import add_dashboards
from lamina.services.telemetry.api.failure import render_error
from lamina.services.telemetry.api.front import front
from lamina.services.telemetry.api.host_systems import EXAMPLE as HOST_SYSTEM_EXAMPLE
from lamina.services.telemetry.api.host_systems import ListHostSystems, PostHostSystem
from lamina.services.telemetry.api.live import (
    GetChainStatistics,
    ListChainNodes,
    ListChains,
    StreamEvents,
    Views,
)
from lamina.services.telemetry.api.metrics import GetMetrics
from lamina.services.telemetry.api.nodes import ListLogs, ListLogStats, ListNodes
from lamina.services.telemetry.api.paths import Normalised
from lamina.services.telemetry.api.reading import Reading
from lamina.services.telemetry.api.reputation import ListReputationHistory, ListReputations, MockReputations
from lamina.services.telemetry.api.series import GetSeries
from lamina.services.telemetry.api.stats import HEALTH, VERSION, ListRelations
from lamina.services.telemetry.feeds.feed import Feeds
from lamina.services.telemetry.feeds.live import Live
from lamina.services.telemetry.feeds.live_feed import LiveFeeds
from lamina.services.telemetry.feeds.pairs import Pairs
from lamina.services.telemetry.feeds.stream import Stream
from lamina.services.telemetry.intake.buffer import Buffer
from lamina.services.telemetry.intake.purge import Purge
from lamina.services.telemetry.intake.socket import NodeSockets
from lamina.services.telemetry.intake.writer import Writer
from lamina.services.telemetry.live.node import Location
from lamina.services.telemetry.live.places import Places
from lamina.services.telemetry.settings import TelemetrySettings, address, log_effective
from lamina.services.telemetry.store import partitions, purge
from lamina.services.telemetry.store.position import position
from lamina.services.telemetry.store.proof import verify
from lamina.services.telemetry.store.schema import MIGRATIONS, NAME, publish_views

__all__ = [
    "KEY_FILES", "MIGRATIONS", "NAME", "admin", "build", "plan", "position", "prepare", "reporter", "verify",
]  # fmt: skip

KEY_FILES: tuple[str, ...] = ()
HTTP = "telemetry.http"
LIVE = "telemetry.live"
INTAKE_PATHS = ("/", "/audit", "/submit")
_MIB = 2**20
_NOT_FOUND = Reply(404, b"", content_type=b"text/plain; charset=utf-8")
_METHOD_NOT_ALLOWED = Reply(405, b"", content_type=b"text/plain; charset=utf-8")


def plan(settings: Settings) -> ServicePlan:
    """The listeners, shared by the receivers."""
    telemetry = settings.get(TelemetrySettings)
    listeners = [Listener(HTTP, *address(settings), pending_max=telemetry.pending_connections_max)]
    if telemetry.live_port is not None:
        listeners.append(Listener(LIVE, telemetry.host, telemetry.live_port))
    names = tuple(each.name for each in listeners)
    process = ProcessSpec(
        "web", telemetry.workers, names, flush_s=telemetry.flush_timeout_s, plans_each_query=True
    )
    return ServicePlan(name=NAME, listeners=tuple(listeners), processes=(process,))


async def prepare(kernel: Kernel) -> None:
    """Partitions for today, and the original's table names.

    Raises:
        ConfigurationError: there are no places in the city database.
    """
    log_effective(kernel.settings)
    _locate(kernel)
    await partitions.ensure(kernel.database, purge.now().date())
    await publish_views(kernel.database)


async def build(kernel: Kernel, role: str) -> Part:
    """The objects of one receiver."""
    assert role == "web", "telemetry has one kind of process"
    telemetry = kernel.settings.get(TelemetrySettings)
    buffer = Buffer(
        bytes_max=telemetry.buffer_mb * _MIB,
        messages_due=telemetry.batch_messages_max,
        bytes_due=telemetry.batch_bytes_max,
        latency_s=telemetry.batch_latency_ms / 1000,
    )
    writer = Writer(kernel.database, buffer, sync_commit=telemetry.sync_commit)
    stream = Stream(kernel.database, writer.receiver, telemetry.cache_update_interval_ms / 1000)
    writer.tell(stream.stored)
    pairs = Pairs(kernel.database, stream, telemetry)
    nodes = NodeSockets(kernel.database, buffer, telemetry)
    live = Live(telemetry, nodes.close_idle, _locate(kernel))
    stream.add(live)
    feeds = Feeds(pairs, live, telemetry.feed_clients_max)
    live_feeds = LiveFeeds(live, telemetry.feed_clients_max)
    purger = Purge(kernel.database, telemetry)
    reading = Reading(kernel.database, telemetry)
    router = _router(reading)
    _add_live(router, Views(reading, live))
    add_dashboards(router, telemetry.assets_path)
    add_documentation(router, openapi.document(telemetry))
    for path in INTAKE_PATHS:
        router.add_websocket(path, nodes.serve)
    router.add_websocket("/feed", feeds.serve)
    router.add_websocket("/live", live_feeds.serve)
    endpoints = [Endpoint(HTTP, Normalised(router), render_error, _limits(telemetry))]
    if telemetry.live_port is not None:
        endpoints.append(Endpoint(LIVE, _core(live_feeds), render_error, _limits(telemetry)))
    return Part(
        endpoints=endpoints,
        tasks=(
            Task("telemetry.open", nodes.run_opening),
            Task("telemetry.heartbeat", nodes.run_heartbeat),
            Task("telemetry.touch", nodes.run_touch),
            Task("telemetry.store", lambda: writer.run(telemetry.flush_timeout_s)),
            Task("telemetry.purge", purger.run),
            Task("telemetry.stream", stream.run),
            Task("telemetry.feeds", pairs.run),
            Task("telemetry.live", live.run),
        ),
        checks=(Check("database", kernel.database.check),),
    )


def _locate(kernel: Kernel) -> Callable[[str], Location | None] | None:
    path = kernel.settings.get(TelemetrySettings).city_database
    if path is None:
        return None
    places = Places(path)
    kernel.resources.callback(places.close)
    return places.find


async def admin(kernel: Kernel) -> Mapping[str, ASGIApp]:
    """Nothing yet that operators ask beyond the public API."""
    del kernel
    return {}


async def reporter(kernel: Kernel) -> None:
    """Telemetry says nothing of itself: its metrics do."""
    del kernel


def _limits(telemetry: TelemetrySettings) -> Mapping[str, float]:
    """Bounds of this listener; heartbeats are the service's own (spec/telemetry.md 3.3)."""
    return {
        "ws_frame_bytes_max": telemetry.ws_payload_bytes_max,
        "connections_per_address_max": telemetry.connections_per_address_max,
        "pending_connections_max": telemetry.pending_connections_max,
        "ws_ping_interval_s": 0,
    }


def _router(reading: Reading) -> Router:
    router = Router(not_found=_NOT_FOUND, method_not_allowed=_METHOD_NOT_ALLOWED)
    for path in INTAKE_PATHS:
        router.add(path, {"GET": front})
    router.add("/health", {"GET": HEALTH})
    router.add("/metrics", {"GET": GetMetrics()})
    router.add("/stats/version", {"GET": VERSION})
    router.add("/stats/db", {"GET": ListRelations(reading)})
    router.add("/nodes", {"GET": ListNodes(reading)})
    router.add("/nodes/log_stats", {"GET": ListLogStats(reading)})
    router.add("/nodes/logs", {"GET": ListLogs(reading)})
    router.add("/nodes/{peer_id}/series", {"GET": GetSeries(reading)})
    router.add("/reputation", {"GET": ListReputations(reading, only_logged=False)})
    router.add("/reputation/logged", {"GET": ListReputations(reading, only_logged=True)})
    router.add("/reputation/{peer_id}", {"GET": ListReputationHistory(reading)})
    router.add("/reputation/mock/{qty}", {"GET": MockReputations(reading)})
    router.add("/host_systems", {"GET": ListHostSystems(reading), "POST": PostHostSystem(reading)})
    router.add("/host_systems/example", {"GET": HOST_SYSTEM_EXAMPLE})
    router.add("/benchmarks", {"GET": ListBenchmarks(reading), "POST": PostBenchmark(reading)})
    router.add("/benchmarks/example", {"GET": BENCHMARK_EXAMPLE})
    router.add("/benchmarks/events", {"POST": PostEvent(reading)})
    router.add("/benchmarks/{id}/targets", {"GET": ListTargets(reading)})
    router.add("/benchmarks/{id}/events", {"GET": ListEvents(reading)})
    return router


def _core(live_feeds: LiveFeeds) -> Router:
    """What is on the further port: the paths of substrate-telemetry's core (spec/telemetry.md B.3)."""
    router = Router(not_found=_NOT_FOUND, method_not_allowed=_METHOD_NOT_ALLOWED)
    router.add("/health", {"GET": HEALTH})
    router.add_websocket("/feed", live_feeds.serve)
    return router


def _add_live(router: Router, views: Views) -> None:
    router.add("/live/chains", {"GET": ListChains(views)})
    router.add("/live/chains/{genesis}/nodes", {"GET": ListChainNodes(views)})
    router.add("/live/chains/{genesis}/stats", {"GET": GetChainStatistics(views)})
    router.add("/live/stream", {"GET": StreamEvents(views)})
