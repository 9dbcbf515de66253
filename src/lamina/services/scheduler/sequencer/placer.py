"""Gives every new process its unit: one commit for many spawns."""

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet

import structlog

from lamina.kernel.errors import CommitUnknown, LaminaError
from lamina.kernel.storage.batching import Batcher
from lamina.kernel.storage.database import Database
from lamina.services.scheduler.errors import SchedulerError
from lamina.services.scheduler.metrics import PLACED
from lamina.services.scheduler.model.unplaced import Unplaced
from lamina.services.scheduler.settings import SchedulerSettings
from lamina.services.scheduler.store import placements

_log = structlog.get_logger("lamina.scheduler.router")

NO_UNIT = "Could not find a scheduler to assign"


class Placer:
    """Places spawns in the order they come, in batches."""

    def __init__(
        self, database: Database, settings: SchedulerSettings, down: Callable[[], AbstractSet[str]]
    ) -> None:
        """Prepare.

        Args:
            database: of all routers.
            settings: limits.
            down: urls of the units that did not answer when they were looked at last.
        """
        self._database = database
        self._down = down
        self._batches: Batcher[Unplaced, str] = Batcher(
            "scheduler.place",
            self._place,
            items_max=settings.batch_max,
            queue_max=settings.queue_max,
            concurrency=1,
            patience_s=settings.patience_s,
        )
        self.run = self._batches.run

    async def place(self, spawn: Unplaced) -> str:
        """The url of the unit that has this process from now on.

        Raises:
            SchedulerError: there is no unit it may go to.
            Overloaded: too many wait, or it waited too long.
            CommitUnknown: the next attempt tells.
            DatabaseUnavailable: it has no unit yet.
        """
        return await self._batches.submit(spawn)

    async def _place(self, spawns: Sequence[Unplaced]) -> Sequence[str | LaminaError]:
        missing: LaminaError = SchedulerError(NO_UNIT)
        try:
            urls = await placements.place(self._database, spawns, self._down())
        except CommitUnknown as unknown:
            urls = await placements.confirm(self._database, [spawn.process_id for spawn in spawns])
            missing = unknown
            _log.warning("a commit's outcome was looked up", placed=len(urls), of=len(spawns))
        PLACED.inc(len(urls))
        return [urls.get(spawn.process_id, missing) for spawn in spawns]
