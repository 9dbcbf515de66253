"""Counts and times of requests, by listener, route and status."""

from collections.abc import Callable

from prometheus_client import Histogram

_SECONDS = Histogram(
    "lamina_http_request_seconds",
    "Time from the last header byte to the end of the response",
    ["listener", "method", "route", "status"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def recorder(listener: str) -> Callable[[str, str, int, int, float], None]:
    """What a listener's middleware calls after each response; routes are templates, so labels stay few."""
    timers: dict[tuple[str, str, int], Histogram] = {}

    def record(method: str, route: str, status: int, _body_bytes: int, duration_s: float) -> None:
        method = method if method in _METHODS else "other"
        timer = timers.get((method, route, status))
        if timer is None:
            timer = timers[method, route, status] = _SECONDS.labels(listener, method, route, str(status))
        timer.observe(duration_s)

    return record
