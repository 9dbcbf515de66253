"""Reads the log back with everything derived from it, for verification; nothing here writes."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from lamina.kernel.storage.database import Connection, Database, Record
from lamina.services.ledger.model.status import Status
from lamina.services.ledger.model.stored import (
    ClaimRow,
    DecisionRow,
    IndexRow,
    OwnerRow,
    StoredBlock,
    VoteRow,
)
from lamina.services.ledger.model.transaction import Outpoint

# The first block of a page always comes, however large; the window sum leaves out what would not fit.
_PAGE = """
SELECT seq, prev, block_id, body, is_doubted FROM (
    SELECT *, sum(octet_length(body)) OVER (ORDER BY seq) - octet_length(body) AS before_bytes FROM (
        SELECT seq, prev, block_id, body, is_doubted FROM ledger.log
         WHERE seq > $1 AND seq <= $2 ORDER BY seq LIMIT $3) p) q
 WHERE before_bytes < $4 ORDER BY seq
"""
_INDEX = """
SELECT seq, position, tx_id, operation, asset_id, byte_offset, byte_length, status
  FROM ledger.tx_index WHERE seq BETWEEN $1 AND $2 ORDER BY seq, position
"""
_CLAIMS = """
SELECT seq, input_tx_id, input_index, spender_tx_id, status FROM ledger.claims WHERE seq BETWEEN $1 AND $2
"""
_VOTES = """
SELECT block_id, voter, previous_block, is_valid, body FROM ledger.votes
 WHERE block_id = ANY ($1) ORDER BY block_id, voter
"""
_ENDS = """
SELECT h.seq, h.tip, coalesce((SELECT max(seq) FROM ledger.log), 0) AS last_seq,
       coalesce((SELECT block_id FROM ledger.log ORDER BY seq DESC LIMIT 1), '') AS last_block,
       d.position, (SELECT count(*) FROM ledger.decisions) AS decisions,
       coalesce((SELECT max(position) FROM ledger.decisions), 0) AS last_position
  FROM ledger.log_head h, ledger.decision_head d
"""
_STRAYS = {
    table: f"SELECT count(*) FROM ledger.{table} x"
    f" WHERE NOT EXISTS (SELECT FROM ledger.log l WHERE l.{key} = x.{key})"
    for table, key in (
        ("tx_index", "seq"),
        ("claims", "seq"),
        ("owners", "seq"),
        ("assets", "seq"),
        ("decisions", "block_id"),
    )
}
# A node of a federation counts votes as they come, also on blocks it has not copied yet: these continue the
# copy's end, or another block that there are only votes on.
_STRAYS["votes"] = """
SELECT count(*) FROM ledger.votes x
 WHERE NOT EXISTS (SELECT FROM ledger.log l WHERE l.block_id = x.block_id)
   AND x.previous_block <> (SELECT tip FROM ledger.log_head WHERE id = 1)
   AND NOT (EXISTS (SELECT FROM ledger.votes v WHERE v.block_id = x.previous_block)
            AND NOT EXISTS (SELECT FROM ledger.log l WHERE l.block_id = x.previous_block))
"""


@dataclass(frozen=True, slots=True)
class Ends:
    """Where the log and the decisions end, says their heads, and where they do end."""

    seq: int
    tip: str
    last_seq: int
    last_block: str
    position: int
    decisions: int
    last_position: int


@dataclass(frozen=True, slots=True)
class WordsRow:
    """An asset's searchable words: whose they are (None: the row is missing) and whether they are right."""

    position: int
    tx_id: str | None
    is_right: bool


async def take_snapshot(cx: Connection) -> None:
    """Make a fresh transaction see one moment: elections may end while a page is looked at."""
    await cx.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


async def read_ends(database: Database) -> Ends:
    """The heads beside the rows they speak of, in one statement."""
    row = await database.fetchrow("ledger.read_ends", _ENDS)
    assert row is not None, "the migration inserts the head rows"
    return Ends(*row.values())


async def read_block_id(database: Database, seq: int) -> str | None:
    """The id of the block at a position."""
    return await database.fetchval(
        "ledger.find_block_at", "SELECT block_id FROM ledger.log WHERE seq = $1", seq
    )


async def read_voters(database: Database, block_id: str) -> list[str]:
    """Who voted for a block, says the table."""
    rows = await database.fetch(
        "ledger.list_voters", "SELECT voter FROM ledger.votes WHERE block_id = $1", block_id
    )
    return [row["voter"] for row in rows]


async def read_page(
    cx: Connection, after_seq: int, until_seq: int, *, blocks_max: int, bytes_max: int
) -> list[StoredBlock]:
    """The next blocks of the log with their index, claims, votes and decisions.

    Args:
        cx: a snapshot.
        after_seq: the position before the page.
        until_seq: the last position wanted.
        blocks_max: most blocks of a page.
        bytes_max: size past which the page ends; its first block always comes.
    """
    blocks = await cx.fetch(_PAGE, after_seq, until_seq, blocks_max, bytes_max)
    if not blocks:
        return []
    place = blocks[0]["seq"], blocks[-1]["seq"]
    ids = [row["block_id"] for row in blocks]
    index = _by_seq(await cx.fetch(_INDEX, *place))
    claims = _by_seq(await cx.fetch(_CLAIMS, *place))
    votes: defaultdict[str, list[VoteRow]] = defaultdict(list)
    for row in await cx.fetch(_VOTES, ids):
        votes[row["block_id"]].append(VoteRow(*row.values()))
    decisions = await _read_decisions(cx, ids)
    return [
        StoredBlock(
            *list(row.values())[:4],
            is_doubted=row["is_doubted"],
            index=[_index_row(each) for each in index[row["seq"]]],
            claims=[_claim_row(each) for each in claims[row["seq"]]],
            votes=votes[row["block_id"]],
            decision=decisions.get(row["block_id"]),
        )
        for row in blocks
    ]


async def _read_decisions(cx: Connection, block_ids: Sequence[str]) -> dict[str, DecisionRow]:
    rows = await cx.fetch(
        "SELECT block_id, seq, status FROM ledger.decisions WHERE block_id = ANY ($1)",
        block_ids,
    )
    return {row["block_id"]: DecisionRow(row["seq"], row["status"]) for row in rows}


def _by_seq(rows: Sequence[Record]) -> defaultdict[int, list[Record]]:
    grouped: defaultdict[int, list[Record]] = defaultdict(list)
    for row in rows:
        grouped[row["seq"]].append(row)
    return grouped


def _index_row(row: Record) -> IndexRow:
    return IndexRow(
        row["position"],
        row["tx_id"].hex(),
        row["operation"],
        row["asset_id"].hex(),
        row["byte_offset"],
        row["byte_length"],
        row["status"],
    )


def _claim_row(row: Record) -> ClaimRow:
    return ClaimRow(row["input_tx_id"].hex(), row["input_index"], row["spender_tx_id"].hex(), row["status"])


async def find_owners(cx: Connection, seq: int, public_keys: Sequence[str]) -> list[OwnerRow]:
    """The rows of one block that name any of these keys (hex); the table has no index by block alone."""
    rows = await cx.fetch(
        """
        SELECT public_key, position, output_index, tx_id FROM ledger.owners
         WHERE public_key = ANY ($2) AND seq = $1
        """,
        seq,
        [bytes.fromhex(key) for key in public_keys],
    )
    return [
        OwnerRow(row["public_key"].hex(), row["position"], row["output_index"], row["tx_id"].hex())
        for row in rows
    ]


async def count_owners(database: Database, first_seq: int, last_seq: int, *, without: Sequence[int]) -> int:
    """How many owner rows a range of blocks has, whatever keys they name, some blocks left out."""
    return await database.fetchval(
        "ledger.count_owners",
        "SELECT count(*) FROM ledger.owners WHERE seq BETWEEN $1 AND $2 AND seq <> ALL ($3)",
        first_seq,
        last_seq,
        without,
    )


async def compare_words(cx: Connection, seq: int, words: Sequence[tuple[int, str]]) -> list[WordsRow]:
    """Hold the searchable words of a block's assets against what they should be made from.

    Args:
        cx: a snapshot.
        seq: the block.
        words: (position, text of the tsvector) of every asset that has any.

    Returns:
        A row for each that is there or should be.
    """
    rows = await cx.fetch(
        """
        SELECT coalesce(a.position, e.position) AS position, a.tx_id,
               coalesce(a.words = e.words::tsvector, false) AS is_right
          FROM (SELECT * FROM ledger.assets WHERE seq = $1) a
          FULL JOIN unnest($2::int[], $3::text[]) AS e (position, words) ON a.position = e.position
        """,
        seq,
        [position for position, _ in words],
        [text for _, text in words],
    )
    return [
        WordsRow(row["position"], None if row["tx_id"] is None else row["tx_id"].hex(), row["is_right"])
        for row in rows
    ]


async def find_sources(
    cx: Connection, tx_ids: Sequence[str], before_seq: int
) -> list[tuple[str, Status, bytes]]:
    """Transactions that stand in an earlier block that is not invalid: id, status, canonical bytes."""
    rows = await cx.fetch(
        """
        SELECT t.tx_id, t.status, substring(l.body FROM t.byte_offset + 1 FOR t.byte_length) AS body
          FROM ledger.tx_index t JOIN ledger.log l USING (seq)
         WHERE t.tx_id = ANY ($1) AND t.status IN (0, 1) AND t.seq < $2
        """,
        [bytes.fromhex(tx_id) for tx_id in tx_ids],
        before_seq,
    )
    return [(row["tx_id"].hex(), Status(row["status"]), row["body"]) for row in rows]


async def find_live_elsewhere(cx: Connection, tx_ids: Sequence[str], seq: int) -> list[tuple[str, int]]:
    """Which of these transactions also stand in another block that is not invalid, and in which."""
    rows = await cx.fetch(
        "SELECT tx_id, seq FROM ledger.tx_index WHERE tx_id = ANY ($1) AND status IN (0, 1) AND seq <> $2",
        [bytes.fromhex(tx_id) for tx_id in tx_ids],
        seq,
    )
    return [(row["tx_id"].hex(), row["seq"]) for row in rows]


async def find_spenders(cx: Connection, outputs: Sequence[Outpoint]) -> list[tuple[Outpoint, str]]:
    """Every live claim on these outputs, whatever block it belongs to."""
    rows = await cx.fetch(
        """
        SELECT c.input_tx_id, c.input_index, c.spender_tx_id
          FROM unnest($1::bytea[], $2::int[]) AS p (tx_id, index)
          JOIN ledger.claims c ON c.input_tx_id = p.tx_id AND c.input_index = p.index AND c.status IN (0, 1)
        """,
        [bytes.fromhex(output.tx_id) for output in outputs],
        [output.output_index for output in outputs],
    )
    return [
        (Outpoint(row["input_tx_id"].hex(), row["input_index"]), row["spender_tx_id"].hex()) for row in rows
    ]


async def count_strays(database: Database) -> dict[str, int]:
    """Rows that belong to no block of the log, by table."""
    return {
        table: await database.fetchval(f"ledger.audit_stray_{table}", query)
        for table, query in _STRAYS.items()
    }
