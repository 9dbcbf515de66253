"""Times of requests, by listener, route and status."""

from collections.abc import Callable

from prometheus_client import Histogram

from lamina.kernel.observability.tally import Tally

_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_SECONDS = Histogram(
    "lamina_http_request_seconds",
    "Time from the last header byte to the end of the response",
    ["listener", "method", "route", "status"],
    buckets=_BUCKETS_S,
)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def recorder(listener: str) -> Callable[[str, str, int, int, float], None]:
    """What a listener's middleware calls after each response; routes are templates, so labels stay few."""
    tallies: dict[tuple[str, str, int], Tally] = {}

    def record(method: str, route: str, status: int, _body_bytes: int, duration_s: float) -> None:
        known = method if method in _METHODS else "other"
        tally = tallies.get((known, route, status))
        if tally is None:
            tally = Tally(_SECONDS.labels(listener, known, route, str(status)), _BUCKETS_S)
            tallies[known, route, status] = tally
        tally.add(duration_s)

    return record
