"""The whole platform in one run: database, migrations, sockets, processes, admin listener; then the drain.

Start order is the order of `run`; everything is undone in reverse by the exit stack.
"""

import asyncio
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack

import structlog

from lamina import __version__
from lamina.app import registry
from lamina.app.admin import admin_app, admin_token
from lamina.app.database import PlatformDatabase
from lamina.app.reporting import Reporting, receiver_url
from lamina.app.stand_in import with_stand_in
from lamina.app.state import Address, PlatformState
from lamina.kernel.clock import SystemClock
from lamina.kernel.contracts import Listener, ProcessSpec, ServicePlan
from lamina.kernel.errors import ConfigurationError
from lamina.kernel.observability import metrics
from lamina.kernel.process import Kernel
from lamina.kernel.settings.load import Settings
from lamina.kernel.settings.platform import (
    AdminSettings,
    HttpSettings,
    PlatformSettings,
    PostgresSettings,
    shifted,
)
from lamina.kernel.storage import migrate
from lamina.kernel.storage.database import Database, PoolOptions
from lamina.kernel.supervision.children import Child, ChildSpec
from lamina.kernel.supervision.signals import stop_on_signals
from lamina.kernel.web.limits import HttpLimits
from lamina.kernel.web.middleware import HttpMiddleware
from lamina.kernel.web.server import HttpServer, bind

_log = structlog.get_logger("lamina.platform")
WORKER_MODULE = "lamina.app.worker"
KILL_MARGIN_S = 5.0


class Platform:
    """A set of services on one database."""

    def __init__(self, settings: Settings, service_names: Sequence[str]) -> None:
        """Choose what runs.

        Raises:
            ConfigurationError: a service does not exist, or none is chosen.
        """
        if not service_names:
            raise ConfigurationError("No service is chosen.", hint="Run: lamina up --services ledger")
        self._settings = settings = with_stand_in(settings, service_names)
        self._services = [registry.load(name) for name in service_names]
        self._clock = SystemClock()
        self._platform = settings.get(PlatformSettings)
        self._database = PlatformDatabase(settings, self._clock)
        self._children: list[Child] = []

    async def run(self, on_ready: Callable[[PlatformState], None]) -> None:
        """Run until a signal asks to stop; accepted work is finished first.

        Args:
            on_ready: told once, when every process serves.

        Raises:
            LaminaError: something could not be started, or kept failing.
            ExceptionGroup: of such, from work that failed while running.
        """
        stop = stop_on_signals()
        plans = [service.plan(self._settings) for service in self._services]
        async with AsyncExitStack() as stack:
            sockets = self._bind_all(plans, stack)
            admin_socket = stack.enter_context(self._bind_admin())
            stack.push_async_callback(self._database.stop)
            await self._database.start()
            database = await self._connect()
            stack.push_async_callback(database.close)
            kernel = Kernel(self._settings, database, self._clock, stack)
            await self._prepare(kernel)
            self._children = [child for plan in plans for child in self._plan_children(plan, sockets)]
            state = self._state(plans, database)
            server = await self._admin_server(admin_socket, state, kernel)
            await server.start()
            stack.push_async_callback(server.drain, 1.0)
            await self._supervise(state, stop, on_ready, await self._reports(plans, kernel))

    async def _connect(self) -> Database:
        options = PoolOptions.of(
            self._settings.get(PostgresSettings), self._database.dsn, application="lamina platform"
        )
        return await Database.connect(options)

    async def _prepare(self, kernel: Kernel) -> None:
        migrations = [m for service in self._services for m in migrate.load(service.NAME, service.MIGRATIONS)]
        for migration in await migrate.migrate(kernel.database, migrations):
            _log.info("migrated", service=migration.service, migration=migration.name)
        for service in self._services:
            await service.prepare(kernel)

    def _plan_children(self, plan: ServicePlan, sockets: dict[str, socket.socket]) -> list[Child]:
        return [
            Child(self._child_spec(plan, process, number, sockets), self._clock, metrics.forget)
            for process in plan.processes
            for number in range(1, process.count + 1)
        ]

    def _child_spec(
        self, plan: ServicePlan, process: ProcessSpec, number: int, sockets: dict[str, socket.socket]
    ) -> ChildSpec:
        brief = {
            "service": plan.name,
            "role": process.role,
            "listeners": list(process.listeners),
            "settings": self._settings.dump(),
            "dsn": self._database.dsn,
            "plans_each_query": process.plans_each_query,
        }
        return ChildSpec(
            f"{plan.name}.{process.role}.{number}",
            WORKER_MODULE,
            brief,
            [sockets[name] for name in process.listeners],
            flush_s=process.flush_s,
        )

    def _bind_all(self, plans: Sequence[ServicePlan], stack: AsyncExitStack) -> dict[str, socket.socket]:
        pending_max = self._settings.get(HttpSettings).pending_connections_max
        return {
            listener.name: stack.enter_context(
                bind(listener.host, listener.port, pending_max=listener.pending_max or pending_max)
            )
            for plan in plans
            for listener in plan.listeners
        }

    def _bind_admin(self) -> socket.socket:
        admin = self._settings.get(AdminSettings)
        port = shifted(admin.port, self._settings, origin=self._settings.origin("admin", "port"))
        return bind(admin.host, port)

    def _state(self, plans: Sequence[ServicePlan], database: Database) -> PlatformState:
        admin = self._settings.get(AdminSettings)
        port = shifted(admin.port, self._settings, origin=self._settings.origin("admin", "port"))
        return PlatformState(
            version=__version__,
            data_dir=str(self._platform.data_dir.resolve()),
            database_kind=self._database.kind,
            database=database,
            admin=Address("admin", "http", admin.host, port, "/"),
            addresses=[_address(listener) for plan in plans for listener in plan.listeners],
            services=[plan.name for plan in plans],
            children=[child.state for child in self._children],
            started_at=time.time(),
        )

    async def _admin_server(
        self, admin_socket: socket.socket, state: PlatformState, kernel: Kernel
    ) -> HttpServer:
        http = self._settings.get(HttpSettings)
        token = admin_token(self._settings)
        app = HttpMiddleware(
            await admin_app(state, self._services, kernel, token),
            request_timeout_s=http.request_timeout_s,
            cors=False,
        )
        return HttpServer([(app, admin_socket, HttpLimits.from_settings(http))])

    async def _reports(self, plans: Sequence[ServicePlan], kernel: Kernel) -> Sequence[Reporting]:
        """What tells telemetry of the platform's services."""
        ports = {each.name: each.port for plan in plans for each in plan.listeners}
        url = receiver_url(self._platform.report_to, ports)
        if url is None:
            return ()
        reporters = [(each.NAME, await each.reporter(kernel)) for each in self._services]
        return [Reporting(name, reporter, url) for name, reporter in reporters if reporter is not None]

    async def _supervise(
        self,
        state: PlatformState,
        stop: asyncio.Event,
        on_ready: Callable[[PlatformState], None],
        reports: Sequence[Reporting],
    ) -> None:
        """Keep everything running until asked to stop; the children drain before the database goes."""
        async with asyncio.TaskGroup() as group:
            work = [group.create_task(child.run(), name=child.state.name) for child in self._children]
            keeper = group.create_task(self._database.run(), name="database")
            announcer = group.create_task(_announce(state, on_ready))
            told = [group.create_task(each.run(), name="reporting") for each in reports]
            try:
                await stop.wait()
            finally:
                for task in (announcer, *told):
                    task.cancel()
                _log.info("stopping", timeout_s=self._platform.drain_timeout_s)
                timeout_s = self._platform.drain_timeout_s + KILL_MARGIN_S
                await asyncio.gather(*(child.stop(timeout_s) for child in self._children))
                keeper.cancel()
                await asyncio.gather(*work, return_exceptions=True)


async def _announce(state: PlatformState, on_ready: Callable[[PlatformState], None]) -> None:
    while state.reasons():  # noqa: ASYNC110 - children report once a second; there is no event to await
        await asyncio.sleep(0.05)
    on_ready(state)


def _address(listener: Listener) -> Address:
    scheme = "ws" if listener.name.endswith(".stream") else "http"
    return Address(listener.name, scheme, listener.host, listener.port, listener.path)
