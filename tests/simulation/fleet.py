"""Many seeds on all cores, and what they amounted to."""

import multiprocessing
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.pool import Pool

import structlog
from structlog.typing import EventDict, WrappedLogger
from tests.simulation.planted import plant
from tests.simulation.simulation import Outcome, simulate
from tests.simulation.verified import remembered

CORES = 2
CATCH_SEEDS = range(50)


@dataclass(frozen=True, slots=True)
class Job:
    """One seed to play, with a bug planted or without."""

    seed: int
    nodes: int = 5
    transactions: int = 300
    bug: str | None = None


@dataclass(slots=True)
class Figures:
    """Sums over seeds."""

    seeds: int = 0
    events: int = 0
    accepted: int = 0
    valid: int = 0
    blocks: int = 0
    invalid_blocks: int = 0
    faults: Counter[str] = field(default_factory=Counter[str])
    violations: list[str] = field(default_factory=list[str])
    seconds: float = 0.0

    def add(self, outcome: Outcome) -> None:
        self.seeds += 1
        self.events += outcome.events
        self.accepted += outcome.accepted
        self.valid += outcome.valid
        self.blocks += outcome.blocks
        self.invalid_blocks += outcome.invalid_blocks
        self.faults.update(outcome.injected)
        if outcome.violation is not None:
            self.violations.append(outcome.violation)

    def lines(self) -> Iterator[str]:
        """For people."""
        yield f"seeds            {self.seeds}"
        yield f"events           {self.events}"
        yield f"injected faults  {self.faults.total()}"
        yield f"accepted         {self.accepted}"
        yield f"valid            {self.valid}"
        yield f"blocks           {self.blocks}, of them {self.invalid_blocks} invalid"
        yield f"time             {self.seconds:.1f} s"
        yield f"violations       {len(self.violations)}"
        yield from (f"  {fault:<18} {count}" for fault, count in sorted(self.faults.items()))
        yield from self.violations


def play(job: Job) -> Outcome:
    """Play one seed in this process."""
    with remembered(), plant(job.bug):
        return simulate(job.seed, nodes=job.nodes, transactions=job.transactions)


def catch(bug: str, seeds: Iterable[int] = CATCH_SEEDS) -> Outcome | None:
    """The first of these seeds in which a planted bug shows."""
    for seed in seeds:
        outcome = play(Job(seed, bug=bug))
        if outcome.violation is not None:
            return outcome
    return None


def workers(processes: int = CORES) -> Pool:
    """Processes to play in."""
    return multiprocessing.get_context("spawn").Pool(processes, initializer=silence)


def play_all(jobs: Iterable[Job], processes: int = CORES) -> Iterator[Outcome]:
    """Play seeds in processes of their own, as they come."""
    with workers(processes) as pool:
        yield from pool.imap_unordered(play, jobs, chunksize=1)


def add_up(jobs: Sequence[Job], processes: int = CORES) -> Figures:
    """Play seeds and sum what happened."""
    begun = time.perf_counter()
    figures = Figures()
    for outcome in play_all(jobs, processes):
        figures.add(outcome)
    figures.violations.sort()
    figures.seconds = time.perf_counter() - begun
    return figures


def silence() -> None:
    """Nodes under such conditions have much to log, and nobody reads it."""
    structlog.configure(processors=[_drop])


def _drop(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
    raise structlog.DropEvent
