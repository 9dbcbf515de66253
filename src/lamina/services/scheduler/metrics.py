"""Every metric of the scheduler; the names of the original's are contract (spec/scheduler.md 19.3)."""

import time
from collections.abc import Generator
from contextlib import contextmanager

from prometheus_client import Counter, Gauge, Histogram

from lamina.kernel.observability.tally import Tally

_BUCKETS_MS = (
    0, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 5500, 6000, 6500, 7000, 7500, 8000, 8500, 9000,
    9500, 10000,
)  # fmt: skip
DURATION = Histogram(
    "su_core_metrics_duration_milliseconds",
    "Time that parts of a request took",
    ["function_name"],
    buckets=_BUCKETS_MS,
)
SAVE_FAILURES = Counter("message_save_failures", "Messages that could not be stored")
SIGNATURES = Counter("su_signatures_total", "Signatures made by the wallet")
CONFLICTS = Counter("su_conflicts_total", "Assignments made again because another unit was faster")
OUTBOX = Gauge("su_upload_queue_length", "Bundles that wait for the uploader", multiprocess_mode="livemax")
OUTBOX_AGE = Gauge("su_upload_queue_oldest_seconds", "Age of the oldest of them", multiprocess_mode="livemax")
UPLOADS = Counter("su_uploads_total", "Uploads by outcome", ["outcome"])
HEIGHT = Gauge("su_gateway_height", "Height of the network", multiprocess_mode="livemax")
HEIGHT_AGE = Gauge(
    "su_gateway_height_age_seconds", "Time since a gateway told the height", multiprocess_mode="livemax"
)
DISK_READY = Gauge("su_disk_ready", "Whether a unit has the disk store open", multiprocess_mode="livemax")
DISK_COPIED = Counter("su_disk_copied_total", "Messages copied from the database to the disk store")
DISK_MISSES = Counter("su_disk_misses_total", "Messages of lists that the disk store did not have")
ROUTED = Counter("su_routed_total", "Requests that the router answered, by how", ["how"])
PLACED = Counter("su_placed_total", "New processes that the router placed")
UNIT_UP = Gauge(
    "su_unit_up", "Whether a unit answered when it was looked at last", ["url"], multiprocess_mode="livemin"
)
UNIT_PROCESSES = Gauge(
    "su_unit_processes", "Processes placed on a unit", ["url"], multiprocess_mode="livemax"
)
LIST_USABLE = Gauge(
    "su_scheduler_list_usable",
    "Whether the scheduler list could be used as it stands",
    multiprocess_mode="livemax",
)

_ON_SUCCESS_ONLY = frozenset({"get_message", "get_messages", "read_message_data", "write_item"})

_tallies: dict[str, Tally] = {}


@contextmanager
def measured(function_name: str) -> Generator[None]:
    """Observe how long the block takes, under a name of the original's; some only when it succeeds."""
    started = time.perf_counter()
    try:
        yield
    except BaseException:
        if function_name not in _ON_SUCCESS_ONLY:
            observe(function_name, started)
        raise
    observe(function_name, started)


def observe(function_name: str, started: float) -> None:
    """Observe the time since `started` (`time.perf_counter()`)."""
    tally = _tallies.get(function_name)
    if tally is None:
        tally = _tallies[function_name] = Tally(DURATION.labels(function_name), _BUCKETS_MS)
    tally.add((time.perf_counter() - started) * 1000)
