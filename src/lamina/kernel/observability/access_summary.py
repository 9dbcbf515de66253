"""Sums an access log up in bounded memory, however long it is: totals, status classes, latency per route."""

import math
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from lamina.kernel.observability.access_line import Request

DAY_S = 86_400.0
ROUTES_MAX = 1000
OTHER_ROUTES = "(other routes)"
_GROWTH = 1.02  # neighbouring buckets differ by 2 %, so a quantile is off by 1 % at most
_SMALLEST_MS = 0.001
_LARGEST_MS = 86_400_000.0
# Ids, hashes, keys and numbers: one route, however many things it names.
_NAMED_THING = re.compile(r"\d+|(?=[A-Za-z0-9_-]*\d)[A-Za-z0-9_-]{16,}|[0-9a-fA-F]{16,}")
_ROUTE_CHARACTERS_MAX = 200


class Latencies:
    """Counts durations in buckets that grow by a fixed factor: at most some 1,400 of them."""

    def __init__(self) -> None:
        self.count = 0
        self._buckets: Counter[int] = Counter()

    def add(self, duration_ms: float) -> None:
        """Count one."""
        self.count += 1
        bounded = min(max(duration_ms, _SMALLEST_MS), _LARGEST_MS)
        self._buckets[math.ceil(math.log(bounded, _GROWTH))] += 1

    def quantile(self, share: float) -> float:
        """The duration in ms that this share of all stays within, 1 % more or less; there must be some."""
        wanted = max(1, math.ceil(share * self.count))
        for bucket in sorted(self._buckets):
            wanted -= self._buckets[bucket]
            if wanted <= 0:
                # The middle of the bucket: it reaches down to the bound of the one below.
                return _GROWTH**bucket * 2 / (1 + _GROWTH)
        raise ValueError("there are no durations")


@dataclass(frozen=True, slots=True)
class RouteSummary:
    """How long one route took."""

    route: str
    requests: int
    p50_ms: float
    p99_ms: float


@dataclass
class AccessSummary:
    """What was read so far. Times are the earliest and latest of any line, as lines may be out of order."""

    lines: int = 0
    lines_unreadable: int = 0
    bytes_sent: int = 0
    first: datetime | None = None
    last: datetime | None = None
    statuses: Counter[str] = field(default_factory=Counter[str])
    _routes: dict[str, Latencies] = field(default_factory=dict[str, Latencies])

    def add(self, request: Request) -> None:
        """Count a request."""
        self.lines += 1
        self.bytes_sent += request.bytes_sent
        self.statuses[f"{request.status // 100}xx"] += 1
        at = request.timestamp
        self.first = at if self.first is None else min(self.first, at)
        self.last = at if self.last is None else max(self.last, at)
        # A websocket (101) lasts as long as its client likes, which says nothing of the service.
        if request.duration_ms is not None and request.status >= 200:
            self._latencies(request).add(request.duration_ms)

    def add_unreadable(self) -> None:
        """Count a line that is no request."""
        self.lines += 1
        self.lines_unreadable += 1

    @property
    def days(self) -> float:
        """From the earliest to the latest request."""
        if self.first is None or self.last is None:
            return 0.0
        return (self.last - self.first).total_seconds() / DAY_S

    @property
    def bytes_per_day(self) -> float | None:
        """The average; None where the requests span no time."""
        return self.bytes_sent / self.days if self.days > 0 else None

    def slowest(self, count: int) -> list[RouteSummary]:
        """The routes with the highest p99, at most `count` of them."""
        found = [
            RouteSummary(route, each.count, each.quantile(0.5), each.quantile(0.99))
            for route, each in self._routes.items()
        ]
        return sorted(found, key=lambda each: each.p99_ms, reverse=True)[:count]

    def _latencies(self, request: Request) -> Latencies:
        route = route_of(request.method, request.path)
        # What was not found makes no route of its own, or a scanner's guesses would fill the table.
        if route not in self._routes and (len(self._routes) >= ROUTES_MAX or request.status == 404):
            route = OTHER_ROUTES
        return self._routes.setdefault(route, Latencies())


def route_of(method: str, path: str) -> str:
    """Method and path with `{id}` in place of whatever names one thing."""
    parts = path[:_ROUTE_CHARACTERS_MAX].split("/")
    shown = "/".join("{id}" if _NAMED_THING.fullmatch(part) else part for part in parts)
    return f"{method} {shown}".strip()
