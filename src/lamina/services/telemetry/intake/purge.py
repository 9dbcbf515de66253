"""The periodic purge (spec/telemetry.md 5.3)."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from lamina.kernel.errors import LaminaError
from lamina.kernel.storage.database import Database
from lamina.services.telemetry.metrics import PURGED
from lamina.services.telemetry.settings import TelemetrySettings
from lamina.services.telemetry.store import digests, partitions, purge

_log = structlog.get_logger("lamina.telemetry.purge")

CONNECTIONS_SLICE = 5000
BEGINNING = datetime(1, 1, 2)  # noqa: DTZ001 - zone-less UTC, as all of the tables


@dataclass(frozen=True, slots=True)
class Purged:
    """What one purge removed."""

    messages: int
    connections: int


class Purge:
    """Removes what is older than the expiry and digests the days that are over, again and again."""

    def __init__(self, database: Database, settings: TelemetrySettings) -> None:
        """Prepare."""
        self._database = database
        self._settings = settings

    async def run(self) -> None:
        """Purge after every interval until cancelled; what fails is tried again next time."""
        while True:
            await asyncio.sleep(self._settings.purge_interval_s)
            try:
                await self.once(self._settings.log_expiry_h)
                await self._digest(self._settings.log_expiry_h)
            except LaminaError as failure:
                _log.warning("purge failed; the next one tries again", reason=failure.detail)
            except Exception:  # noqa: BLE001 - no purge is worth the messages that wait in this process
                _log.exception("purge failed; the next one tries again")

    async def once(self, expiry_h: int) -> Purged:
        """One purge.

        Args:
            expiry_h: age in hours; 0 removes everything that was said before this instant.

        Raises:
            DatabaseUnavailable: part of it may be done.
        """
        cutoff = _before(purge.now(), expiry_h)
        await partitions.ensure(self._database, purge.now().date())
        messages = await purge.purge_logs(self._database, cutoff, self._settings.purge_slice_rows)
        spared_s = 2 * self._settings.purge_interval_s
        connections = await purge.purge_connections(self._database, cutoff, spared_s, CONNECTIONS_SLICE)
        await purge.purge_batches(self._database)
        PURGED.inc(messages)
        if messages or connections:
            _log.info("purged", messages=messages, connections=connections, before=cutoff.isoformat())
        return Purged(messages, connections)

    async def _digest(self, expiry_h: int) -> None:
        listed = await partitions.list_partitions(self._database)
        made = await digests.make(self._database, listed, _before(purge.now(), expiry_h), purge.now())
        if made:
            _log.info("digested days that are over", days=made)


def _before(moment: datetime, hours: int) -> datetime:
    try:
        return moment - timedelta(hours=hours)
    except OverflowError:
        return BEGINNING
