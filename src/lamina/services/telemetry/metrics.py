"""Every metric of telemetry; the names of the original's are contract (spec/telemetry.md 8)."""

from prometheus_client import Counter, Gauge, Histogram

MESSAGES = Counter("lamina_telemetry_messages_received_total", "Data messages from nodes that were JSON")
BYTES = Counter("lamina_telemetry_bytes_received_total", "Payload bytes from nodes")
OPENED = Counter("lamina_telemetry_connections_opened_total", "Intake websockets opened")
ENDED = Counter("lamina_telemetry_connections_ended_total", "Intake websockets ended")
REQUESTS = Counter("lamina_telemetry_requests_total", "HTTP requests to the JSON routes")
FEEDS_OPENED = Counter("lamina_telemetry_feeds_opened_total", "Feed websockets opened")
FEEDS_ENDED = Counter("lamina_telemetry_feeds_ended_total", "Feed websockets ended")
STORED = Counter("telemetry_messages_stored_total", "Messages stored")
DROPPED = Counter("telemetry_messages_dropped_total", "Messages that could not be stored", ["reason"])
BUFFER_MESSAGES = Gauge(
    "telemetry_buffer_messages", "Messages waiting for the database", multiprocess_mode="livesum"
)
BUFFER_BYTES = Gauge(
    "telemetry_buffer_bytes", "Bytes of messages waiting for the database", multiprocess_mode="livesum"
)
BATCH_SECONDS = Histogram("telemetry_batch_seconds", "Time to store a batch")
BATCH_ROWS = Histogram(
    "telemetry_batch_rows", "Messages of a batch", buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)
)
PURGED = Counter("telemetry_purged_rows_total", "Messages removed because of their age")
