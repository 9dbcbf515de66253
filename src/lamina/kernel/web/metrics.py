"""Times of requests, by listener, route and status."""

import asyncio
from bisect import bisect_left
from collections.abc import Callable
from typing import Any, cast

from prometheus_client import Histogram

_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_SECONDS = Histogram(
    "lamina_http_request_seconds",
    "Time from the last header byte to the end of the response",
    ["listener", "method", "route", "status"],
    buckets=_BUCKETS_S,
)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
FLUSH_S = 1.0


def recorder(listener: str) -> Callable[[str, str, int, int, float], None]:
    """What a listener's middleware calls after each response; routes are templates, so labels stay few."""
    tallies: dict[tuple[str, str, int], _Tally] = {}

    def record(method: str, route: str, status: int, _body_bytes: int, duration_s: float) -> None:
        known = method if method in _METHODS else "other"
        tally = tallies.get((known, route, status))
        if tally is None:
            tally = _Tally(_SECONDS.labels(listener, known, route, str(status)))
            tallies[known, route, status] = tally
        tally.add(duration_s)

    return record


class _Tally:
    """Durations since the last flush: adding one costs a tenth of what the shared file does."""

    __slots__ = ("_counts", "_is_waiting", "_sum_s", "_timer")

    def __init__(self, timer: Histogram) -> None:
        self._timer = timer
        self._counts = [0] * (len(_BUCKETS_S) + 1)
        self._sum_s = 0.0
        self._is_waiting = False

    def add(self, duration_s: float) -> None:
        self._counts[bisect_left(_BUCKETS_S, duration_s)] += 1
        self._sum_s += duration_s
        if not self._is_waiting:
            self._is_waiting = True
            asyncio.get_running_loop().call_later(FLUSH_S, self._flush)

    def _flush(self) -> None:
        """Add to the shared file what `observe` adds one by one; there is no public way in bulk."""
        timer = cast("Any", self._timer)
        timer._sum.inc(self._sum_s)  # noqa: SLF001
        for bucket, count in zip(cast("list[Any]", timer._buckets), self._counts, strict=True):  # noqa: SLF001
            if count:
                bucket.inc(count)
        self._counts = [0] * len(self._counts)
        self._sum_s = 0.0
        self._is_waiting = False
