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
DISK_READY = Gauge("su_disk_ready", "Whether a unit has the disk store open", multiprocess_mode="livemax")
DISK_COPIED = Counter("su_disk_copied_total", "Messages copied from the database to the disk store")
DISK_MISSES = Counter("su_disk_misses_total", "Messages of lists that the disk store did not have")
