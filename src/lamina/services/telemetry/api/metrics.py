"""`/metrics` under the original's names and its parent's (spec/telemetry.md 8)."""

import asyncio
import os
from collections.abc import Iterable

import psutil
from prometheus_client import generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry

from lamina.kernel.contracts import Receive, Scope, Send
from lamina.kernel.observability import metrics
from lamina.kernel.web.respond import Reply

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
_COUNTERS = {
    "lamina_telemetry_messages_received": ("tetcore_message_count", "substrate_message_count"),
    "lamina_telemetry_bytes_received": ("tetcore_bytes_received", "substrate_bytes_received"),
    "lamina_telemetry_connections_opened": ("nodes_connected_count",),
    "lamina_telemetry_connections_ended": ("nodes_dropped_count",),
    "lamina_telemetry_requests": ("requests",),
    "lamina_telemetry_feeds_opened": ("feeds_connected",),
    "lamina_telemetry_feeds_ended": ("feeds_disconnected",),
}
_DIFFERENCES = {
    "current_tetcore_connections": ("nodes_connected_count", "nodes_dropped_count"),
    "current_substrate_connections": ("nodes_connected_count", "nodes_dropped_count"),
    "current_feed_connections": ("feeds_connected", "feeds_disconnected"),
}
_OWN_PREFIX = "telemetry_"
_KIB = 1024


class GetMetrics:
    """What this platform's receivers counted, and what the host consumes."""

    def __init__(self) -> None:
        """Prepare."""
        self._shown = CollectorRegistry(auto_describe=False)
        self._shown.register(_Own())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer without the database."""
        body = await asyncio.to_thread(self._render)
        await Reply(200, body, content_type=CONTENT_TYPE)(scope, receive, send)

    def _render(self) -> bytes:
        return generate_latest(self._shown) + b"".join(_plain_counters(metrics.declared()))


class _Own(Collector):
    """What Lamina counts beyond the original, and gauges."""

    def collect(self) -> Iterable[Metric]:
        counted = dict.fromkeys((name for names in _COUNTERS.values() for name in names), 0.0)
        for metric in metrics.declared():
            for name in _COUNTERS.get(metric.name, ()):
                counted[name] = _total(metric)
            if metric.name.startswith(_OWN_PREFIX):
                yield metric
        for name, (opened, ended) in _DIFFERENCES.items():
            yield GaugeMetricFamily(name, "Open now", value=counted[opened] - counted[ended])
        yield from _host()


def _total(metric: Metric) -> float:
    return sum(each.value for each in metric.samples if each.name.endswith("_total"))


def _plain_counters(declared: Iterable[Metric]) -> Iterable[bytes]:
    """Our counters under the names that dashboards of the original know.

    The library ends each counter's name in `_total`, in the TYPE line even where the sample has another name.
    """
    for metric in declared:
        for name in _COUNTERS.get(metric.name, ()):
            yield _plain_counter(name, metric.documentation, _total(metric))
    traffic = psutil.net_io_counters(pernic=True).values()  # without interfaces the total would be None
    received, sent = sum(each.bytes_recv for each in traffic), sum(each.bytes_sent for each in traffic)
    yield _plain_counter("bytes_received", "Bytes of all network interfaces", received)
    yield _plain_counter("bytes_sent", "Bytes of all network interfaces", sent)


def _plain_counter(name: str, text: str, value: float) -> bytes:
    return f"# HELP {name} {text}\n# TYPE {name} counter\n{name} {float(value)}\n".encode()


def _host() -> Iterable[Metric]:
    for name, value in zip(("one", "five", "fifteen"), os.getloadavg(), strict=True):
        yield GaugeMetricFamily(f"load_avg_{name}", "Load of the host", value=value)
    memory, swap = psutil.virtual_memory(), psutil.swap_memory()
    for name, value in (
        ("total_mem", memory.total),
        ("used_mem", memory.used),
        ("total_swap", swap.total),
        ("used_swap", swap.used),
    ):
        yield GaugeMetricFamily(name, "KiB", value=value // _KIB)
