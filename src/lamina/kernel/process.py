"""What one process of a service is given to build itself from."""

from dataclasses import dataclass

from lamina.kernel.clock import Clock
from lamina.kernel.settings.load import Settings
from lamina.kernel.storage.database import Database


@dataclass(frozen=True, slots=True)
class Kernel:
    """The process's settings, database and clock."""

    settings: Settings
    database: Database
    clock: Clock
