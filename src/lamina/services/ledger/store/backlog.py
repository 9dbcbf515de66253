"""Accepted transactions that wait for a block."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter

from lamina.kernel.storage.database import Connection, Database
from lamina.kernel.storage.quorum import DURABLE
from lamina.services.ledger.model.transaction import Transaction

CHANNEL = "ledger_backlog"

# DURABLE: of a repeat nothing is written, yet the answer promises that what is there cannot be lost.
_INSERT = f"""
WITH posted AS (
    SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::bytea[]) AS p (tx_id, body, seal)
), stored AS (
    INSERT INTO ledger.backlog (tx_id, body, seal, assignee)
    SELECT tx_id, body, seal, $4 FROM posted
    ON CONFLICT (tx_id) DO NOTHING
), spent AS (
    INSERT INTO ledger.backlog_spends (tx_id, input_tx_id, input_index)
    SELECT * FROM unnest($5::bytea[], $6::bytea[], $7::int[])
    ON CONFLICT (tx_id, input_tx_id, input_index) DO NOTHING
)
SELECT pg_notify($8, ''), {DURABLE}
"""

_REQUEUE = """
WITH returned AS (
    INSERT INTO ledger.backlog (tx_id, body, seal, assignee, attempts)
    SELECT r.tx_id, r.body, ''::bytea, r.assignee, r.attempts
      FROM unnest($1::bytea[], $2::bytea[], $3::text[], $4::int[]) AS r (tx_id, body, assignee, attempts)
    ON CONFLICT (tx_id) DO NOTHING
)
INSERT INTO ledger.backlog_spends (tx_id, input_tx_id, input_index)
SELECT * FROM unnest($5::bytea[], $6::bytea[], $7::int[])
ON CONFLICT (tx_id, input_tx_id, input_index) DO NOTHING
"""

_REASSIGN = """
WITH moved AS (
    UPDATE ledger.backlog SET assignee = $3, assigned_at = now()
     WHERE tx_id = $1 AND assignee = $2 RETURNING tx_id
)
SELECT pg_notify($4, '') FROM moved
"""

_TAKE = """
DELETE FROM ledger.backlog WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM ledger.backlog WHERE assignee = $1 ORDER BY arrival LIMIT $2
)) RETURNING arrival, tx_id, body, seal, accepted_at
"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A backlog row: canonical bytes, the seal of the node that checked them, and when they were accepted."""

    tx_id: str
    body: bytes
    seal: bytes
    accepted_at: datetime


@dataclass(frozen=True, slots=True)
class Returning:
    """A transaction that leaves an invalid block: its next node, and how many such blocks it was in."""

    transaction: Transaction
    assignee: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Assigned:
    """A waiting transaction, the node that should put it into a block, and since when."""

    tx_id: str
    body: bytes
    assignee: str
    assigned_at: datetime


async def insert(database: Database, sealed: Sequence[tuple[Transaction, bytes]], assignee: str) -> None:
    """Make transactions durable in one statement; one that is already waiting is left as it is.

    Args:
        database: the writer.
        sealed: checked transactions with this node's seal over their bytes.
        assignee: public key of the node that will put them into a block.

    Raises:
        CommitUnknown, DatabaseUnavailable, RowsRefused: as `Database.store`.
    """
    # In one order everywhere: workers that insert the same ids would else wait for each other.
    sealed = sorted(sealed, key=lambda entry: entry[0].id)
    ids = [bytes.fromhex(tx.id) for tx, _ in sealed]
    spends = [(tx_id, spend) for tx_id, (tx, _) in zip(ids, sealed, strict=True) for spend in tx.spends]
    await database.store(
        "ledger.accept_transactions",
        _INSERT,
        ids,
        [tx.body for tx, _ in sealed],
        [seal for _, seal in sealed],
        assignee,
        [tx_id for tx_id, _ in spends],
        [bytes.fromhex(spend.tx_id) for _, spend in spends],
        [spend.output_index for _, spend in spends],
        CHANNEL,
    )


async def find_present(database: Database, tx_ids: Sequence[str]) -> set[str]:
    """Which of these ids are durably stored, waiting or ended: how an unknown commit is resolved.

    Raises:
        CommitUnknown, DatabaseUnavailable: as `Database.confirm`.
    """
    rows = await database.confirm(
        "ledger.find_accepted",
        """
        SELECT tx_id FROM ledger.backlog WHERE tx_id = ANY ($1)
        UNION SELECT tx_id FROM ledger.tx_index WHERE tx_id = ANY ($1) AND status IN (0, 1)
        UNION SELECT tx_id FROM ledger.rejected WHERE tx_id = ANY ($1)
        """,
        [bytes.fromhex(tx_id) for tx_id in tx_ids],
    )
    return {row["tx_id"].hex() for row in rows}


async def take(cx: Connection, assignee: str, limit: int) -> list[Waiting]:
    """Take the oldest waiting transactions of a node out of the backlog, within the caller's transaction."""
    rows = await cx.fetch(_TAKE, assignee, limit)
    rows = sorted(rows, key=itemgetter("arrival"))
    return [Waiting(row["tx_id"].hex(), row["body"], row["seal"], row["accepted_at"]) for row in rows]


async def forget_spends(cx: Connection, spenders: Sequence[str]) -> None:
    """Drop what transactions taken out of the backlog announced they would spend."""
    if spenders:
        await cx.execute(
            "DELETE FROM ledger.backlog_spends WHERE tx_id = ANY ($1)",
            [bytes.fromhex(tx_id) for tx_id in spenders],
        )


async def count(database: Database) -> int:
    """How many transactions wait."""
    return await database.fetchval("ledger.count_backlog", "SELECT count(*) FROM ledger.backlog")


async def delete(cx: Connection, tx_ids: Sequence[str]) -> None:
    """Remove waiting transactions, and what they announced they would spend."""
    await cx.execute("DELETE FROM ledger.backlog WHERE tx_id = ANY ($1)", [bytes.fromhex(i) for i in tx_ids])
    await forget_spends(cx, tx_ids)


async def requeue(cx: Connection, returning: Sequence[Returning]) -> None:
    """Let transactions of a block that was voted invalid wait again (spec/ledger.md 5.5).

    Nobody's seal vouches for them: the node that takes them verifies their signatures itself.
    """
    returning = sorted(returning, key=lambda entry: entry.transaction.id)  # the order of `insert`
    ids = [bytes.fromhex(entry.transaction.id) for entry in returning]
    spends = [
        (tx_id, spend)
        for tx_id, entry in zip(ids, returning, strict=True)
        for spend in entry.transaction.spends
    ]
    await cx.execute(
        _REQUEUE,
        ids,
        [entry.transaction.body for entry in returning],
        [entry.assignee for entry in returning],
        [entry.attempts for entry in returning],
        [tx_id for tx_id, _ in spends],
        [bytes.fromhex(spend.tx_id) for _, spend in spends],
        [spend.output_index for _, spend in spends],
    )
    await cx.execute("SELECT pg_notify($1, '')", CHANNEL)


async def find_stale(database: Database, *, older_than_s: float, limit: int) -> list[Assigned]:
    """Transactions assigned that long ago, by the database's clock, the oldest assignment first."""
    rows = await database.fetch(
        "ledger.find_stale",
        """
        SELECT tx_id, body, assignee, assigned_at FROM ledger.backlog
         WHERE assigned_at < now() - make_interval(secs => $1) ORDER BY assigned_at, arrival LIMIT $2
        """,
        older_than_s,
        limit,
    )
    return [Assigned(row["tx_id"].hex(), *list(row.values())[1:]) for row in rows]


async def reassign(database: Database, tx_id: str, *, current: str, assignee: str) -> bool:
    """Give a waiting transaction to another node, with a fresh timestamp.

    Returns:
        Whether it still waited for `current`: of several who reassign it at once, one does.
    """
    rows = await database.store(
        "ledger.reassign_transaction", _REASSIGN, bytes.fromhex(tx_id), current, assignee, CHANNEL
    )
    return bool(rows)
