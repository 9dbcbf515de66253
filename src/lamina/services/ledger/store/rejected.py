"""The recorded end of accepted transactions that did not become valid (distribution-and-reliability 6.7)."""

from collections.abc import Sequence
from datetime import datetime

from lamina.kernel.storage.database import Connection, Database
from lamina.services.ledger.model.rejection import Rejection
from lamina.services.ledger.store.backlog import Waiting

_INSERT = """
INSERT INTO ledger.rejected (tx_id, reason, detail, body, accepted_at)
SELECT * FROM unnest($1::bytea[], $2::text[], $3::text[], $4::bytea[], $5::timestamptz[])
ON CONFLICT (tx_id) DO UPDATE SET reason = excluded.reason, detail = excluded.detail,
    accepted_at = excluded.accepted_at, rejected_at = now()
"""


async def insert(cx: Connection, refused: Sequence[tuple[Waiting, str, str]]) -> None:
    """Record (backlog row, reason class, detail) for each refused transaction."""
    if refused:
        await cx.execute(
            _INSERT,
            [bytes.fromhex(row.tx_id) for row, _, _ in refused],
            [reason for _, reason, _ in refused],
            [detail for _, _, detail in refused],
            [row.body for row, _, _ in refused],
            [row.accepted_at for row, _, _ in refused],
        )


class Rejections:
    """What was rejected, in this node's tables or in the log that a federation shares."""

    def __init__(self, database: Database, schema: str = "ledger") -> None:
        """Look at the table `rejected` of a schema of ours."""
        self._database = database
        self._table = f"{schema}.rejected"

    async def page(self, *, before: datetime | None, limit: int) -> list[Rejection]:
        """The newest rejections first, older than `before` where it is given.

        A page ends with a whole round, whose rows share one time: it may hold more than `limit`, so that the
        last time of one page leads to the next without a gap.
        """
        rows = await self._database.fetch(
            "ledger.page_rejected",
            f"""
            SELECT tx_id, reason, detail, accepted_at, rejected_at FROM {self._table}
             WHERE $1::timestamptz IS NULL OR rejected_at < $1
             ORDER BY rejected_at DESC FETCH FIRST $2 ROWS WITH TIES
            """,
            before,
            limit,
        )
        return [Rejection(row["tx_id"].hex(), *list(row.values())[1:]) for row in rows]

    async def count(self) -> int:
        """How many are recorded."""
        return await self._database.fetchval("ledger.count_rejected", f"SELECT count(*) FROM {self._table}")

    async def purge(self, *, older_than_days: int, limit: int) -> int:
        """Delete a slice of what is past retention.

        Returns:
            How many rows went; fewer than `limit` means that nothing is left to do.
        """
        rows = await self._database.store(
            "ledger.purge_rejected",
            f"""
            DELETE FROM {self._table} WHERE tx_id IN (
                SELECT tx_id FROM {self._table}
                 WHERE rejected_at < now() - make_interval(days => $1) LIMIT $2
            ) RETURNING tx_id
            """,
            older_than_days,
            limit,
        )
        return len(rows)
