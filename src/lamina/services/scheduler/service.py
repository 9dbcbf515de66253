"""Builds the scheduler; nothing else builds its objects.

The way of a message: `api.submit` -> `formats.ans104`, `rules.submission` -> `sequencer.line`
(`rules.assignment`, `sequencer.signer`) -> `store.writes` -> answer; beside it `sequencer.uploader` ->
`peers.gateway`.
The way out: `api.reads` -> `store.messages` -> `render`; with a disk store `copying.listing` between them.
"""

import os
from collections.abc import Mapping, Sequence
from functools import partial

import structlog

from lamina.kernel.contracts import (
    Advanced,
    ASGIApp,
    Check,
    Endpoint,
    Listener,
    Part,
    ProcessSpec,
    ServicePlan,
    Task,
    Verdict,
)
from lamina.kernel.process import Kernel
from lamina.kernel.settings.load import Settings
from lamina.kernel.storage.database import Database
from lamina.kernel.web.respond import Reply
from lamina.kernel.web.routing import Router
from lamina.services.scheduler.api.failure import render_error
from lamina.services.scheduler.api.reads import GetLatest, GetMessage, GetProcess, GetRoot, GetTimestamp
from lamina.services.scheduler.api.submit import Submit, Unit
from lamina.services.scheduler.copying.copier import Copier
from lamina.services.scheduler.copying.listing import Listing
from lamina.services.scheduler.disk.store import DiskStore
from lamina.services.scheduler.peers.gateway import Gateway
from lamina.services.scheduler.peers.network import Network
from lamina.services.scheduler.sequencer.sequencer import Sequencer
from lamina.services.scheduler.sequencer.signer import Signer
from lamina.services.scheduler.sequencer.uploader import Uploader
from lamina.services.scheduler.sequencer.verify import Verifier
from lamina.services.scheduler.sequencer.wallet import WALLET_FILE, load_wallet
from lamina.services.scheduler.settings import SchedulerSettings, address, disk_dir
from lamina.services.scheduler.store import messages
from lamina.services.scheduler.store.schema import MIGRATIONS, NAME, position

__all__ = [
    "KEY_FILES", "MIGRATIONS", "NAME", "admin", "build", "plan", "position", "prepare", "reporter", "verify",
]  # fmt: skip

_log = structlog.get_logger("lamina.scheduler")

KEY_FILES = (WALLET_FILE,)
HTTP = "scheduler.http"
_NOT_FOUND = Reply(404, b"", content_type=b"text/plain; charset=utf-8")
_HEALTH = Reply(200, b"", content_type=b"text/plain; charset=utf-8")
_NO_METRICS = Reply(400, b"Metrics not enabled", content_type=b"text/plain; charset=utf-8")


def plan(settings: Settings) -> ServicePlan:
    """One listener, shared by the units."""
    scheduler = settings.get(SchedulerSettings)
    process = ProcessSpec("web", scheduler.workers, (HTTP,))
    return ServicePlan(name=NAME, listeners=(Listener(HTTP, *address(settings)),), processes=(process,))


async def prepare(kernel: Kernel) -> None:
    """A wallet that can be used, before any process starts.

    Raises:
        ConfigurationError, SecretFileError: see `load_wallet`.
    """
    load_wallet(kernel.settings)
    if kernel.settings.get(SchedulerSettings).use_local_store:
        _log.info("USE_LOCAL_STORE asks for a store without PostgreSQL: PostgreSQL serves this mode")


async def build(kernel: Kernel, role: str) -> Part:
    """The objects of one unit."""
    assert role == "web", "the scheduler has one kind of process"
    settings = kernel.settings.get(SchedulerSettings)
    signer = Signer(load_wallet(kernel.settings), settings.signers or os.cpu_count() or 1)
    kernel.resources.callback(signer.close)
    disk = _disk(kernel)
    gateway = Gateway(settings)
    kernel.resources.push_async_callback(gateway.close)
    network = Network(kernel.database, gateway, settings.gateway_interval_s)
    sequencer = Sequencer(kernel.database, signer, settings, network.height, disk)
    uploader = Uploader(kernel.database, signer, gateway, settings)
    unit = Unit(kernel.database, settings, sequencer, signer, gateway, network)
    return Part(
        endpoints=(Endpoint(HTTP, _router(unit, Listing(kernel.database, disk)), render_error),),
        tasks=(
            Task("scheduler.commit", sequencer.run),
            Task("scheduler.network", network.run),
            Task("scheduler.upload", uploader.run),
            *_disk_tasks(kernel, disk),
        ),
        checks=(
            Check("database", kernel.database.check),
            *(() if disk is None else (Check("disk store", disk.check),)),
        ),
    )


async def admin(kernel: Kernel) -> Mapping[str, ASGIApp]:
    """Nothing that operators ask beyond the public API."""
    del kernel
    return {}


async def reporter(kernel: Kernel) -> None:
    """The scheduler says nothing to telemetry yet."""
    del kernel


async def verify(database: Database, advanced: Advanced) -> Verdict:
    """Prove every chain from the stored items alone."""
    return await Verifier(database, advanced).run()


def _disk(kernel: Kernel) -> DiskStore | None:
    """The disk store, where it is wanted; it is opened in the background."""
    if not kernel.settings.get(SchedulerSettings).use_disk:
        return None
    disk = DiskStore(disk_dir(kernel.settings), partial(messages.find_known, kernel.database))
    kernel.resources.push_async_callback(disk.close)
    return disk


def _disk_tasks(kernel: Kernel, disk: DiskStore | None) -> Sequence[Task]:
    if disk is None:
        return ()
    copier = Copier(kernel.database, disk, kernel.settings.get(SchedulerSettings).disk_interval_s)
    return (Task("scheduler.disk", copier.run), Task("scheduler.disk_serve", copier.serve))


def _router(unit: Unit, listing: Listing) -> Router:
    router = Router(not_found=_NOT_FOUND, method_not_allowed=_NOT_FOUND)
    router.add("/", {"GET": GetRoot(unit.signer.wallet.address), "POST": Submit(unit)})
    router.add("/timestamp", {"GET": GetTimestamp(unit.network)})
    router.add("/health", {"GET": _HEALTH})
    router.add("/metrics", {"GET": _NO_METRICS})
    router.add("/processes/{id}", {"GET": GetProcess(unit.database)})
    router.add("/{id}", {"GET": GetMessage(unit.database, listing, unit.settings)})
    router.add("/{id}/latest", {"GET": GetLatest(unit.database)})
    return router
