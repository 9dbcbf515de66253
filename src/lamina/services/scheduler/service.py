"""Builds the scheduler, with `unit_part` and `router_part`; nothing else builds its objects.

The way of a message: `api.submit` -> `formats.ans104`, `rules.submission` -> `sequencer.line`
(`rules.assignment`, `sequencer.signer`) -> `store.writes` -> answer; beside it `sequencer.uploader` ->
`peers.gateway`.
The way out: `api.reads` -> `store.messages` -> `render`; with a disk store `copying.listing` between them.
A router's: `api.route`, `api.route_post` -> `store.placements`, `sequencer.placer` -> a redirect, or
`peers.unit_client`; beside it `peers.scheduler_list`, `peers.unit_health`.
"""

from collections.abc import Mapping

import structlog

from lamina.kernel.contracts import (
    Advanced,
    ASGIApp,
    Listener,
    Part,
    ProcessSpec,
    Reporter,
    ServicePlan,
    Verdict,
)
from lamina.kernel.process import Kernel
from lamina.kernel.settings.load import Settings
from lamina.kernel.storage.database import Database
from lamina.services.scheduler import router_part, unit_part
from lamina.services.scheduler.reports import SchedulerReporter
from lamina.services.scheduler.sequencer.verify import Verifier
from lamina.services.scheduler.sequencer.wallet import WALLET_FILE, load_wallet
from lamina.services.scheduler.settings import SchedulerSettings, address, router_address
from lamina.services.scheduler.store.schema import MIGRATIONS, NAME, position

__all__ = [
    "KEY_FILES", "MIGRATIONS", "NAME", "admin", "build", "plan", "position", "prepare", "reporter", "verify",
]  # fmt: skip

_log = structlog.get_logger("lamina.scheduler")

KEY_FILES = (WALLET_FILE,)
ROUTER_MODE = "router"


def plan(settings: Settings) -> ServicePlan:
    """A unit, and beside it a router where there is a scheduler list; in router mode only that."""
    scheduler = settings.get(SchedulerSettings)
    listeners: list[Listener] = []
    processes: list[ProcessSpec] = []
    if scheduler.mode != ROUTER_MODE:
        listeners.append(Listener(unit_part.HTTP, *address(settings)))
        processes.append(ProcessSpec("web", scheduler.workers, (unit_part.HTTP,)))
    if scheduler.mode == ROUTER_MODE or scheduler.schedulers_path:
        listeners.append(Listener(router_part.HTTP, *router_address(settings)))
        processes.append(ProcessSpec("router", 1, (router_part.HTTP,)))
    return ServicePlan(name=NAME, listeners=tuple(listeners), processes=tuple(processes))


async def prepare(kernel: Kernel) -> None:
    """A wallet that can be used, before any process starts.

    Raises:
        ConfigurationError, SecretFileError: see `load_wallet`.
    """
    load_wallet(kernel.settings)
    if kernel.settings.get(SchedulerSettings).use_local_store:
        _log.info("USE_LOCAL_STORE asks for a store without PostgreSQL: PostgreSQL serves this mode")


async def build(kernel: Kernel, role: str) -> Part:
    """The objects of one process."""
    return await (router_part if role == "router" else unit_part).build(kernel)


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
