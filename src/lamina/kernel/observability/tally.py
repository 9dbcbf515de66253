"""What metrics are told once in a while: a value by itself costs ten times as much in the shared file."""

import asyncio
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any, cast

from prometheus_client import Counter, Histogram

FLUSH_S = 1.0
COUNT_FLUSH_S = 0.1
"""Counters are read by whoever has just done something."""


class Count:
    """How often something happened since the last flush; used in the event loop only."""

    __slots__ = ("_counter", "_waiting")

    def __init__(self, counter: Counter) -> None:
        """Count nothing yet."""
        self._counter = counter
        self._waiting = 0

    def add(self, times: int = 1) -> None:
        """Count what happened so many times."""
        if not self._waiting:
            asyncio.get_running_loop().call_later(COUNT_FLUSH_S, self._flush)
        self._waiting += times

    def _flush(self) -> None:
        self._counter.inc(self._waiting)
        self._waiting = 0


class Tally:
    """Values since the last flush; used in the event loop only."""

    __slots__ = ("_bounds", "_counts", "_histogram", "_is_waiting", "_sum")

    def __init__(self, histogram: Histogram, bounds: Sequence[float]) -> None:
        """Count nothing yet.

        Args:
            histogram: with its labels.
            bounds: its buckets as they were declared, without the infinite one.
        """
        self._histogram = histogram
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0
        self._is_waiting = False

    def add(self, value: float) -> None:
        """Count a value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value
        if not self._is_waiting:
            self._is_waiting = True
            asyncio.get_running_loop().call_later(FLUSH_S, self._flush)

    def _flush(self) -> None:
        """Add to the shared file what `observe` adds one by one; there is no public way in bulk."""
        histogram = cast("Any", self._histogram)
        histogram._sum.inc(self._sum)  # noqa: SLF001
        for bucket, count in zip(cast("list[Any]", histogram._buckets), self._counts, strict=True):  # noqa: SLF001
            if count:
                bucket.inc(count)
        self._counts = [0] * len(self._counts)
        self._sum = 0.0
        self._is_waiting = False
