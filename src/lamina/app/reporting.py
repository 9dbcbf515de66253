"""The platform's own services as telemetry sees them: nodes that report what they do."""

import asyncio
import os
import platform as host
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import psutil
import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from lamina import __version__
from lamina.kernel.contracts import Reporter
from lamina.kernel.errors import LaminaError

_log = structlog.get_logger("lamina.platform")

TELL_S = 1.0
RECONNECT_S = 5.0


class Reporting:
    """Keeps one service connected to a telemetry receiver, as any node is."""

    def __init__(self, service: str, reporter: Reporter, url: str) -> None:
        """Prepare.

        Args:
            service: its name.
            reporter: what it says.
            url: of the receiver, `ws://host:port/`.
        """
        self._service = service
        self._reporter = reporter
        self._url = url

    async def run(self) -> None:
        """Report until cancelled; a receiver that is away is tried again, and nothing is kept for it."""
        while True:
            try:
                async with connect(self._url, compression=None, ping_interval=None) as socket:
                    await self._report(socket)
            except (OSError, WebSocketException, LaminaError) as failure:
                _log.debug("telemetry is not told", service=self._service, reason=str(failure))
            await asyncio.sleep(RECONNECT_S)

    async def _report(self, socket: ClientConnection) -> None:
        await _send(socket, {**_machine(self._service), **await self._reporter.introduce()})
        while True:
            for message in await self._reporter.tell():
                await _send(socket, message)
            await asyncio.sleep(TELL_S)


async def _send(socket: ClientConnection, message: Mapping[str, Any]) -> None:
    now = datetime.now(UTC).isoformat(timespec="microseconds")
    await socket.send(orjson.dumps({**message, "ts": now, "level": "INFO"}))


def _machine(service: str) -> dict[str, Any]:
    """`system.connected` with what nodes say of the machine (spec/telemetry.md 13)."""
    return {
        "msg": "system.connected",
        "name": f"{service}@{host.node()}",
        "implementation": f"Lamina {service}",
        "version": __version__,
        "config": "",
        "startup_time": str(int(psutil.Process(os.getpid()).create_time() * 1000)),
        "target_os": host.system().lower(),
        "target_arch": host.machine(),
        "target_env": host.libc_ver()[0] or "none",
        "sysinfo": {
            "cpu": _processor(),
            "memory": psutil.virtual_memory().total,
            "core_count": psutil.cpu_count(logical=False) or os.cpu_count(),
            "linux_kernel": host.release(),
            "linux_distro": _distribution(),
            "is_virtual_machine": None,
        },
    }


def _processor() -> str | None:
    """The processor's name, where Linux tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, None)


def _distribution() -> str | None:
    try:
        return host.freedesktop_os_release().get("PRETTY_NAME")
    except OSError:
        return None


def receiver_url(report_to: str, addresses: Mapping[str, int]) -> str | None:
    """Where to report.

    Args:
        report_to: the setting: `auto`, `off` or a URL.
        addresses: ports of this platform's listeners by their names.
    """
    if report_to == "off":
        return None
    if report_to != "auto":
        return report_to
    port = addresses.get("telemetry.http")
    return None if port is None else f"ws://127.0.0.1:{port}/"
