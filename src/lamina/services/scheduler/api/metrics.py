"""`GET /metrics`: what all processes of the platform counted for the scheduler (spec/scheduler.md 19.3)."""

import asyncio
from collections.abc import Callable, Iterable
from typing import cast

from prometheus_client.openmetrics import exposition
from prometheus_client.registry import Collector, CollectorRegistry
from prometheus_client.samples import Sample

from lamina.kernel.contracts import Receive, Scope, Send
from lamina.kernel.observability import metrics
from lamina.kernel.web.respond import Reply

_generate = cast("Callable[[CollectorRegistry], bytes]", exposition.generate_latest)
NAMES = ("su_", "message_save_failures")
"""Beginnings of the scheduler's own; the platform's others are the admin listener's."""


class GetMetrics:
    """Answers in OpenMetrics text."""

    def __init__(self) -> None:
        """Prepare."""
        self._shown = CollectorRegistry(auto_describe=False)
        self._shown.register(_Own())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; reading every process's files is not for the loop."""
        body = await asyncio.to_thread(_generate, self._shown)
        await Reply(200, body, content_type=exposition.CONTENT_TYPE_LATEST.encode())(scope, receive, send)


class _Own(Collector):
    """The scheduler's metrics of all processes, as far as they were observed."""

    def collect(self) -> Iterable[metrics.Metric]:
        for metric in metrics.declared():
            if metric.name.startswith(NAMES):
                metric.samples = [each for each in metric.samples if not _is_creation(each)]
                yield metric


def _is_creation(sample: Sample) -> bool:
    """When a series began: the original does not say it."""
    return sample.name.endswith("_created")
