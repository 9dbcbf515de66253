"""Every metric of the ledger."""

from prometheus_client import Counter, Gauge, Histogram

ACCEPTED = Counter("lamina_ledger_transactions_accepted_total", "Transactions answered 202")
REFUSED = Counter(
    "lamina_ledger_transactions_refused_total", "Transactions answered 400, by class", ["reason"]
)
REJECTED = Counter(
    "lamina_ledger_transactions_rejected_total", "Accepted transactions that were rejected later", ["reason"]
)
CONTRADICTIONS = Counter(
    "lamina_ledger_equivocation_total", "Votes by which a node contradicts another vote of its own"
)
HALTED = Gauge(
    "lamina_ledger_halted",
    "1 while an integrity alarm keeps this node from voting",
    multiprocess_mode="livemax",
)
BLOCKS = Counter("lamina_ledger_blocks_total", "Blocks that became valid")
BLOCK_TRANSACTIONS = Histogram(
    "lamina_ledger_block_transactions",
    "Transactions of a block",
    buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000),
)
SUBSCRIBERS = Gauge(
    "lamina_ledger_stream_subscribers", "Clients on the valid-transaction stream", multiprocess_mode="livesum"
)
BACKLOG = Gauge(
    "lamina_ledger_backlog_transactions", "Transactions waiting for a block", multiprocess_mode="livemax"
)
REJECTED_KEPT = Gauge(
    "lamina_ledger_rejected_transactions", "Rejected transactions kept", multiprocess_mode="livemax"
)
