"""Which units answered when they were looked at last. A hint: it decides only where new processes go."""

import asyncio
import time
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

import structlog

from lamina.kernel.errors import LaminaError
from lamina.kernel.storage.database import Database
from lamina.services.scheduler.errors import UnitDown
from lamina.services.scheduler.metrics import UNIT_PROCESSES, UNIT_UP
from lamina.services.scheduler.model.look import Look
from lamina.services.scheduler.model.unit import KnownUnit
from lamina.services.scheduler.peers.unit_client import UnitClient
from lamina.services.scheduler.store import units

_log = structlog.get_logger("lamina.scheduler.router")


class UnitHealth:
    """Looks at every unit again and again."""

    def __init__(self, database: Database, client: UnitClient, interval_s: float) -> None:
        """Start without having looked: nobody counts as down."""
        self._database = database
        self._client = client
        self._interval_s = interval_s
        self._looks: dict[str, Look] = {}
        self._known: Sequence[KnownUnit] = ()

    def down(self) -> AbstractSet[str]:
        """Urls of the units that did not answer."""
        return {url for url, look in self._looks.items() if look.reason is not None}

    def of(self, url: str) -> Look | None:
        """The last look at a unit; None before the first."""
        return self._looks.get(url)

    def failed(self, url: str, reason: str) -> None:
        """Take note that a unit was just found not to answer."""
        self._see(url, Look(None, reason))

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                self._known = await units.every(self._database)
            except LaminaError as failure:
                _log.warning(
                    "the units could not be read; the last ones are looked at", reason=failure.detail
                )
            await asyncio.gather(*(self._look(unit) for unit in self._known))
            await asyncio.sleep(self._interval_s)

    async def check(self) -> str | None:
        """A readiness check: a router without units routes nothing. A unit that is down is no reason."""
        if self._known:
            return None
        return "no unit is known yet: name a scheduler list in scheduler.schedulers_path, with a unit in it"

    async def _look(self, unit: KnownUnit) -> None:
        UNIT_PROCESSES.labels(unit.url).set(unit.process_count)
        started = time.perf_counter()
        try:
            await self._client.check(unit.url)
        except UnitDown as failure:
            self._see(unit.url, Look(None, failure.detail))
        else:
            self._see(unit.url, Look((time.perf_counter() - started) * 1000, None))

    def _see(self, url: str, look: Look) -> None:
        before = self._looks.get(url)
        self._looks[url] = look
        UNIT_UP.labels(url).set(look.reason is None)
        if look.reason is not None and (before is None or before.reason is None):
            _log.warning(
                "a unit is down: it gets no new processes while another is up", url=url, reason=look.reason,
                do="start it, or mark it no_route in the scheduler list",
            )  # fmt: skip
        elif look.reason is None and before is not None and before.reason is not None:
            _log.info("a unit is up again", url=url)
