"""What the scheduler says of itself to telemetry, in the words that other chains' nodes use."""

from collections.abc import Mapping, Sequence
from typing import Any

from lamina.kernel.storage.database import Database
from lamina.services.scheduler.store import news

CHAIN = "Lamina scheduler"


class SchedulerReporter:
    """Tells what was scheduled and what waits for the uploader; holds what it told last."""

    def __init__(self, database: Database, address: str) -> None:
        """Start from now: what happened before is not news.

        Args:
            database: the units'.
            address: of their wallet, their identity to telemetry.
        """
        self._database = database
        self._address = address
        self._written: int | None = None

    async def introduce(self) -> Mapping[str, Any]:
        """Who this is."""
        return {"network_id": self._address, "chain": CHAIN, "authority": True}

    async def tell(self) -> Sequence[Mapping[str, Any]]:
        """What was scheduled since the last time, and how much waits.

        Raises:
            DatabaseUnavailable: it will be told next time.
        """
        found = await news.read(self._database)
        said: list[Mapping[str, Any]] = [
            {"msg": "system.interval", "txcount": found.waiting, "network_height": found.height}
        ]
        before, self._written = self._written, found.written
        if before is not None and found.written > before:
            said.append({"msg": "scheduler.scheduled", "count": found.written - before})
        return said
