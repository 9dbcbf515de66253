"""A node's own verified copy of the shared log, in its own PostgreSQL.

The tables are those of a node on its own: what answers clients reads them and knows of no federation.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

from lamina.formats.errors import FormatError
from lamina.kernel.storage.database import Connection, Database, Record, copy_rows
from lamina.services.ledger.model.block import LedgerBlock
from lamina.services.ledger.model.checkpoint import Checkpoint
from lamina.services.ledger.model.entry import Compared, Digest, Entry, Head, Range, Version
from lamina.services.ledger.model.log_outcome import OpenElection
from lamina.services.ledger.model.membership import Change
from lamina.services.ledger.model.recorded_change import RecordedChange
from lamina.services.ledger.model.status import Status
from lamina.services.ledger.model.transaction import Outpoint, Transaction, decode_stored
from lamina.services.ledger.model.vote import Vote
from lamina.services.ledger.rules.block import BlockView
from lamina.services.ledger.rules.evidence import GENESIS_SEQ, open_block
from lamina.services.ledger.rules.facts import Facts
from lamina.services.ledger.rules.judgement import salvage
from lamina.services.ledger.rules.spend import ChainView
from lamina.services.ledger.store import blocks, checkpoints, decisions, log, membership, transactions
from lamina.services.ledger.store.chain import INDEX_MAX

T = TypeVar("T")

DOUBTED = 3
"""Status in `tx_index` of what stands in an undecided block that this node voted down."""

_FACTS = """
SELECT 'source' AS kind, t.tx_id, t.seq, t.status, NULL::int AS input_index, NULL::bytea AS spender,
       substring(l.body FROM t.byte_offset + 1 FOR t.byte_length) AS body
  FROM ledger.tx_index t JOIN ledger.log l USING (seq)
 WHERE t.tx_id = ANY ($1) AND t.status IN (0, 1)
UNION ALL
SELECT 'spender', c.input_tx_id, c.seq, c.status, c.input_index, c.spender_tx_id, NULL
  FROM unnest($2::bytea[], $3::int[]) AS p (tx_id, index)
  JOIN ledger.claims c ON c.input_tx_id = p.tx_id AND c.input_index = p.index AND c.status IN (0, 1)
UNION ALL
SELECT 'live', t.tx_id, t.seq, t.status, NULL, NULL, NULL
  FROM ledger.tx_index t WHERE t.tx_id = ANY ($4) AND t.status IN (0, 1)
"""
_WINDOW = """
SELECT min(seq) FROM (
    SELECT seq, sum(octet_length(body)) OVER (ORDER BY seq DESC) AS bytes FROM (
        SELECT seq, body FROM ledger.log WHERE seq <= $1 ORDER BY seq DESC LIMIT $2) p) q
 WHERE bytes <= $3 OR seq = $1
"""
_COMPARED = """
SELECT l.seq, v.version, octet_length(l.body) FROM ledger.log l LEFT JOIN ledger.log_versions v USING (seq)
 WHERE l.seq > $1 AND l.seq <= $2 ORDER BY l.seq
"""
_VERSION_DIGESTS = """
SELECT v.digest FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY AS r (after_seq, until_seq, n)
 CROSS JOIN LATERAL (
    SELECT sha256(string_agg(xidsend(version), ''::bytea ORDER BY seq)) AS digest
      FROM ledger.log_versions WHERE seq > r.after_seq AND seq <= r.until_seq) v
 ORDER BY r.n
"""
_REMEMBER = """
INSERT INTO ledger.log_versions (seq, version) SELECT * FROM unnest($1::bigint[], $2::xid[])
ON CONFLICT (seq) DO UPDATE SET version = excluded.version
"""
_ELECTION = """
SELECT l.seq, l.is_doubted FROM ledger.log l
 WHERE l.block_id = $1 AND l.seq > 1
   AND NOT EXISTS (SELECT FROM ledger.decisions d WHERE d.block_id = l.block_id)
"""
_UNPUBLISHED = """
SELECT v.voter, v.block_id, v.previous_block, v.is_valid, v.body
  FROM ledger.votes v JOIN ledger.log l USING (block_id)
 WHERE NOT v.is_published ORDER BY l.seq LIMIT $1
"""


class VerifiedCopy:
    """The copy; implements `consensus.ledger_copy.LedgerCopy`."""

    def __init__(self, database: Database) -> None:
        """Use the node's own database."""
        self._database = database

    async def run(self, name: str, work: Callable[["CopyWork"], Awaitable[T]]) -> T:
        """Do work in one transaction."""
        return await self._database.run(name, lambda cx: work(CopyWork(cx)))


class CopyWork:
    """Reads and writes of one transaction; implements `consensus.ledger_copy.CopyTransaction`."""

    def __init__(self, cx: Connection) -> None:
        self._cx = cx

    async def lock_tip(self) -> Head:
        """Where the copy ends; nobody else moves it until the transaction ends."""
        return await log.lock_head(self._cx)

    async def read_genesis(self) -> str | None:
        """Id of the first block; None where nothing is copied yet."""
        return await blocks.find_first(self._cx)

    async def read_change_cursor(self) -> int:
        """The position of the last recorded change that was looked at."""
        return await membership.read_cursor(self._cx)

    async def add_change(self, recorded: RecordedChange, change: Change | None) -> None:
        """Keep a change that stands, or (None) that one was looked at and does not."""
        await membership.insert(self._cx, recorded, change)

    async def find_window(self, until_seq: int, *, blocks_max: int, bytes_max: int) -> int:
        """The position before a run of blocks that ends at a position and is not larger than that."""
        first = await self._cx.fetchval(_WINDOW, until_seq, blocks_max, bytes_max)
        return until_seq if first is None else first - 1

    async def read_digests(self, positions: Sequence[int]) -> Sequence[Digest]:
        """What was copied at positions, in order, without the blocks' bytes."""
        rows = await self._cx.fetch(
            "SELECT seq, prev, block_id, sha256(body) FROM ledger.log WHERE seq = ANY ($1) ORDER BY seq",
            positions,
        )
        return [Digest(*row.values()) for row in rows]

    async def read_compared(self, where: Range) -> Sequence[Compared]:
        """The copied blocks of a range in order, and in which version each was found to be in the log."""
        return [Compared(*row.values()) for row in await self._cx.fetch(_COMPARED, *where)]

    async def digest_versions(self, ranges: Sequence[Range]) -> Sequence[bytes | None]:
        """For each range, one digest over the versions that are remembered for it."""
        rows = await self._cx.fetch(
            _VERSION_DIGESTS, [each.after_seq for each in ranges], [each.until_seq for each in ranges]
        )
        return [row["digest"] for row in rows]

    async def remember_versions(self, versions: Sequence[Version]) -> None:
        """These rows of the log were found to hold what was copied."""
        ordered = sorted(versions)  # two processes of a node would else wait for each other
        await self._cx.execute(_REMEMBER, [each.seq for each in ordered], [each.version for each in ordered])

    async def _remember(self, entry: Entry) -> None:
        if entry.version is not None:
            await self.remember_versions([Version(entry.seq, entry.version)])

    async def read_facts(self, transactions: Sequence[Transaction]) -> Facts:
        """What the copy knows of what these transactions spend, and of themselves."""
        wanted = {spend for tx in transactions for spend in tx.spends}
        outputs = [spend for spend in wanted if spend.output_index <= INDEX_MAX]
        rows = await self._cx.fetch(
            _FACTS,
            [bytes.fromhex(tx_id) for tx_id in {spend.tx_id for spend in wanted}],
            [bytes.fromhex(spend.tx_id) for spend in outputs],
            [spend.output_index for spend in outputs],
            [bytes.fromhex(tx.id) for tx in transactions],
        )
        return _facts(rows, await blocks.find_first(self._cx))

    async def add_block(self, entry: Entry, block: LedgerBlock) -> None:
        """Move the tip to a block this node finds right; it has no decision yet."""
        await log.append(self._cx, Head(entry.seq - 1, entry.previous), block, Status.UNDECIDED)
        await self._remember(entry)

    async def add_doubted(self, entry: Entry) -> None:
        """Move the tip to a block this node finds wrong: its bytes are kept, nothing is derived from them."""
        await self._cx.execute(
            "INSERT INTO ledger.log (seq, prev, block_id, body, is_doubted) VALUES ($1, $2, $3, $4, true)",
            entry.seq,
            entry.previous,
            entry.block_id,
            entry.body,
        )
        await self._cx.execute(
            "UPDATE ledger.log_head SET seq = $1, tip = $2 WHERE id = 1", entry.seq, entry.block_id
        )
        await copy_rows(self._cx, "ledger.tx_index", log.INDEX_COLUMNS, _doubted_rows(entry))
        await self._remember(entry)

    async def add_vote(self, vote: Vote, *, is_published: bool) -> Vote | None:
        """Keep a vote, unless its voter has said something else in its place."""
        rows = await self._cx.fetch(
            """
            SELECT voter, block_id, previous_block, is_valid, body FROM ledger.votes
             WHERE voter = $1 AND (block_id = $2 OR previous_block = $3)
            """,
            vote.voter,
            vote.block_id,
            vote.previous_block,
        )
        said = [Vote(**row) for row in rows]
        if vote in said:
            return None
        if said:
            return said[0]
        await self._cx.execute(
            "INSERT INTO ledger.votes (block_id, voter, previous_block, is_valid, body, is_published) "
            "VALUES ($1, $2, $3, $4, $5, $6)",
            vote.block_id,
            vote.voter,
            vote.previous_block,
            vote.is_valid,
            vote.body,
            is_published,
        )
        return None

    async def add_evidence(self, first: Vote, second: Vote) -> None:
        """Keep two votes by which a voter contradicts itself."""
        await self._cx.execute(
            "INSERT INTO ledger.evidence (voter, first, second) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            second.voter,
            first.body,
            second.body,
        )

    async def lock_elections(self) -> None:
        """Take the right to decide until the transaction ends."""
        await decisions.lock(self._cx)

    async def find_election(self, block_id: str) -> OpenElection | None:
        """A copied block that has no decision; the first block never has one."""
        row = await self._cx.fetchrow(_ELECTION, block_id)
        if row is None:
            return None
        rows = await self._cx.fetch(
            "SELECT body FROM ledger.votes WHERE block_id = $1 ORDER BY voter", block_id
        )
        return OpenElection(row["seq"], row["is_doubted"], [vote["body"] for vote in rows])

    async def decide(self, block_id: str, seq: int, status: Status) -> None:
        """Freeze a block's status, give what is derived from it the same, and tell every process."""
        await decisions.insert(
            self._cx, block_id=block_id, seq=seq, status=status, is_released=status is Status.VALID
        )
        found = [decode_stored(body) for body, _ in await transactions.read_block(self._cx, seq)]
        if status is Status.INVALID:
            await log.strike(self._cx, seq, found)
        else:
            await checkpoints.settle(self._cx, found)
        await log.settle(self._cx, seq, status)
        await decisions.announce(self._cx)

    async def read_vote_cursor(self) -> int:
        """The position of the last published vote that was looked at; locked until the transaction ends."""
        return await self._cx.fetchval("SELECT position FROM ledger.vote_cursor WHERE id = 1 FOR UPDATE")

    async def move_vote_cursor(self, position: int) -> None:
        """Look at none of these again."""
        await self._cx.execute("UPDATE ledger.vote_cursor SET position = $1 WHERE id = 1", position)

    async def read_frontier(self) -> Head | None:
        """The newest decided block; None where one below it is undecided, or none is decided."""
        return await checkpoints.read_frontier(self._cx)

    async def read_unspent(self, bucket: int) -> bytes:
        """The unspent outputs of valid transactions whose id begins with a byte."""
        return await checkpoints.read_unspent(self._cx, bucket)

    async def read_block_id(self, seq: int) -> str | None:
        """The block that was copied at a position."""
        return await self._cx.fetchval("SELECT block_id FROM ledger.log WHERE seq = $1", seq)

    async def read_last_checkpoint(self, node: str) -> int:
        """The position of a node's newest checkpoint; 0 where it has none."""
        return await checkpoints.read_last(self._cx, node)

    async def find_checkpoint(self, node: str, seq: int) -> Checkpoint | None:
        """A node's checkpoint at a position."""
        return await checkpoints.find(self._cx, node, seq)

    async def add_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Keep a checkpoint; one that is kept already changes nothing."""
        await checkpoints.insert(self._cx, checkpoint)

    async def read_unpublished(self, limit: int) -> Sequence[Vote]:
        """This node's votes that may not have been published, in log order."""
        return [Vote(**row) for row in await self._cx.fetch(_UNPUBLISHED, limit)]

    async def mark_published(self, votes: Sequence[Vote]) -> None:
        """These have been."""
        await self._cx.execute(
            "UPDATE ledger.votes SET is_published = true WHERE NOT is_published AND block_id = ANY ($1)",
            [vote.block_id for vote in votes],
        )

    async def read_unreleased(self, limit: int) -> Sequence[Entry]:
        """Blocks decided invalid whose transactions may not have been let go, in log order."""
        rows = await self._cx.fetch(
            """
            SELECT l.seq, l.prev, l.block_id, l.body FROM ledger.decisions d JOIN ledger.log l USING (seq)
             WHERE NOT d.is_released ORDER BY d.seq LIMIT $1
            """,
            limit,
        )
        return [Entry(row["seq"], row["prev"], row["block_id"], row["body"]) for row in rows]

    async def mark_released(self, block_id: str) -> None:
        """They have been."""
        await self._cx.execute(
            "UPDATE ledger.decisions SET is_released = true WHERE block_id = $1 AND NOT is_released", block_id
        )


def _facts(rows: Iterable[Record], genesis: str | None) -> Facts:
    found: dict[str, tuple[Transaction, Status]] = {}
    sources: dict[str, int] = {}
    spenders: defaultdict[Outpoint, set[str]] = defaultdict(set)
    live: set[str] = set()
    undecided_ids: set[str] = set()
    undecided_spends: set[Outpoint] = set()
    for row in rows:
        tx_id = row["tx_id"].hex()
        is_open = row["status"] == Status.UNDECIDED and row["seq"] > GENESIS_SEQ
        match row["kind"]:
            case "source":
                found[tx_id] = (decode_stored(row["body"]), Status(row["status"]))
                sources[tx_id] = row["seq"]
                undecided_ids.update({tx_id} if is_open else ())
            case "live":
                live.add(tx_id)
                undecided_ids.update({tx_id} if is_open else ())
            case _:
                output = Outpoint(tx_id, row["input_index"])
                spenders[output].add(row["spender"].hex())
                undecided_spends.update({output} if is_open else ())
    view = BlockView(ChainView(found, frozenset(), spenders), live, genesis)
    return Facts(view, sources, undecided_ids, undecided_spends)


def _doubted_rows(entry: Entry) -> list[tuple[object, ...]]:
    """Index rows of those transactions of a refused block that are transactions, so that it can be listed."""
    try:
        opened = open_block(entry.body)
    except FormatError:
        return []
    known = {tx.body: tx for tx in salvage(entry)}
    rows: list[tuple[object, ...]] = []
    for position, (body, offset) in enumerate(zip(opened.bodies, opened.offsets, strict=True)):
        tx = known.get(body)
        if tx is not None and entry.body[offset : offset + len(body)] == body:
            rows.append(log.index_row(entry.seq, position, tx, offset, DOUBTED))
    return rows
