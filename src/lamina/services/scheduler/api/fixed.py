"""Answers that are the same in a unit and in a router (spec/scheduler.md 7.1, 8, 19.3)."""

from lamina.kernel.contracts import ASGIApp
from lamina.kernel.web.respond import Reply
from lamina.services.scheduler.api.metrics import GetMetrics
from lamina.services.scheduler.settings import SchedulerSettings

_TEXT = b"text/plain; charset=utf-8"
NOT_FOUND = Reply(404, b"", content_type=_TEXT)
HEALTH = Reply(200, b"", content_type=_TEXT)
_NO_METRICS = Reply(400, b"Metrics not enabled", content_type=_TEXT)


def metrics(settings: SchedulerSettings) -> ASGIApp:
    """`GET /metrics`, where it is wanted."""
    return GetMetrics() if settings.metrics else _NO_METRICS
