"""The figures of one round: signatures alone, many processes, one process, light load."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from bench.ledger.load import Request
from bench.scheduler import corpus
from bench.scheduler.floor import Signed
from bench.scheduler.target import Drained, Scheduled, Whole, floor

PROCESSES = 20
CONNECTIONS = 2 * PROCESSES
CONNECTIONS_OF_ONE = 8
"""To one process: while some are signed, others wait, are stored, or are on their way."""
PER_S_MAX = 250
"""Messages a second and core, more than any machine has been seen to sign: a corpus must not end early."""
LIGHT_SHARE = 0.15
"""Of one core's signatures, at light load."""
CORES = os.cpu_count() or 1
WARM_UP_S = 1.0


class Effort(NamedTuple):
    """How much is measured: rounds, and seconds of each part of them; messages of the lists."""

    rounds: int
    seconds: float
    lists: tuple[int, ...]

    @property
    def many(self) -> int:
        """Messages to many processes, over all rounds, at full speed and at light load."""
        return int(PER_S_MAX * CORES * (WARM_UP_S + self.seconds * (1 + LIGHT_SHARE) * self.rounds))

    @property
    def one(self) -> int:
        """Messages to one process, over all rounds."""
        return int(PER_S_MAX * self.seconds) * self.rounds


QUICK = Effort(rounds=2, seconds=4, lists=(5_000, 10_000))
FULL = Effort(rounds=5, seconds=10, lists=(5_000, 20_000))


@dataclass(slots=True)
class Posts:
    """Requests, of which a platform has had the first ones."""

    requests: Sequence[Request]
    used: int = 0

    def take(self, whole: Whole, *, connections: int, seconds: float, rate: float | None = None) -> Scheduled:
        """A load with the next of them."""
        ahead = self.requests[self.used :]
        measured = whole.post(ahead, connections=connections, seconds=seconds, rate=rate)
        self.used += measured.round.load.answered
        assert self.used < len(self.requests), f"the corpus ended: raise PER_S_MAX ({PER_S_MAX})"
        return measured


class Figures(msgspec.Struct):
    """One round.

    Attributes:
        cores, core: signatures alone, on every core and on one; half of them before what they are compared
            with, half after it.
        paced: signatures on one core with the gaps between them that messages have at light load.
        many, unverified: messages to many processes; the latter on a unit that checks no signature.
        one: messages to one process.
        light: a few messages a second to many processes.
        drained: the outbox after `many`, when nobody posted.
    """

    cores: Signed
    core: Signed
    paced: Signed
    many: Scheduled
    unverified: Scheduled
    one: Scheduled
    light: Scheduled
    drained: Drained


class Subject:
    """A platform and what it is sent."""

    def __init__(self, whole: Whole, effort: Effort) -> None:
        processes = corpus.spawns(PROCESSES + 1)
        whole.spawn(processes)
        self.whole = whole
        self.many = Posts(corpus.posts(corpus.messages("many", processes[:-1], effort.many)))
        self.one = Posts(corpus.posts(corpus.messages("one", processes[-1:], effort.one)))

    def warm_up(self) -> None:
        """Let it connect, and prepare its statements and key."""
        self.many.take(self.whole, connections=CONNECTIONS, seconds=WARM_UP_S)
        self.whole.drain()

    def post_many(self, seconds: float) -> Scheduled:
        """Messages to many processes, as fast as it goes."""
        return self.many.take(self.whole, connections=CONNECTIONS, seconds=seconds)


def measure(subject: Subject, unverified: Subject, effort: Effort, *, unverified_first: bool) -> Figures:
    """One round; nothing waits in an outbox when a part begins.

    Args:
        subject: what is measured.
        unverified: the same without checks of signatures.
        effort: seconds of a part.
        unverified_first: which of the two is measured first.
    """
    whole, seconds = subject.whole, effort.seconds
    without = _unverified(unverified, seconds) if unverified_first else None
    before = floor(CORES, seconds / 2)
    many = subject.post_many(seconds)
    drained = whole.drain()
    cores = before.together(floor(CORES, seconds / 2))
    without = without or _unverified(unverified, seconds)
    before = floor(1, seconds / 2)
    one = subject.one.take(whole, connections=CONNECTIONS_OF_ONE, seconds=seconds)
    whole.drain()
    core = before.together(floor(1, seconds / 2))
    rate = LIGHT_SHARE * core.per_s
    paced = floor(1, seconds, 1 / rate - core.seconds / core.signatures)
    light = subject.many.take(whole, connections=CONNECTIONS, seconds=seconds, rate=rate)
    whole.drain()
    return Figures(cores, core, paced, many, without, one, light, drained)


def _unverified(unverified: Subject, seconds: float) -> Scheduled:
    found = unverified.post_many(seconds)
    unverified.whole.drain()
    return found
