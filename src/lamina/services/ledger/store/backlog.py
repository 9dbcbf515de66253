"""Accepted transactions that wait for a block."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter

from lamina.kernel.storage.database import Connection, Database
from lamina.services.ledger.model.transaction import Transaction

CHANNEL = "ledger_backlog"

_INSERT = """
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
SELECT pg_notify($8, '')
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


async def insert(database: Database, sealed: Sequence[tuple[Transaction, bytes]], assignee: str) -> None:
    """Make transactions durable in one statement; one that is already waiting is left as it is.

    Args:
        database: the writer.
        sealed: checked transactions with this node's seal over their bytes.
        assignee: public key of the node that will put them into a block.

    Raises:
        CommitUnknown, DatabaseUnavailable, RowsRefused: as `Database.store`.
    """
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
    """Which of these ids are stored, waiting or ended: how an unknown commit is resolved."""
    rows = await database.fetch(
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


async def delete(database: Database, tx_ids: Sequence[str]) -> None:
    """Remove waiting transactions (facade, spec/ledger.md 7)."""

    async def work(cx: Connection) -> None:
        await cx.execute(
            "DELETE FROM ledger.backlog WHERE tx_id = ANY ($1)", [bytes.fromhex(i) for i in tx_ids]
        )
        await forget_spends(cx, tx_ids)

    await database.run("ledger.delete_backlog", work)
