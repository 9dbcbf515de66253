"""Many seeds of the scheduler on all cores, and what they amounted to."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from tests.simulation.fleet import CATCH_SEEDS, CORES, workers
from tests.simulation.scheduler.planted import plant
from tests.simulation.scheduler.simulation import Outcome, simulate


@dataclass(frozen=True, slots=True)
class Job:
    """One seed to play, with a bug planted or without."""

    seed: int
    bug: str | None = None


@dataclass(slots=True)
class Figures:
    """Sums over seeds."""

    seeds: int = 0
    posted: int = 0
    assignments: int = 0
    answers: Counter[str] = field(default_factory=Counter[str])
    faults: Counter[str] = field(default_factory=Counter[str])
    violations: list[str] = field(default_factory=list[str])
    seconds: float = 0.0

    def add(self, outcome: Outcome) -> None:
        self.seeds += 1
        self.posted += outcome.posted
        self.assignments += outcome.assignments
        self.answers.update(outcome.answers)
        self.faults.update(outcome.injected)
        if outcome.violation is not None:
            self.violations.append(outcome.violation)

    def lines(self) -> Iterator[str]:
        """For people."""
        yield f"seeds            {self.seeds}"
        yield f"posted           {self.posted}"
        yield f"assignments      {self.assignments}"
        yield f"answers          {dict(sorted(self.answers.items()))}"
        yield f"injected faults  {self.faults.total()}"
        yield f"time             {self.seconds:.1f} s"
        yield f"violations       {len(self.violations)}"
        yield from (f"  {fault:<18} {count}" for fault, count in sorted(self.faults.items()))
        yield from self.violations


def play(job: Job) -> Outcome:
    """Play one seed in this process."""
    with plant(job.bug):
        return simulate(job.seed)


def catch(bug: str, seeds: Iterable[int] = CATCH_SEEDS) -> Outcome | None:
    """The first of these seeds in which a planted bug shows."""
    for seed in seeds:
        outcome = play(Job(seed, bug))
        if outcome.violation is not None:
            return outcome
    return None


def add_up(jobs: Sequence[Job], processes: int = CORES) -> Figures:
    """Play seeds in processes of their own and sum what happened."""
    begun = time.perf_counter()
    figures = Figures()
    with workers(processes) as pool:
        for outcome in pool.imap_unordered(play, jobs, chunksize=10):
            figures.add(outcome)
    figures.violations.sort()
    figures.seconds = time.perf_counter() - begun
    return figures
