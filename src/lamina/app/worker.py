"""One process of one service: `python -m lamina.app.worker NAME FD`, started and briefed by the platform."""

import asyncio
import contextlib
import gc
import socket
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import structlog
import uvloop

from lamina.app import registry
from lamina.kernel.clock import SystemClock
from lamina.kernel.contracts import Check, Endpoint, Part
from lamina.kernel.errors import DatabaseUnavailable
from lamina.kernel.observability import logs
from lamina.kernel.observability.access import AccessLog
from lamina.kernel.observability.redaction import register_settings
from lamina.kernel.observability.rotating import RotatingFile
from lamina.kernel.process import Kernel
from lamina.kernel.settings.load import Settings
from lamina.kernel.settings.platform import (
    KERNEL_SECTIONS,
    HttpSettings,
    LogSettings,
    PlatformSettings,
    PostgresSettings,
)
from lamina.kernel.storage.database import Database, PoolOptions
from lamina.kernel.supervision.channel import Channel
from lamina.kernel.supervision.signals import stop_on_signals
from lamina.kernel.supervision.tasks import run_tasks
from lamina.kernel.web.limits import HttpLimits
from lamina.kernel.web.metrics import recorder
from lamina.kernel.web.middleware import HttpMiddleware, OnResponse
from lamina.kernel.web.peer import TrustedProxies
from lamina.kernel.web.server import HttpServer

_log = structlog.get_logger("lamina.worker")
REPORT_S = 1.0
COLLECTOR_THRESHOLDS = (20_000, 20, 20)
CLOSE_TIMEOUT_S = 5.0


async def run(name: str, channel_fd: int) -> None:
    """Build the part this process was briefed to run, serve until told to stop, drain."""
    channel = await Channel.open(socket.socket(fileno=channel_fd))
    brief = await channel.receive()
    if brief is None:
        return
    service = registry.load(brief["service"])
    settings = Settings.restore((*KERNEL_SECTIONS, *registry.settings_sections()), brief["settings"])
    register_settings(settings)
    logs.configure(settings.get(LogSettings), service=service.NAME, stream=sys.stderr)
    logs.capture_uncaught()
    asked = asyncio.ensure_future(_until_asked(channel, stop_on_signals()))
    options = PoolOptions.of(
        settings.get(PostgresSettings),
        brief["dsn"],
        application=f"lamina {name}",
        plans_each_query=brief["plans_each_query"],
    )
    database = await _connect(options, channel, asked)
    if database is None:
        return
    async with contextlib.AsyncExitStack() as resources:
        resources.callback(channel.close)
        resources.push_async_callback(database.close)
        part = await service.build(Kernel(settings, database, SystemClock(), resources), brief["role"])
        sockets = dict(zip(brief["listeners"], brief["sockets"], strict=True))
        await _serve(part, sockets, settings, channel, asked)


async def _until_asked(channel: Channel, stop: asyncio.Event) -> None:
    """Wait until a signal asks to stop, or the platform is gone."""
    signs = [asyncio.ensure_future(channel.receive()), asyncio.ensure_future(stop.wait())]
    try:
        await asyncio.wait(signs, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for sign in signs:
            sign.cancel()


async def _connect(options: PoolOptions, channel: Channel, asked: "asyncio.Future[None]") -> Database | None:
    """Wait for the database however long it is away, and say so; None when asked to stop meanwhile."""
    while not asked.done():
        try:
            return await Database.connect(options)
        except DatabaseUnavailable as failure:
            channel.send({"reasons": [failure.detail]})
            await asyncio.wait({asked}, timeout=REPORT_S)
    return None


async def _serve(
    part: Part, sockets: dict[str, int], settings: Settings, channel: Channel, asked: "asyncio.Future[None]"
) -> None:
    server = _server(part.endpoints, sockets, settings)
    _calm_collector()
    await server.start()
    work = asyncio.ensure_future(run_tasks(part.tasks, SystemClock()))
    report = asyncio.ensure_future(_report(part.checks, channel))
    try:
        await asyncio.wait({work, asked}, return_when=asyncio.FIRST_COMPLETED)
        report.cancel()
        await server.drain(settings.get(PlatformSettings).drain_timeout_s)
    finally:
        report.cancel()
        asked.cancel()
        failed = work.done()
        work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work
    assert not failed, "run_tasks ends only by failing"


def _calm_collector() -> None:
    """What is built now lives as long as the process: the collector need not look at it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTOR_THRESHOLDS)


def _server(endpoints: Sequence[Endpoint], sockets: dict[str, int], settings: Settings) -> HttpServer:
    http = settings.get(HttpSettings)
    limits = HttpLimits.from_settings(http)
    proxies = TrustedProxies(http.trusted_proxies)
    on_response = _access_recorder(settings, endpoints)
    apps: list[tuple[Any, socket.socket, HttpLimits]] = []
    for endpoint in endpoints:
        wrapped = HttpMiddleware(
            endpoint.app,
            request_timeout_s=http.request_timeout_s,
            render_error=endpoint.render_error,
            proxies=proxies,
            on_response=on_response,
            on_measure=recorder(endpoint.listener),
        )
        sock = socket.socket(fileno=sockets[endpoint.listener])
        apps.append((wrapped, sock, replace(limits, **cast("dict[str, Any]", endpoint.limits))))
    return HttpServer(apps, proxies=proxies)


def _access_recorder(settings: Settings, endpoints: Sequence[Endpoint]) -> OnResponse | None:
    """What writes the access log of a process that serves requests."""
    log = settings.get(LogSettings)
    if not endpoints or not log.access:
        return None
    path = settings.get(PlatformSettings).data_dir / "log" / "access.log"
    sink = RotatingFile(path, bytes_max=log.rotate_bytes, keep=log.rotate_keep)
    service = endpoints[0].listener.partition(".")[0]
    access = AccessLog(sink, service=service)

    def record(  # noqa: PLR0917 - the middleware's hook
        method: str,
        path: str,
        query: str,
        status: int,
        sent: int,
        duration_s: float,
        request_id: str,
        peer: str,
    ) -> None:
        access.record(
            method,
            path,
            query,
            status,
            bytes_sent=sent,
            duration_s=duration_s,
            peer=peer,
            request_id=request_id,
        )

    return record


async def _report(checks: Sequence[Check], channel: Channel) -> None:
    """Tell the platform every second how this process is; silence means that the loop hangs."""
    while True:
        reasons = [reason for check in checks if (reason := await check.run()) is not None]
        channel.send({"reasons": reasons})
        await asyncio.sleep(REPORT_S)


def main() -> None:
    """Entry point of a child process."""
    name, channel_fd = sys.argv[1], int(sys.argv[2])
    uvloop.run(run(name, channel_fd))


if __name__ == "__main__":
    main()
