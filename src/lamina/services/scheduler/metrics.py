"""Every metric of the scheduler; the names of the original's are contract (spec/scheduler.md 19.3)."""

from prometheus_client import Counter, Gauge, Histogram

DURATION = Histogram(
    "su_core_metrics_duration_milliseconds",
    "Time that parts of a request took",
    ["function_name"],
    buckets=(
        0, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 5500, 6000, 6500, 7000, 7500, 8000, 8500, 9000,
        9500, 10000,
    ),
)  # fmt: skip
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
    multiprocess_mode="livemin",
)
