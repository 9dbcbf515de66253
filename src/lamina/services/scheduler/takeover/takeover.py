"""One run of a takeover: copy what is new, prove it, say what was refused."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from lamina.kernel.contracts import Advanced
from lamina.kernel.storage.database import Database
from lamina.services.scheduler.model.takeover import Refusal
from lamina.services.scheduler.store import source as sources
from lamina.services.scheduler.store import takeovers
from lamina.services.scheduler.store.source import Extent
from lamina.services.scheduler.takeover.copying import Copier
from lamina.services.scheduler.takeover.flaws import Flaws
from lamina.services.scheduler.takeover.proving import Prover
from lamina.services.scheduler.takeover.routing import take_routes

REFUSALS_SHOWN = 1000


@dataclass(frozen=True, slots=True)
class Report:
    """What came of it.

    Attributes:
        source: what the source had.
        verified: messages that were proven now.
        opened: processes that were proven and opened now.
        refused: processes that were not taken over, or not further.
        refusals: the first of them.
        signers: addresses whose assignments were proven now.
        routes: records of a router that were not taken.
    """

    source: Extent
    verified: int
    opened: int
    refused: int
    refusals: Sequence[Refusal] = ()
    signers: Sequence[str] = ()
    routes: Flaws = field(default_factory=Flaws)


class Takeover:
    """Takes over one source. Running it again goes on, and adds what is new in the source."""

    def __init__(self, database: Database, advanced: Advanced, *, keeps_said: bool) -> None:
        """Prepare.

        Args:
            database: ours, with the scheduler's tables.
            advanced: told how far each step is: `copied`, then `verified`.
            keeps_said: whether this unit refuses what was said before (spec 10.5).
        """
        self._database = database
        self._advanced = advanced
        self._keeps_said = keeps_said

    async def run(self, source: Database) -> Report:
        """Take over what is not here yet.

        Raises:
            NotTheOriginal: the source has other tables.
            DatabaseUnavailable: one of the databases went away; another run goes on.
            TakeoverMoved: another import is at work.
        """
        async with sources.opened(source) as moment:
            extent = await moment.extent()
            routes = await take_routes(self._database, moment)
            await Copier(self._database, moment, self._counter("copied", extent.messages)).run()
        waiting = await takeovers.count_unproven(self._database)
        if waiting:
            await takeovers.analyze(self._database)
        prover = Prover(self._database, self._counter("verified", waiting), keeps_said=self._keeps_said)
        await prover.run()
        count, refusals = await takeovers.refused(self._database, REFUSALS_SHOWN)
        return Report(extent, waiting, prover.opened, count, refusals, sorted(prover.signers), routes)

    def _counter(self, what: str, total: int) -> "_Counter":
        return _Counter(self._advanced, what, total)


class _Counter:
    """Adds up what one step looked at."""

    def __init__(self, advanced: Advanced, what: str, total: int) -> None:
        self._advanced = advanced
        self._what = what
        self._total = total
        self._done = 0

    def __call__(self, count: int) -> None:
        self._done += count
        self._advanced(self._what, self._done, self._total)
