"""Builds a unit: it gives messages their places, and shows them."""

import os
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from lamina.kernel.contracts import Check, Endpoint, Part, Task
from lamina.kernel.process import Kernel
from lamina.kernel.settings.platform import HttpSettings, PostgresSettings
from lamina.kernel.storage.database import Database, PoolOptions
from lamina.kernel.storage.replica import Replica
from lamina.kernel.web.openapi_routes import add_documentation
from lamina.kernel.web.peer import TrustedProxies
from lamina.kernel.web.routing import Router
from lamina.services.scheduler.api import fixed, openapi
from lamina.services.scheduler.api.admission import Admission
from lamina.services.scheduler.api.failure import render_error
from lamina.services.scheduler.api.reads import GetLatest, GetMessage, GetProcess, GetRoot, GetTimestamp
from lamina.services.scheduler.api.submit import Submit
from lamina.services.scheduler.api.tenancy import Tenancy
from lamina.services.scheduler.api.unit import Unit
from lamina.services.scheduler.copying.copier import Copier
from lamina.services.scheduler.copying.listing import Listing
from lamina.services.scheduler.disk.store import DiskStore
from lamina.services.scheduler.peers import whitelists
from lamina.services.scheduler.peers.client import Client
from lamina.services.scheduler.peers.gateway import Gateway
from lamina.services.scheduler.peers.network import Network
from lamina.services.scheduler.peers.placement import Placement
from lamina.services.scheduler.sequencer.rehash import Rehash
from lamina.services.scheduler.sequencer.sequencer import Sequencer
from lamina.services.scheduler.sequencer.signer import Signer
from lamina.services.scheduler.sequencer.uploader import Uploader
from lamina.services.scheduler.sequencer.wallet import load_wallet
from lamina.services.scheduler.settings import SchedulerSettings, disk_dir
from lamina.services.scheduler.store import messages

HTTP = "scheduler.http"


async def build(kernel: Kernel) -> Part:
    """The objects of one unit."""
    settings = kernel.settings.get(SchedulerSettings)
    signer = Signer(load_wallet(kernel.settings), settings.signers or os.cpu_count() or 1)
    client = Client(settings)
    kernel.resources.push_async_callback(client.close)
    gateway = Gateway(settings, client)
    network = Network(kernel.database, gateway, settings)
    disk = _disk(kernel)
    sequencer = Sequencer(kernel.database, signer, settings, network.height, kernel.clock, disk=disk)
    lists = await whitelists.follow(settings, client, settings.own_url)
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
    checks = [Check("database", kernel.database.check)]
    if disk is not None:
        checks.append(Check("disk store", disk.check))
    return Part(
        endpoints=(Endpoint(HTTP, _paths(unit, await _replica(kernel), Listing(disk)), render_error),),
        tasks=(*_tasks(kernel, unit), *lists.tasks(), *_disk_tasks(kernel, disk)),
        checks=checks,
    )


def _tasks(kernel: Kernel, unit: Unit) -> Sequence[Task]:
    settings = unit.settings
    tasks = [Task("scheduler.network", unit.network.run)]
    if settings.read_only:
        return tasks
    uploader = Uploader(kernel.database, unit.signer, unit.gateway, settings)
    tasks += [Task(f"scheduler.sign-{number}", each.run) for number, each in enumerate(unit.signer.processes)]
    tasks += [Task("scheduler.commit", unit.sequencer.run), Task("scheduler.upload", uploader.run)]
    if settings.deep_hash_checks:
        tasks.append(Task("scheduler.rehash", Rehash(kernel.database, settings).run))
    return tasks


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


def _paths(unit: Unit, replica: Replica, listing: Listing) -> Router:
    router = Router(not_found=fixed.NOT_FOUND, method_not_allowed=fixed.NOT_FOUND)
    router.add("/", {"GET": GetRoot(unit.signer.wallet.address), "POST": Submit(unit)})
    router.add("/timestamp", {"GET": GetTimestamp(unit.network)})
    router.add("/health", {"GET": fixed.HEALTH})
    router.add("/metrics", {"GET": fixed.metrics(unit.settings)})
    router.add("/processes/{id}", {"GET": GetProcess(replica, unit.tenancy)})
    router.add("/{id}", {"GET": GetMessage(replica, listing, unit.settings, unit.tenancy)})
    router.add("/{id}/latest", {"GET": GetLatest(unit.database, unit.tenancy)})
    add_documentation(router, openapi.document(unit.settings))
    return router
