"""Builds the scheduler; nothing else builds its objects.

The way of a message: `api.submit` -> `formats.ans104`, `rules.submission` -> `sequencer.line`
(`rules.assignment`, `sequencer.signer`) -> `store.writes` -> answer; beside it `sequencer.uploader` ->
`peers.gateway`.
The way out: `api.reads` -> `store.messages` -> `render`.
A router's: `api.route`, `api.route_post` -> `store.placements`, `sequencer.placer` -> a redirect, or
`peers.unit_client`; beside it `peers.scheduler_list`, `peers.unit_health`.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from lamina.kernel.contracts import (
    Advanced,
    ASGIApp,
    Check,
    Endpoint,
    Listener,
    Part,
    ProcessSpec,
    Reporter,
    ServicePlan,
    Task,
    Verdict,
)
from lamina.kernel.process import Kernel
from lamina.kernel.settings.load import Settings
from lamina.kernel.settings.platform import HttpSettings, PostgresSettings
from lamina.kernel.storage.database import Database, PoolOptions
from lamina.kernel.storage.replica import Replica
from lamina.kernel.web.openapi_routes import add_documentation
from lamina.kernel.web.peer import TrustedProxies
from lamina.kernel.web.respond import Reply
from lamina.kernel.web.routing import Router
from lamina.services.scheduler.api import openapi
from lamina.services.scheduler.api.admission import Admission
from lamina.services.scheduler.api.failure import render_error
from lamina.services.scheduler.api.metrics import GetMetrics
from lamina.services.scheduler.api.reads import GetLatest, GetMessage, GetProcess, GetRoot, GetTimestamp
from lamina.services.scheduler.api.route import RouteByPath, RouteByQuery, RouteMessage, Routes
from lamina.services.scheduler.api.route_post import RoutePost
from lamina.services.scheduler.api.submit import Submit
from lamina.services.scheduler.api.tenancy import Tenancy
from lamina.services.scheduler.api.unit import Unit
from lamina.services.scheduler.api.units import GetUnits
from lamina.services.scheduler.peers.client import Client
from lamina.services.scheduler.peers.followed import Followed
from lamina.services.scheduler.peers.gateway import Gateway
from lamina.services.scheduler.peers.network import Network
from lamina.services.scheduler.peers.placement import Placement
from lamina.services.scheduler.peers.scheduler_list import SchedulerList
from lamina.services.scheduler.peers.unit_client import UnitClient
from lamina.services.scheduler.peers.unit_health import UnitHealth
from lamina.services.scheduler.reports import SchedulerReporter
from lamina.services.scheduler.rules.whitelist import ProcessWhitelist, read_addresses, read_processes
from lamina.services.scheduler.sequencer.placer import Placer
from lamina.services.scheduler.sequencer.rehash import Rehash
from lamina.services.scheduler.sequencer.sequencer import Sequencer
from lamina.services.scheduler.sequencer.signer import Signer
from lamina.services.scheduler.sequencer.uploader import Uploader
from lamina.services.scheduler.sequencer.verify import Verifier
from lamina.services.scheduler.sequencer.wallet import WALLET_FILE, load_wallet
from lamina.services.scheduler.settings import SchedulerSettings, address, router_address
from lamina.services.scheduler.store.schema import MIGRATIONS, NAME, position

__all__ = [
    "KEY_FILES", "MIGRATIONS", "NAME", "admin", "build", "plan", "position", "prepare", "reporter", "verify",
]  # fmt: skip

KEY_FILES = (WALLET_FILE,)
HTTP = "scheduler.http"
ROUTER_HTTP = "scheduler.router"
ROUTER_MODE = "router"
_NOT_FOUND = Reply(404, b"", content_type=b"text/plain; charset=utf-8")
_HEALTH = Reply(200, b"", content_type=b"text/plain; charset=utf-8")
_NO_METRICS = Reply(400, b"Metrics not enabled", content_type=b"text/plain; charset=utf-8")


def plan(settings: Settings) -> ServicePlan:
    """A unit, and beside it a router where there is a scheduler list; in router mode only that."""
    scheduler = settings.get(SchedulerSettings)
    listeners: list[Listener] = []
    processes: list[ProcessSpec] = []
    if scheduler.mode != ROUTER_MODE:
        listeners.append(Listener(HTTP, *address(settings)))
        processes.append(ProcessSpec("web", scheduler.workers, (HTTP,)))
    if scheduler.mode == ROUTER_MODE or scheduler.schedulers_path:
        listeners.append(Listener(ROUTER_HTTP, *router_address(settings)))
        processes.append(ProcessSpec("router", 1, (ROUTER_HTTP,)))
    return ServicePlan(name=NAME, listeners=tuple(listeners), processes=tuple(processes))


async def prepare(kernel: Kernel) -> None:
    """A wallet that can be used, before any process starts.

    Raises:
        ConfigurationError, SecretFileError: see `load_wallet`.
    """
    load_wallet(kernel.settings)


async def build(kernel: Kernel, role: str) -> Part:
    """The objects of one process."""
    return await _build_router(kernel) if role == "router" else await _build_unit(kernel)


async def _build_unit(kernel: Kernel) -> Part:
    settings = kernel.settings.get(SchedulerSettings)
    signer = Signer(load_wallet(kernel.settings), settings.signers or os.cpu_count() or 1)
    kernel.resources.callback(signer.close)
    client = Client(settings)
    kernel.resources.push_async_callback(client.close)
    gateway = Gateway(settings, client)
    network = Network(kernel.database, gateway, settings)
    sequencer = Sequencer(kernel.database, signer, settings, network.height, kernel.clock)
    lists = await _lists(settings, client)
    proxies = TrustedProxies(kernel.settings.get(HttpSettings).trusted_proxies)
    unit = Unit(
        kernel.database,
        settings,
        sequencer,
        signer,
        gateway,
        network,
        Admission(settings, lists.addresses, proxies),
        Tenancy(lists.processes),
        Placement(settings, client),
    )
    replica = await _replica(kernel)
    return Part(
        endpoints=(Endpoint(HTTP, _unit_paths(unit, replica), render_error),),
        tasks=(*_tasks(kernel, unit), *lists.tasks()),
        checks=(Check("database", kernel.database.check),),
    )


async def _build_router(kernel: Kernel) -> Part:
    settings = kernel.settings.get(SchedulerSettings)
    client = UnitClient(settings)
    kernel.resources.push_async_callback(client.close)
    health = UnitHealth(kernel.database, client, settings.unit_interval_s)
    placer = Placer(kernel.database, settings, health.down)
    scheduler_list = SchedulerList(kernel.database, settings)
    await scheduler_list.look()
    routes = Routes(kernel.database, settings, placer, client, health)
    return Part(
        endpoints=(Endpoint(ROUTER_HTTP, _router_paths(routes), render_error),),
        tasks=(
            Task("scheduler.place", placer.run),
            Task("scheduler.list", scheduler_list.run),
            Task("scheduler.health", health.run),
        ),
        checks=(Check("database", kernel.database.check), Check("units", health.check)),
    )


def _tasks(kernel: Kernel, unit: Unit) -> Sequence[Task]:
    settings = unit.settings
    tasks = [Task("scheduler.network", unit.network.run)]
    if settings.read_only:
        return tasks
    uploader = Uploader(kernel.database, unit.signer, unit.gateway, settings)
    tasks += [Task("scheduler.commit", unit.sequencer.run), Task("scheduler.upload", uploader.run)]
    if settings.deep_hash_checks:
        tasks.append(Task("scheduler.rehash", Rehash(kernel.database, settings).run))
    return tasks


@dataclass(frozen=True, slots=True)
class _Lists:
    """The lists that the operator keeps elsewhere; None where there is none."""

    addresses: Followed[frozenset[str]] | None
    processes: Followed[ProcessWhitelist] | None

    def tasks(self) -> Sequence[Task]:
        named = (("scheduler.addresses", self.addresses), ("scheduler.processes", self.processes))
        return [Task(name, followed.run) for name, followed in named if followed is not None]


async def _lists(settings: SchedulerSettings, client: Client) -> _Lists:
    """The lists as they are now, so that the first request is not refused for want of a copy."""
    addresses = processes = None
    if settings.ip_whitelist_url:
        addresses = Followed(
            client, settings.ip_whitelist_url, settings.ip_whitelist_interval_s, read_addresses
        )
        await addresses.look()
    if settings.process_whitelist_url:
        processes = Followed(
            client,
            settings.process_whitelist_url,
            settings.process_whitelist_interval_s,
            lambda document: read_processes(document, settings.own_url),
        )
        await processes.look()
    return _Lists(addresses, processes)


async def _replica(kernel: Kernel) -> Replica:
    """Where is read: at the standby, where one is configured."""
    postgres = kernel.settings.get(PostgresSettings)
    if postgres.read_dsn is None:
        return Replica(kernel.database)
    options = replace(
        PoolOptions.of(
            postgres, postgres.read_dsn.get_secret_value(), application="lamina scheduler reads", is_lazy=True
        ),
        connections_max=kernel.settings.get(SchedulerSettings).read_connections_max,
    )
    standby = await Database.connect(options)
    kernel.resources.push_async_callback(standby.close)
    return Replica(kernel.database, standby)


async def admin(kernel: Kernel) -> Mapping[str, ASGIApp]:
    """Nothing that operators ask beyond the public API."""
    del kernel
    return {}


async def reporter(kernel: Kernel) -> Reporter:
    """What was scheduled, and what waits for the uploader."""
    return SchedulerReporter(kernel.database, load_wallet(kernel.settings).address)


async def verify(database: Database, advanced: Advanced) -> Verdict:
    """Prove every chain from the stored items alone."""
    return await Verifier(database, advanced).run()


def _unit_paths(unit: Unit, replica: Replica) -> Router:
    router = Router(not_found=_NOT_FOUND, method_not_allowed=_NOT_FOUND)
    router.add("/", {"GET": GetRoot(unit.signer.wallet.address), "POST": Submit(unit)})
    router.add("/timestamp", {"GET": GetTimestamp(unit.network)})
    router.add("/health", {"GET": _HEALTH})
    router.add("/metrics", {"GET": GetMetrics() if unit.settings.metrics else _NO_METRICS})
    router.add("/processes/{id}", {"GET": GetProcess(replica, unit.tenancy)})
    router.add("/{id}", {"GET": GetMessage(replica, unit.settings, unit.tenancy)})
    router.add("/{id}/latest", {"GET": GetLatest(unit.database, unit.tenancy)})
    add_documentation(router, openapi.document(unit.settings))
    return router


def _router_paths(routes: Routes) -> Router:
    router = Router(not_found=_NOT_FOUND, method_not_allowed=_NOT_FOUND)
    router.add("/", {"GET": RouteByQuery(routes), "POST": RoutePost(routes)})
    router.add("/timestamp", {"GET": RouteByQuery(routes)})
    router.add("/health", {"GET": _HEALTH})
    router.add("/metrics", {"GET": _NO_METRICS})
    router.add("/lamina/units", {"GET": GetUnits(routes)})
    router.add("/processes/{id}", {"GET": RouteByPath(routes)})
    router.add("/{id}", {"GET": RouteMessage(routes)})
    router.add("/{id}/latest", {"GET": RouteByPath(routes)})
    return router
