"""Service names and where they live: the only place that imports a service, and only when it is needed."""

import importlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, cast

from lamina.kernel.contracts import Advanced, ASGIApp, Part, Position, Reporter, ServicePlan, Verdict
from lamina.kernel.errors import ConfigurationError
from lamina.kernel.settings.load import Settings
from lamina.kernel.settings.schema import Section

if TYPE_CHECKING:
    # Commands that only need settings must not declare metrics: see kernel.observability.metrics_directory.
    from lamina.kernel.process import Kernel
    from lamina.kernel.storage.database import Connection, Database

_PACKAGES = {
    "ledger": "lamina.services.ledger",
    "telemetry": "lamina.services.telemetry",
    "scheduler": "lamina.services.scheduler",
    "gateway": "lamina.devnet.gateway",
}


class Service(Protocol):
    """What a service's `service` module offers.

    Attributes:
        NAME: also of its schema in the database.
        MIGRATIONS: the package of its numbered SQL.
        KEY_FILES: names of the files in the data directory without which it is not the same node.
    """

    NAME: str
    MIGRATIONS: str
    KEY_FILES: Sequence[str]

    def plan(self, settings: Settings) -> ServicePlan:
        """Addresses and processes."""
        ...

    async def prepare(self, kernel: "Kernel") -> None:
        """Whatever must be in the database before a process starts."""
        ...

    async def build(self, kernel: "Kernel", role: str) -> Part:
        """One process's objects."""
        ...

    async def admin(self, kernel: "Kernel") -> Mapping[str, ASGIApp]:
        """GET endpoints of the admin listener, by their path below `/lamina/<service>/`."""
        ...

    async def reporter(self, kernel: "Kernel") -> Reporter | None:
        """What it says of itself to telemetry; None when it says nothing."""
        ...

    async def position(self, cx: "Connection") -> Position:
        """Where its data ends, as this transaction sees it; its schema may be an older one."""
        ...

    async def verify(self, database: "Database", advanced: Advanced) -> Verdict:
        """Prove all its data in this database from the data alone: it may be a copy, far from the node."""
        ...


def names() -> Sequence[str]:
    """Every service this build has."""
    return tuple(_PACKAGES)


def load(name: str) -> Service:
    """Import a service.

    Raises:
        ConfigurationError: there is no such service in this build.
    """
    return cast("Service", importlib.import_module(f"{_package(name)}.service"))


def settings_sections() -> list[type[Section]]:
    """The settings of every service of this build, whether it runs or not."""
    return [importlib.import_module(f"{package}.settings").SETTINGS for package in _PACKAGES.values()]


def _package(name: str) -> str:
    if name not in _PACKAGES:
        services = ", ".join(_PACKAGES)
        raise ConfigurationError(f"There is no service {name!r}", hint=f"Services of this build: {services}")
    return _PACKAGES[name]
