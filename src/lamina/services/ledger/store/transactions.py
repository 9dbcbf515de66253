"""Transactions of the log, read as slices of their blocks."""

from collections.abc import Sequence
from dataclasses import dataclass

from lamina.kernel.storage.database import Connection, Database
from lamina.services.ledger.model.status import Status

_SLICE = "substring(l.body FROM t.byte_offset + 1 FOR t.byte_length) AS body"


@dataclass(frozen=True, slots=True)
class Copy:
    """A transaction where it stands: in a block that is not invalid, or (status None) in the backlog."""

    status: Status | None
    block_id: str | None
    body: bytes


async def find_valid(database: Database, tx_ids: Sequence[str]) -> dict[str, bytes]:
    """The canonical bytes of those transactions that are in a valid block.

    Args:
        database: the reader.
        tx_ids: ids of 64 lower-case hex digits.
    """
    rows = await database.fetch(
        "ledger.find_transactions",
        f"""
        SELECT t.tx_id, {_SLICE} FROM ledger.tx_index t JOIN ledger.log l USING (seq)
         WHERE t.tx_id = ANY ($1) AND t.status = 1
        """,
        [bytes.fromhex(tx_id) for tx_id in tx_ids],
    )
    return {row["tx_id"].hex(): row["body"] for row in rows}


Place = tuple[int, int]
START: Place = (0, -1)


async def page_valid(
    database: Database, asset_id: str, operation: str | None, *, after: Place, limit: int
) -> tuple[list[bytes], Place]:
    """One page of an asset's valid transactions in chain order: its CREATE, then every TRANSFER of it.

    Returns:
        Canonical bytes, and the place to go on from.
    """
    rows = await database.fetch(
        "ledger.page_transactions",
        f"""
        SELECT t.seq, t.position, {_SLICE} FROM (
            SELECT * FROM ledger.tx_index
             WHERE tx_id = $1 AND status = 1 AND operation = 1 AND $2::text IS DISTINCT FROM 'TRANSFER'
            UNION ALL
            SELECT * FROM ledger.tx_index
             WHERE asset_id = $1 AND status = 1 AND operation = 2 AND $2::text IS DISTINCT FROM 'CREATE'
        ) t JOIN ledger.log l USING (seq)
         WHERE (t.seq, t.position) > ($3, $4) ORDER BY t.seq, t.position LIMIT $5
        """,
        bytes.fromhex(asset_id),
        operation,
        *after,
        limit,
    )
    if not rows:
        return [], after
    return [row["body"] for row in rows], (rows[-1]["seq"], rows[-1]["position"])


async def find_status(database: Database, tx_id: str) -> str | None:
    """`valid`, `undecided` or `backlog`, whichever is highest; None when the id is in none of them."""
    raw = bytes.fromhex(tx_id)
    status = await database.fetchval(
        "ledger.find_status",
        """
        SELECT coalesce(
            (SELECT status FROM ledger.tx_index WHERE tx_id = $1 AND status IN (0, 1)),
            (SELECT 9 FROM ledger.backlog WHERE tx_id = $1)
        )
        """,
        raw,
    )
    if status is None:
        return None
    return "backlog" if status == 9 else Status(status).word


async def find_copies(database: Database, tx_id: str) -> list[Copy]:
    """Wherever a transaction lives; more than one of a status only where the tables were tampered with."""
    rows = await database.fetch(
        "ledger.find_copies",
        f"""
        SELECT t.status, l.block_id, {_SLICE} FROM ledger.tx_index t JOIN ledger.log l USING (seq)
         WHERE t.tx_id = $1 AND t.status IN (0, 1)
        UNION ALL SELECT NULL, NULL, body FROM ledger.backlog WHERE tx_id = $1
        """,
        bytes.fromhex(tx_id),
    )
    return [
        Copy(None if row["status"] is None else Status(row["status"]), row["block_id"], row["body"])
        for row in rows
    ]


async def read_block(cx: Connection, seq: int) -> list[tuple[bytes, int]]:
    """The transactions of a block in order, each with the number of invalid blocks it stands in."""
    rows = await cx.fetch(
        f"""
        SELECT {_SLICE},
               (SELECT count(*) FROM ledger.tx_index i WHERE i.tx_id = t.tx_id AND i.status = 2) AS n
          FROM ledger.tx_index t JOIN ledger.log l USING (seq) WHERE t.seq = $1 ORDER BY t.position
        """,
        seq,
    )
    return [(row["body"], row["n"]) for row in rows]
