"""What one process of a service is given to build itself from."""

from contextlib import AsyncExitStack
from dataclasses import dataclass

from lamina.kernel.clock import Clock
from lamina.kernel.settings.load import Settings
from lamina.kernel.storage.database import Database


@dataclass(frozen=True, slots=True)
class Kernel:
    """The process's settings, database and clock; what a service opens besides is closed by `resources`."""

    settings: Settings
    database: Database
    clock: Clock
    resources: AsyncExitStack
