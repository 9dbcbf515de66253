"""Checks of the running platform, or of the ports it would take."""

from collections.abc import Iterator
from typing import Any

import httpx

from lamina.app import registry
from lamina.cli.doctor.finding import FAILED, OK, WARNING, Finding
from lamina.cli.status import REQUEST_TIMEOUT_S, admin_address
from lamina.kernel.errors import AlreadyRunning, LaminaError
from lamina.kernel.settings.load import Settings
from lamina.kernel.settings.platform import AdminSettings, PlatformSettings, PostgresSettings, shifted
from lamina.kernel.storage.embedded.lock import read_owner
from lamina.kernel.web.server import bind


def look(settings: Settings) -> Iterator[Finding]:
    """Every check of this module."""
    running = _status(settings)
    yield readiness(settings, running)
    try:
        listeners = _listeners(settings)
    except LaminaError as error:
        yield Finding("ports", FAILED, error.detail, error.hint)
        return
    for name, host, port in listeners:
        yield port_of(name, host, port, running)


def readiness(settings: Settings, running: dict[str, Any] | None) -> Finding:
    """The platform of this data directory is ready, or nobody started it."""
    owner = read_owner(settings.get(PlatformSettings).data_dir)
    if running is None and owner is None:
        return Finding("platform", OK, "Not running")
    if running is None and owner is not None:
        return Finding(
            "platform",
            FAILED,
            f"Process {owner.pid} owns the data directory, but {admin_address(settings)} does not answer",
            "Give the --port-offset it was started with, or look at its log",
        )
    assert running is not None
    if running["ready"]:
        return Finding("platform", OK, f"Lamina {running['version']} is ready at {admin_address(settings)}")
    reasons = "; ".join(f"{name}: {', '.join(why)}" for name, why in running["reasons"].items())
    return Finding("platform", FAILED, f"Not ready: {reasons}", "See the platform's log")


def _status(settings: Settings) -> dict[str, Any] | None:
    """What the admin port says of this data directory's platform; None where that is not what answers."""
    try:
        answer = httpx.get(f"{admin_address(settings)}/status", timeout=REQUEST_TIMEOUT_S, trust_env=False)
        document: dict[str, Any] = answer.json()
        is_ours = document["data_dir"] == str(settings.get(PlatformSettings).data_dir.resolve())
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return None
    external = settings.get(PostgresSettings).dsn is not None
    return document if is_ours or external else None


def _listeners(settings: Settings) -> list[tuple[str, str, int]]:
    admin = settings.get(AdminSettings)
    admin_port = shifted(admin.port, settings, origin=settings.origin("admin", "port"))
    planned = [
        (listener.name, listener.host, listener.port)
        for name in settings.get(PlatformSettings).services
        for listener in registry.load(name).plan(settings).listeners
    ]
    return [*planned, ("admin", admin.host, admin_port)]


def port_of(name: str, host: str, port: int, running: dict[str, Any] | None) -> Finding:
    """The port is free, or this platform's."""
    if running is not None and name in running["addresses"]:
        return Finding("ports", OK, f"{name}: {running['addresses'][name]} is this platform's")
    try:
        bind(host, port).close()
    except AlreadyRunning as error:
        return Finding("ports", FAILED, f"{name}: {error.detail}", error.hint or "Use --port-offset")
    except LaminaError as error:
        return Finding("ports", WARNING, f"{name}: {error.detail}", error.hint)
    return Finding("ports", OK, f"{name}: {host}:{port} is free")
