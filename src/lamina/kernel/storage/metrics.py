"""What storage counts: transactions by name, their outcomes, and batch sizes."""

from prometheus_client import Counter, Histogram

TRANSACTION_SECONDS = Histogram(
    "lamina_storage_transaction_seconds",
    "Time of a named transaction or statement, from asking for a connection to its outcome",
    ["transaction"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
TRANSACTION_OUTCOMES = Counter(
    "lamina_storage_transactions_total",
    "Writing transactions by outcome: committed, rolled_back, refused, unknown",
    ["transaction", "outcome"],
)
REPLICATION_WAITS_CANCELLED = Counter(
    "lamina_storage_replication_waits_cancelled_total",
    "Commits whose wait for a standby somebody cancelled: answered as done, lost with the primary",
    ["transaction"],
)
BATCH_ITEMS = Histogram(
    "lamina_storage_batch_items",
    "Requests that shared one batch",
    ["batch"],
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024),
)
