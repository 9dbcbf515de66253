"""Execution times summed up in buckets (spec/telemetry.md 7.2)."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta

from lamina.services.telemetry.model.element import Element
from lamina.services.telemetry.model.interest import Aggregate

SAMPLES_MAX = 1_000_000
"""Times of one bucket that are kept; more of them, in one interval, are left out of it."""


class Buckets:
    """One subscription's open bucket; a bucket is handed out once a later element closes it."""

    def __init__(self, aggregate: Aggregate) -> None:
        """Start without a bucket."""
        self._kind = aggregate.kind
        self._interval = timedelta(seconds=aggregate.interval_s)
        self._begin: datetime | None = None
        self._times: dict[tuple[str, str], list[int]] = defaultdict(list)
        self._samples = 0

    def add(self, elements: Iterable[Element]) -> list[Element]:
        """Take elements in order of time; returns the elements of the buckets they close."""
        closed: list[Element] = []
        for element in elements:
            sample = _sample(element)
            if sample is None:
                continue
            if self._begin is None:
                self._begin = element.created_at
            elif element.created_at > self._begin + self._interval:
                self._begin = self._following(self._begin, element.created_at)
                closed += self._close(self._begin)
            if self._samples < SAMPLES_MAX:
                self._samples += 1
                self._times[sample[:2]].append(sample[2])
        return closed

    def _following(self, begin: datetime, moment: datetime) -> datetime:
        """The start of the bucket that an element falls into, whole intervals later."""
        if not self._interval:
            return moment
        return begin + (moment - begin) // self._interval * self._interval

    def _close(self, following: datetime) -> list[Element]:
        sums = [
            Element(
                following, {"time": _sum_up(self._kind, times), "name": name, "target": target, "values": ""}
            )
            for (target, name), times in self._times.items()
        ]
        self._times.clear()
        self._samples = 0
        return sums


def _sum_up(kind: str, times: list[int]) -> int:
    if kind == "mean":
        return sum(times) // len(times)
    ordered = sorted(times)
    place = {"min": 0, "max": -1, "median": len(times) // 2, "percentile90": len(times) * 9 // 10}[kind]
    return ordered[place]


def _sample(element: Element) -> tuple[str, str, int] | None:
    """Target, name and time; None where one of them is missing."""
    target, name, time = (element.fields.get(key) for key in ("target", "name", "time"))
    if isinstance(time, str) and time.isascii() and time.isdecimal() and len(time) < 20:
        time = int(time)
    if not isinstance(target, str) or not isinstance(name, str):
        return None
    return (target, name, time) if isinstance(time, int) and not isinstance(time, bool) else None
