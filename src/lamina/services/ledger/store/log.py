"""The ordered log (distribution-and-reliability 6.2, 6.3): blocks at gapless positions with their claims.

A block enters the log in the transaction that locks the head row, together with its index rows, claims,
owners and words. The unique partial indexes on claims and on transaction ids make a double spend impossible
at every committed state, whatever the callers believed.
"""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from lamina.formats import base58
from lamina.kernel.storage.database import Connection, Database, copy_rows
from lamina.services.ledger.model.block import LedgerBlock
from lamina.services.ledger.model.entry import Entry, Head
from lamina.services.ledger.model.status import Status
from lamina.services.ledger.model.transaction import CREATE, GENESIS, TRANSFER, Transaction
from lamina.services.ledger.rules.words import asset_vector

OPERATIONS = {GENESIS: 0, CREATE: 1, TRANSFER: 2}


INDEX_COLUMNS = (
    "seq", "position", "tx_id", "operation", "asset_id", "byte_offset", "byte_length", "status",
)  # fmt: skip
_OWNER_COLUMNS = ("public_key", "seq", "position", "output_index", "tx_id")
_INSERT_CLAIMS = """
INSERT INTO ledger.claims (input_tx_id, input_index, spender_tx_id, seq, status)
SELECT c.tx_id, c.index, c.spender, $1, $2
  FROM unnest($3::bytea[], $4::int[], $5::bytea[]) AS c (tx_id, index, spender)
"""
_INSERT_ASSETS = """
INSERT INTO ledger.assets (seq, position, tx_id, words)
SELECT $1, a.position, a.tx_id, a.words::tsvector
  FROM unnest($2::int[], $3::bytea[], $4::text[]) AS a (position, tx_id, words)
"""


async def lock_head(cx: Connection) -> Head:
    """Take the right to append until the transaction ends; commit order becomes log order."""
    row = await cx.fetchrow("SELECT seq, tip FROM ledger.log_head WHERE id = 1 FOR UPDATE")
    assert row is not None, "the migration inserts the head row"
    return Head(row["seq"], row["tip"])


async def append(cx: Connection, head: Head, block: LedgerBlock, status: Status) -> Head:
    """Put a block at the next position.

    Args:
        cx: a transaction that holds the head lock.
        head: what `lock_head` (or the previous `append`) returned.
        block: a signed block none of whose transactions or inputs is live elsewhere.
        status: UNDECIDED, or VALID where the same transaction also decides it.

    Returns:
        The new head.

    Raises:
        asyncpg.UniqueViolationError: a claim or transaction was live after all; the transaction is lost.
    """
    seq = head.seq + 1
    await cx.execute(
        "INSERT INTO ledger.log (seq, prev, block_id, body) VALUES ($1, $2, $3, $4)",
        seq,
        head.tip,
        block.id,
        block.body,
    )
    await _index(cx, seq, block, status)
    await _claim(cx, seq, block.transactions, status)
    await _own(cx, seq, block.transactions)
    await _describe(cx, seq, block.transactions)
    await cx.execute("UPDATE ledger.log_head SET seq = $1, tip = $2 WHERE id = 1", seq, block.id)
    return Head(seq, block.id)


async def _index(cx: Connection, seq: int, block: LedgerBlock, status: Status) -> None:
    """COPY: under the head lock nothing here can conflict, and it costs both sides least."""
    rows = [
        index_row(seq, position, tx, offset, status)
        for position, (tx, offset) in enumerate(zip(block.transactions, block.offsets, strict=True))
    ]
    await copy_rows(cx, "ledger.tx_index", INDEX_COLUMNS, rows)


def index_row(seq: int, position: int, tx: Transaction, offset: int, status: int) -> tuple[object, ...]:
    """Where a transaction lies inside its block, as `INDEX_COLUMNS`."""
    tx_id, asset_id = bytes.fromhex(tx.id), bytes.fromhex(tx.asset_id)
    return seq, position, tx_id, OPERATIONS[tx.operation], asset_id, offset, len(tx.body), status


async def _claim(cx: Connection, seq: int, transactions: Sequence[Transaction], status: Status) -> None:
    claims = [(spend, tx.id) for tx in transactions for spend in tx.spends]
    if claims:
        await cx.execute(
            _INSERT_CLAIMS,
            seq,
            int(status),
            [bytes.fromhex(spend.tx_id) for spend, _ in claims],
            [spend.output_index for spend, _ in claims],
            [bytes.fromhex(spender) for _, spender in claims],
        )


async def _own(cx: Connection, seq: int, transactions: Sequence[Transaction]) -> None:
    rows = [
        (key, seq, position, index, bytes.fromhex(tx.id))
        for position, tx in enumerate(transactions)
        for key, index in owned(tx)
    ]
    await copy_rows(cx, "ledger.owners", _OWNER_COLUMNS, rows)


def owned(tx: Transaction) -> Iterator[tuple[bytes, int]]:
    """Keys in an output's condition that the transaction also lists beside some output (spec 3.6)."""
    listed = {key for output in tx.outputs for key in output.public_keys or ()}
    for index, output in enumerate(tx.outputs):
        for key in output.keys & listed:
            yield base58.decode_key(key), index


class _AssetOnly(msgspec.Struct):
    asset: dict[str, object]


_asset_decoder = msgspec.json.Decoder(_AssetOnly)


async def _describe(cx: Connection, seq: int, transactions: Sequence[Transaction]) -> None:
    described = [
        (position, bytes.fromhex(tx.id), words)
        for position, tx in enumerate(transactions)
        if tx.operation == CREATE
        and (words := asset_vector(_asset_decoder.decode(tx.body).asset.get("data")))
    ]
    if described:
        positions, tx_ids, words = zip(*described, strict=True)
        await cx.execute(_INSERT_ASSETS, seq, positions, tx_ids, words)


async def settle(cx: Connection, seq: int, status: Status) -> None:
    """Give a block's index rows and claims the status its election ended with."""
    await cx.execute("UPDATE ledger.tx_index SET status = $2 WHERE seq = $1", seq, int(status))
    await cx.execute("UPDATE ledger.claims SET status = $2 WHERE seq = $1", seq, int(status))


async def strike(cx: Connection, seq: int, transactions: Iterable[Transaction]) -> None:
    """Remove an invalid block's owners and words: nobody asks for them again."""
    keys = {key for tx in transactions for key, _ in owned(tx)}
    await cx.execute("DELETE FROM ledger.owners WHERE public_key = ANY ($2) AND seq = $1", seq, list(keys))
    await cx.execute("DELETE FROM ledger.assets WHERE seq = $1", seq)


async def read_after(cx: Connection, block_id: str) -> Entry | None:
    """The block that follows another in the log."""
    row = await cx.fetchrow("SELECT seq, prev, block_id, body FROM ledger.log WHERE prev = $1", block_id)
    return None if row is None else Entry(row["seq"], row["prev"], row["block_id"], row["body"])


async def read(database: Database, after_seq: int, limit: int) -> list[Entry]:
    """Blocks after a position, in order; a reader that has seen seq k never later finds a new row below k."""
    rows = await database.fetch(
        "ledger.read_log",
        "SELECT seq, prev, block_id, body FROM ledger.log WHERE seq > $1 ORDER BY seq LIMIT $2",
        after_seq,
        limit,
    )
    return [Entry(row["seq"], row["prev"], row["block_id"], row["body"]) for row in rows]


async def read_head(database: Database) -> Head:
    """The end of the log, without locking it."""
    row = await database.fetchrow("ledger.read_head", "SELECT seq, tip FROM ledger.log_head WHERE id = 1")
    assert row is not None, "the migration inserts the head row"
    return Head(row["seq"], row["tip"])


async def holds(cx: Connection, block_id: str) -> bool:
    """Whether a block is in the log, within the caller's transaction."""
    return await cx.fetchval("SELECT EXISTS (SELECT FROM ledger.log WHERE block_id = $1)", block_id)


async def is_appended(database: Database, block_id: str) -> bool:
    """Whether a block is durably in the log: how an unknown commit is resolved.

    Raises:
        CommitUnknown, DatabaseUnavailable: as `Database.confirm`.
    """
    rows = await database.confirm(
        "ledger.find_block", "SELECT EXISTS (SELECT FROM ledger.log WHERE block_id = $1)", block_id
    )
    return rows[0][0]
