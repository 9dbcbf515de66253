"""Half load for a long time, and what memory does meanwhile. Not for CI."""

import time
from collections.abc import Iterator

import msgspec

from bench import usage
from bench.ledger import corpus, whole
from bench.ledger.target import Round, Target, run_round, whole_target

SEGMENT_S = 60.0
SETTLING_SHARE = 0.2
"""The first part of the run, in which caches and pools fill; growth is counted after it."""


class Sample(msgspec.Struct):
    """Private memory by role at a moment of load, MiB."""

    load_s: float
    rss_mib: dict[str, float]


class SoakFigures(msgspec.Struct):
    """A soak: its rate, every minute's latencies at worst, memory and its growth.

    `refused` were answered something else than 202, `missing` accepted and not announced in their minute.
    """

    minutes: float
    rate: float
    posted: int
    refused: int
    missing: int
    valid_p99_ms_worst: float
    samples: list[Sample]

    def growth_mib_per_hour(self) -> dict[str, float]:
        """Growth by role, from the end of settling to the end."""
        settled = self.samples[int(len(self.samples) * SETTLING_SHARE)]
        last = self.samples[-1]
        hours = (last.load_s - settled.load_s) / 3600
        if hours <= 0:
            return {}
        return {role: round((last.rss_mib[role] - settled.rss_mib[role]) / hours, 1) for role in last.rss_mib}


def measure(rate: float, minutes: float, connections: int) -> SoakFigures:
    """Post at a steady rate in segments of a minute; each segment's corpus is made before its minute starts.

    Args:
        rate: transactions a second, half of the most.
        minutes: of load.
        connections: to spread it over.
    """
    with whole_target() as target:
        samples = [Sample(0.0, usage.rss_mib(target.roles))]
        rounds: list[Round] = []
        for measured in _segments(target, rate, minutes, connections):
            rounds.append(measured)
            samples.append(Sample(len(rounds) * SEGMENT_S, usage.rss_mib(target.roles)))
    worst = max(each.load.valid_ms.p99 for each in rounds if each.load.valid_ms is not None)
    return SoakFigures(
        minutes=minutes,
        rate=round(rate, 1),
        posted=sum(each.load.answered for each in rounds),
        refused=sum(each.load.answered - _accepted(each) for each in rounds),
        missing=sum(_accepted(each) - each.load.valid for each in rounds),
        valid_p99_ms_worst=worst,
        samples=samples,
    )


def _accepted(measured: Round) -> int:
    return measured.load.statuses.get("202", 0)


def _segments(target: Target, rate: float, minutes: float, connections: int) -> Iterator[Round]:
    for number in range(round(minutes * 60 / SEGMENT_S)):
        posts = whole.requests(list(corpus.creates(f"soak{number}", int(rate * SEGMENT_S))))
        yield run_round(target, posts, connections=connections, seconds=SEGMENT_S, rate=rate, follow=True)
        time.sleep(1)
