"""Builds the scheduler; nothing else builds its objects.

The way of a message: `api.submit` -> `formats.ans104`, `rules.submission` -> `sequencer.line`
(`rules.assignment`, `sequencer.signer`) -> `store.writes` -> answer; beside it `sequencer.uploader` ->
`peers.gateway`.
The way out: `api.reads` -> `store.messages` -> `render`.
A router's: `api.route`, `api.route_post` -> `store.placements`, `sequencer.placer` -> a redirect, or
`peers.unit_client`; beside it `peers.scheduler_list`, `peers.unit_health`.
"""

import os
from collections.abc import Mapping

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
from lamina.kernel.storage.database import Database
from lamina.kernel.web.openapi_routes import add_documentation
from lamina.kernel.web.respond import Reply
from lamina.kernel.web.routing import Router
from lamina.services.scheduler.api import openapi
from lamina.services.scheduler.api.failure import render_error
from lamina.services.scheduler.api.reads import GetLatest, GetMessage, GetProcess, GetRoot, GetTimestamp
from lamina.services.scheduler.api.route import RouteByPath, RouteByQuery, RouteMessage, Routes
from lamina.services.scheduler.api.route_post import RoutePost
from lamina.services.scheduler.api.submit import Submit, Unit
from lamina.services.scheduler.api.units import GetUnits
from lamina.services.scheduler.peers.gateway import Gateway
from lamina.services.scheduler.peers.network import Network
from lamina.services.scheduler.peers.scheduler_list import SchedulerList
from lamina.services.scheduler.peers.unit_client import UnitClient
from lamina.services.scheduler.peers.unit_health import UnitHealth
from lamina.services.scheduler.reports import SchedulerReporter
from lamina.services.scheduler.sequencer.placer import Placer
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
    gateway = Gateway(settings)
    kernel.resources.push_async_callback(gateway.close)
    network = Network(kernel.database, gateway, settings.gateway_interval_s)
    sequencer = Sequencer(kernel.database, signer, settings, network.height)
    uploader = Uploader(kernel.database, signer, gateway, settings)
    unit = Unit(kernel.database, settings, sequencer, signer, gateway, network)
    return Part(
        endpoints=(Endpoint(HTTP, _unit_paths(unit), render_error),),
        tasks=(
            Task("scheduler.commit", sequencer.run),
            Task("scheduler.network", network.run),
            Task("scheduler.upload", uploader.run),
        ),
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


def _unit_paths(unit: Unit) -> Router:
    router = Router(not_found=_NOT_FOUND, method_not_allowed=_NOT_FOUND)
    router.add("/", {"GET": GetRoot(unit.signer.wallet.address), "POST": Submit(unit)})
    router.add("/timestamp", {"GET": GetTimestamp(unit.network)})
    router.add("/health", {"GET": _HEALTH})
    router.add("/metrics", {"GET": _NO_METRICS})
    router.add("/processes/{id}", {"GET": GetProcess(unit.database)})
    router.add("/{id}", {"GET": GetMessage(unit.database, unit.settings)})
    router.add("/{id}/latest", {"GET": GetLatest(unit.database)})
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
