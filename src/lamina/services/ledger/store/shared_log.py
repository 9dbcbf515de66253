"""The ordered log in a PostgreSQL that all nodes share (distribution-and-reliability 6.2, 6.3).

Whoever changes blocks locks the head row first and the backlog's rows after it. Calls raise what `Database`
raises; each may be made again.
"""

import hashlib
from collections import defaultdict
from collections.abc import Sequence

from lamina.kernel.storage.database import Connection, Database, copy_rows
from lamina.kernel.storage.quorum import DURABLE
from lamina.services.ledger.model.block import LedgerBlock
from lamina.services.ledger.model.checkpoint import Checkpoint
from lamina.services.ledger.model.entry import Digest, Entry, Extent, Head, Range, Version
from lamina.services.ledger.model.log_outcome import Appended, Conflict, PublishedVote, TooLate
from lamina.services.ledger.model.recorded_change import RecordedChange
from lamina.services.ledger.model.transaction import Outpoint, Transaction
from lamina.services.ledger.model.vote import Vote
from lamina.services.ledger.model.waiting import Candidate, Refusal, Release, Rivals, Stale, Submission
from lamina.services.ledger.rules.judgement import salvage
from lamina.services.ledger.store.chain import INDEX_MAX

NAME = "ledger_log"
"""The log's schema, and what its migrations are recorded under."""
MIGRATIONS = "lamina.services.ledger.store.log_migrations"

BLOCKS = "ledger_log_blocks"
VOTES = "ledger_log_votes"
BACKLOG = "ledger_log_backlog"
CHANNELS = (BLOCKS, VOTES, BACKLOG)

PAGE_BYTES = 32 * 2**20
"""Size past which a page of blocks or of waiting transactions ends; its first row always comes."""
ATTEMPTS_MAX = 3
"""Blocks that may be voted invalid around one transaction (distribution-and-reliability G9)."""
RETRY_DELAY_S = 1.0
"""Before the second block with a transaction; doubled before the third."""
GIVEN_UP = "InvalidBlock"

_READ = """
SELECT seq, prev, block_id, body, version FROM (
    SELECT *, sum(octet_length(body)) OVER (ORDER BY seq) - octet_length(body) AS before_bytes FROM (
        SELECT seq, prev, block_id, body, xmin AS version FROM ledger_log.blocks
         WHERE seq > $1 ORDER BY seq LIMIT $2) p) q
 WHERE before_bytes < $3 ORDER BY seq
"""
_PUBLISH_CHECKPOINT = """
INSERT INTO ledger_log.checkpoints (body) SELECT $1 WHERE NOT EXISTS (
    SELECT FROM ledger_log.checkpoints WHERE sha256(body) = sha256($1))
ON CONFLICT DO NOTHING
"""
_RECORD = """
INSERT INTO ledger_log.changes (position, recorded_seq, body)
SELECT coalesce(max(position), 0) + 1, $1, $2 FROM ledger_log.changes
 WHERE NOT EXISTS (SELECT FROM ledger_log.changes WHERE body = $2)
"""
_MEASURE = """
SELECT (SELECT coalesce(max(seq), 0) FROM ledger_log.blocks), h.seq,
       (SELECT position FROM ledger_log.vote_head) FROM ledger_log.head h
"""
_DIGESTS = """
SELECT seq, prev, block_id, sha256(body) FROM ledger_log.blocks WHERE seq = ANY ($1) ORDER BY seq
"""
# A row's version is the number of the transaction that wrote it: whatever changes, renumbers or puts in a row
# is a transaction with a number of its own. Range by range, so that each is one short walk of the index.
_VERSIONS = """
SELECT seq, xmin FROM ledger_log.blocks WHERE seq > $1 AND seq <= $2 ORDER BY seq
"""
_VERSION_DIGESTS = """
SELECT v.digest FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY AS r (after_seq, until_seq, n)
 CROSS JOIN LATERAL (
    SELECT sha256(string_agg(xidsend(xmin), ''::bytea ORDER BY seq)) AS digest
      FROM ledger_log.blocks WHERE seq > r.after_seq AND seq <= r.until_seq) v
 ORDER BY r.n
"""
_TAKE = """
SELECT tx_id, body, needs_seq FROM (
    SELECT *, sum(octet_length(body)) OVER (ORDER BY arrival) - octet_length(body) AS before_bytes FROM (
        SELECT tx_id, body, needs_seq, arrival FROM ledger_log.backlog
         WHERE assignee = $1 AND not_before <= now() AND tx_id <> ALL ($3)
         ORDER BY arrival LIMIT $2) p) q
 WHERE before_bytes < $4 ORDER BY arrival
"""
# DURABLE: a repeat may write nothing, yet its answer promises that what is there cannot be lost.
_SUBMIT = f"""
WITH stored AS (
    INSERT INTO ledger_log.backlog (tx_id, body, assignee, needs_seq)
    SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::text[], $4::bigint[])
    ON CONFLICT (tx_id) DO NOTHING
), spent AS (
    INSERT INTO ledger_log.backlog_spends (tx_id, input_tx_id, input_index)
    SELECT * FROM unnest($5::bytea[], $6::bytea[], $7::int[])
    ON CONFLICT (tx_id, input_tx_id, input_index) DO NOTHING
)
SELECT pg_notify($8, ''), {DURABLE}
"""
_HOLDS = "SELECT EXISTS (SELECT FROM ledger_log.blocks WHERE block_id = $1)"
_LEAVE = """
DELETE FROM ledger_log.backlog WHERE tx_id = ANY ($1) RETURNING tx_id, attempts, accepted_at
"""
_LIVE = """
SELECT tx_id FROM ledger_log.placed WHERE tx_id = ANY ($1) AND is_live
UNION
SELECT p.spender FROM unnest($2::bytea[], $3::int[], $4::bytea[]) AS p (tx_id, index, spender)
  JOIN ledger_log.claims c ON c.input_tx_id = p.tx_id AND c.input_index = p.index AND c.is_live
"""
_CLAIM = """
INSERT INTO ledger_log.claims (input_tx_id, input_index, spender_tx_id, seq)
SELECT c.tx_id, c.index, c.spender, $4
  FROM unnest($1::bytea[], $2::int[], $3::bytea[]) AS c (tx_id, index, spender)
"""
_PUBLISH = f"""
WITH known AS (
    SELECT FROM ledger_log.blocks WHERE block_id = $1
), moved AS (
    UPDATE ledger_log.vote_head SET position = position + 1
     WHERE id = 1 AND EXISTS (SELECT FROM known)
       AND NOT EXISTS (SELECT FROM ledger_log.votes WHERE digest = $3) RETURNING position
), shown AS (
    INSERT INTO ledger_log.votes (position, block_id, body, digest)
    SELECT position, $1, $2, $3 FROM moved ON CONFLICT (digest) DO NOTHING RETURNING position
)
SELECT EXISTS (SELECT FROM known) AS is_known, pg_notify($4, ''), {DURABLE}
  FROM (SELECT count(*) FROM shown) s
"""
_REJECT = """
WITH ended AS (
    DELETE FROM ledger_log.backlog WHERE tx_id = ANY ($1) RETURNING tx_id, body, accepted_at
), unspent AS (
    DELETE FROM ledger_log.backlog_spends WHERE tx_id = ANY ($1)
)
INSERT INTO ledger_log.rejected (tx_id, reason, detail, body, accepted_at)
SELECT e.tx_id, r.reason, r.detail, e.body, e.accepted_at
  FROM ended e JOIN unnest($1::bytea[], $2::text[], $3::text[]) AS r (tx_id, reason, detail) USING (tx_id)
ON CONFLICT (tx_id) DO UPDATE SET reason = excluded.reason, detail = excluded.detail,
    accepted_at = excluded.accepted_at, rejected_at = now()
"""
_GIVE_UP = """
INSERT INTO ledger_log.rejected (tx_id, reason, detail, body, accepted_at)
SELECT * FROM unnest($1::bytea[], $2::text[], $3::text[], $4::bytea[], $5::timestamptz[])
ON CONFLICT (tx_id) DO NOTHING
"""
_RETURN = """
INSERT INTO ledger_log.backlog (tx_id, body, assignee, needs_seq, attempts, accepted_at, not_before)
SELECT r.tx_id, r.body, r.assignee, $5, r.attempts, coalesce(r.accepted_at, now()),
       now() + make_interval(secs => $7 * 2 ^ (r.attempts - 1))
  FROM unnest($1::bytea[], $2::bytea[], $3::text[], $4::int[], $6::timestamptz[])
       AS r (tx_id, body, assignee, attempts, accepted_at)
ON CONFLICT (tx_id) DO NOTHING
"""
_SPENDS = """
INSERT INTO ledger_log.backlog_spends (tx_id, input_tx_id, input_index)
SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::int[])
ON CONFLICT (tx_id, input_tx_id, input_index) DO NOTHING
"""


class _Refused(Exception):
    """Takes an append back: nothing of it may stay."""

    def __init__(self, outcome: Conflict | TooLate) -> None:
        super().__init__()
        self.outcome = outcome


class SharedLog:
    """The log, as one node sees it; implements `consensus.ordered_log.OrderedLog`."""

    def __init__(self, database: Database) -> None:
        """Use a database that has the schema."""
        self._database = database

    async def read_head(self) -> Head:
        """The end of the log."""
        row = await self._database.fetchrow(
            "ledger.read_log_head", "SELECT seq, tip FROM ledger_log.head WHERE id = 1"
        )
        assert row is not None, "the migration inserts the head row"
        return Head(row["seq"], row["tip"])

    async def begin(self, genesis: LedgerBlock) -> bool:
        """Put a genesis block into an empty log; of several who try at once, one does."""

        async def work(cx: Connection) -> bool:
            head = await _lock_head(cx)
            if head.seq == 0:
                await _insert_block(cx, head, genesis)
            return head.seq == 0

        return await self._database.run("ledger.begin_log", work)

    async def append(self, block: LedgerBlock, *, below_seq: int | None) -> Appended | Conflict | TooLate:
        """Put a block at the end with all its claims, and its transactions out of the backlog, or nothing."""

        async def work(cx: Connection) -> Appended:
            head = await _lock_head(cx)
            if below_seq is not None and head.seq + 1 >= below_seq:
                raise _Refused(TooLate())
            if await cx.fetchval(_HOLDS, block.id):
                raise _Refused(Conflict(frozenset(tx.id for tx in block.transactions)))
            await _place(cx, head.seq + 1, block.transactions)
            await _insert_block(cx, head, block)
            await cx.execute("SELECT pg_notify($1, '')", BLOCKS)
            return Appended(head.seq + 1)

        try:
            return await self._database.run("ledger.append_log", work)
        except _Refused as refused:
            return refused.outcome

    async def read(self, after_seq: int, limit: int) -> Sequence[Entry]:
        """Blocks after a position in order."""
        rows = await self._database.fetch("ledger.read_shared_log", _READ, after_seq, limit, PAGE_BYTES)
        return [Entry(*row.values()) for row in rows]

    async def record_change(self, body: bytes) -> None:
        """Record a change of the membership beside the log's end; recording it again changes nothing."""

        async def work(cx: Connection) -> None:
            head = await _lock_head(cx)
            await cx.execute(_RECORD, head.seq, body)

        await self._database.run("ledger.record_change", work)

    async def read_changes(self, after: int) -> Sequence[RecordedChange]:
        """Recorded changes in order."""
        rows = await self._database.fetch(
            "ledger.read_changes",
            "SELECT position, recorded_seq, body FROM ledger_log.changes "
            "WHERE position > $1 ORDER BY position",
            after,
        )
        return [RecordedChange(*row.values()) for row in rows]

    async def measure(self) -> Extent:
        """Where the log ends, at one moment."""
        row = await self._database.fetchrow("ledger.measure_log", _MEASURE)
        assert row is not None, "the migration inserts the head rows"
        return Extent(*row.values())

    async def read_digests(self, positions: Sequence[int]) -> Sequence[Digest]:
        """What stands at positions, in order, without the blocks' bytes."""
        rows = await self._database.fetch("ledger.read_log_digests", _DIGESTS, positions)
        return [Digest(*row.values()) for row in rows]

    async def read_versions(self, where: Range) -> Sequence[Version]:
        """Which writing of its row stands at each position of a range, in order; a hint, never proof."""
        rows = await self._database.fetch("ledger.read_log_versions", _VERSIONS, *where)
        return [Version(*row.values()) for row in rows]

    async def digest_versions(self, ranges: Sequence[Range]) -> Sequence[bytes | None]:
        """For each range, one digest over the versions of its rows in order; None where it has no row."""
        rows = await self._database.fetch(
            "ledger.digest_log_versions",
            _VERSION_DIGESTS,
            [each.after_seq for each in ranges],
            [each.until_seq for each in ranges],
        )
        return [row["digest"] for row in rows]

    async def publish_vote(self, vote: Vote) -> bool:
        """Show a vote to everybody; False where the log does not have its block."""
        digest = hashlib.sha256(vote.body).digest()
        rows = await self._database.store(
            "ledger.publish_vote", _PUBLISH, vote.block_id, vote.body, digest, VOTES
        )
        return rows[0]["is_known"]

    async def read_votes(self, after: int, limit: int) -> Sequence[PublishedVote]:
        """Votes in the order they were published."""
        rows = await self._database.fetch(
            "ledger.read_published_votes",
            "SELECT position, block_id, body FROM ledger_log.votes "
            "WHERE position > $1 ORDER BY position LIMIT $2",
            after,
            limit,
        )
        return [PublishedVote(row["position"], row["block_id"], row["body"]) for row in rows]

    async def publish_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Show a checkpoint to everybody; publishing it again changes nothing."""
        await self._database.store("ledger.publish_checkpoint", _PUBLISH_CHECKPOINT, checkpoint.body)

    async def read_checkpoints(self, after: int, limit: int) -> Sequence[tuple[int, bytes]]:
        """Published checkpoints as (position, bytes), in order."""
        rows = await self._database.fetch(
            "ledger.read_checkpoints",
            "SELECT position, body FROM ledger_log.checkpoints "
            "WHERE position > $1 ORDER BY position LIMIT $2",
            after,
            limit,
        )
        return [(row["position"], row["body"]) for row in rows]

    async def submit(self, submissions: Sequence[Submission]) -> None:
        """Make accepted transactions wait, in one statement."""
        # In one order everywhere: nodes that insert the same ids would else wait for each other.
        ordered = sorted(submissions, key=lambda submission: submission.transaction.id)
        await self._database.store(
            "ledger.submit_transactions",
            _SUBMIT,
            [bytes.fromhex(each.transaction.id) for each in ordered],
            [each.transaction.body for each in ordered],
            [each.assignee for each in ordered],
            [each.needs_seq for each in ordered],
            *_spend_columns([each.transaction for each in ordered]),
            BACKLOG,
        )

    async def find_accepted(self, tx_ids: Sequence[str]) -> set[str]:
        """Which of these wait, are in a live block or were rejected."""
        rows = await self._database.confirm(
            "ledger.find_submitted",
            """
            SELECT tx_id FROM ledger_log.backlog WHERE tx_id = ANY ($1)
            UNION SELECT tx_id FROM ledger_log.placed WHERE tx_id = ANY ($1) AND is_live
            UNION SELECT tx_id FROM ledger_log.rejected WHERE tx_id = ANY ($1)
            """,
            [bytes.fromhex(tx_id) for tx_id in tx_ids],
        )
        return {row["tx_id"].hex() for row in rows}

    async def find_rivals(self, sources: Sequence[str], outputs: Sequence[Outpoint]) -> Rivals:
        """Which of these sources wait, and what that waits spends these outputs."""
        rows = await self._database.fetch(
            "ledger.find_rivals",
            """
            SELECT tx_id, NULL::bytea AS input_tx_id, NULL::int AS input_index
              FROM ledger_log.backlog WHERE tx_id = ANY ($1)
            UNION ALL
            SELECT s.tx_id, s.input_tx_id, s.input_index
              FROM unnest($2::bytea[], $3::int[]) AS p (tx_id, index)
              JOIN ledger_log.backlog_spends s ON s.input_tx_id = p.tx_id AND s.input_index = p.index
            """,
            [bytes.fromhex(tx_id) for tx_id in sources],
            *_columns([output for output in outputs if output.output_index <= INDEX_MAX]),
        )
        spenders: defaultdict[Outpoint, set[str]] = defaultdict(set)
        for row in rows:
            if row["input_tx_id"] is not None:
                spenders[Outpoint(row["input_tx_id"].hex(), row["input_index"])].add(row["tx_id"].hex())
        waiting = frozenset(row["tx_id"].hex() for row in rows if row["input_tx_id"] is None)
        return Rivals(waiting, spenders)

    async def find_status(self, tx_id: str) -> str | None:
        """`backlog` or `undecided` where the log has more of a transaction than this node's copy."""
        return await self._database.fetchval(
            "ledger.find_waiting",
            """
            SELECT CASE WHEN EXISTS (SELECT FROM ledger_log.backlog WHERE tx_id = $1)
                        THEN 'backlog'
                        WHEN EXISTS (SELECT FROM ledger_log.placed WHERE tx_id = $1 AND is_live)
                        THEN 'undecided' END
            """,
            bytes.fromhex(tx_id),
        )

    async def take(self, assignee: str, limit: int, held: Sequence[str]) -> Sequence[Candidate]:
        """The oldest transactions that wait for a node, save those it holds back; they go on waiting."""
        rows = await self._database.fetch(
            "ledger.take_waiting",
            _TAKE,
            assignee,
            limit,
            [bytes.fromhex(tx_id) for tx_id in held],
            PAGE_BYTES,
        )
        return [Candidate(row["tx_id"].hex(), row["body"], row["needs_seq"]) for row in rows]

    async def drop(self, tx_ids: Sequence[str]) -> None:
        """Let copies of transactions that are in a valid block wait no longer."""
        await self._database.store(
            "ledger.drop_waiting",
            """
            WITH gone AS (DELETE FROM ledger_log.backlog WHERE tx_id = ANY ($1))
            DELETE FROM ledger_log.backlog_spends WHERE tx_id = ANY ($1)
            """,
            sorted(bytes.fromhex(tx_id) for tx_id in tx_ids),
        )

    async def reject(self, refusals: Sequence[Refusal]) -> None:
        """End waiting transactions with a recorded reason."""
        await self._database.store(
            "ledger.reject_waiting",
            _REJECT,
            [bytes.fromhex(refusal.tx_id) for refusal in refusals],
            [refusal.reason for refusal in refusals],
            [refusal.detail for refusal in refusals],
        )

    async def release(self, release: Release) -> None:
        """Free an invalid block's claims and end its transactions or let them wait again, once."""

        async def work(cx: Connection) -> None:
            head = await _lock_head(cx)
            row = await cx.fetchrow(
                "UPDATE ledger_log.blocks SET released_at = now() "
                "WHERE block_id = $1 AND released_at IS NULL RETURNING seq, prev, block_id, body",
                release.block_id,
            )
            if row is None:
                await cx.execute(f"SELECT {DURABLE}")
            else:
                await _let_go(cx, Entry(*row.values()), head.seq, release)

        await self._database.run("ledger.release_block", work)

    async def find_stale(self, older_than_s: float, limit: int) -> Sequence[Stale]:
        """Transactions assigned longer ago than that, by the database's clock, the oldest first."""
        rows = await self._database.fetch(
            "ledger.find_stale_waiting",
            """
            SELECT tx_id, assignee FROM ledger_log.backlog
             WHERE assigned_at < now() - make_interval(secs => $1) ORDER BY assigned_at, arrival LIMIT $2
            """,
            older_than_s,
            limit,
        )
        return [Stale(row["tx_id"].hex(), row["assignee"]) for row in rows]

    async def reassign(self, stale: Stale, assignee: str) -> bool:
        """Give a stale transaction to another node; False where it no longer waits for that one."""
        rows = await self._database.store(
            "ledger.reassign_waiting",
            """
            WITH moved AS (
                UPDATE ledger_log.backlog SET assignee = $3, assigned_at = now()
                 WHERE tx_id = $1 AND assignee = $2 RETURNING tx_id
            )
            SELECT pg_notify($4, '') FROM moved
            """,
            bytes.fromhex(stale.tx_id),
            stale.assignee,
            assignee,
            BACKLOG,
        )
        return bool(rows)

    async def count_waiting(self) -> int:
        """How many transactions wait."""
        return await self._database.fetchval(
            "ledger.count_waiting", "SELECT count(*) FROM ledger_log.backlog"
        )


async def _lock_head(cx: Connection) -> Head:
    row = await cx.fetchrow("SELECT seq, tip FROM ledger_log.head WHERE id = 1 FOR UPDATE")
    assert row is not None, "the migration inserts the head row"
    return Head(row["seq"], row["tip"])


async def _insert_block(cx: Connection, head: Head, block: LedgerBlock) -> None:
    await cx.execute(
        "INSERT INTO ledger_log.blocks (seq, prev, block_id, body) VALUES ($1, $2, $3, $4)",
        head.seq + 1,
        head.tip,
        block.id,
        block.body,
    )
    await cx.execute("UPDATE ledger_log.head SET seq = $1, tip = $2 WHERE id = 1", head.seq + 1, block.id)


async def _place(cx: Connection, seq: int, transactions: Sequence[Transaction]) -> None:
    """Take transactions out of the backlog and claim what they spend.

    Raises:
        _Refused: some wait no longer, or they or what they spend are in another live block.
    """
    ids = [bytes.fromhex(tx.id) for tx in transactions]
    left = {row["tx_id"]: row for row in await cx.fetch(_LEAVE, ids)}
    outputs = [(wanted, tx_id) for tx, tx_id in zip(transactions, ids, strict=True) for wanted in tx.spends]
    spent, spenders = _columns([wanted for wanted, _ in outputs]), [spender for _, spender in outputs]
    live = {row["tx_id"] for row in await cx.fetch(_LIVE, ids, *spent, spenders)}
    refused = live | (set(ids) - left.keys())
    if refused:
        raise _Refused(Conflict(frozenset(tx_id.hex() for tx_id in refused)))
    rows = [(seq, tx_id, left[tx_id]["attempts"], left[tx_id]["accepted_at"]) for tx_id in ids]
    await copy_rows(cx, "ledger_log.placed", ("seq", "tx_id", "attempts", "accepted_at"), rows)
    if spenders:
        await cx.execute(_CLAIM, *spent, spenders, seq)
        await cx.execute("DELETE FROM ledger_log.backlog_spends WHERE tx_id = ANY ($1)", spenders)


async def _let_go(cx: Connection, entry: Entry, head_seq: int, release: Release) -> None:
    """The claims of a block are free; what left the backlog for it waits again, or has tried too often.

    The log's own bytes say which transactions those are: the caller may have been shown others.
    """
    await cx.execute("UPDATE ledger_log.claims SET is_live = false WHERE seq = $1 AND is_live", entry.seq)
    rows = await cx.fetch(
        "UPDATE ledger_log.placed SET is_live = false WHERE seq = $1 AND is_live "
        "RETURNING tx_id, attempts, accepted_at",
        entry.seq,
    )
    placed = {row["tx_id"].hex(): row for row in rows}
    assignees = {tx.id: assignee for tx, assignee in release.transactions}
    anybody = next(iter(assignees.values()), "")
    left = [(tx, placed[tx.id]) for tx in salvage(entry) if tx.id in placed]
    tries = [(tx, row["attempts"] + 1, row["accepted_at"]) for tx, row in left]
    again = [
        (tx, assignees.get(tx.id, anybody), attempts, accepted_at)
        for tx, attempts, accepted_at in tries
        if attempts < ATTEMPTS_MAX
    ]
    await _return(cx, head_seq, again)
    await _give_up(cx, [each for each in tries if each[1] >= ATTEMPTS_MAX])


async def _return(
    cx: Connection, head_seq: int, returning: Sequence[tuple[Transaction, str, int, object]]
) -> None:
    returning = sorted(returning, key=lambda entry: entry[0].id)  # the order of `submit`
    await cx.execute(
        _RETURN,
        [bytes.fromhex(tx.id) for tx, _, _, _ in returning],
        [tx.body for tx, _, _, _ in returning],
        [assignee for _, assignee, _, _ in returning],
        [attempts for _, _, attempts, _ in returning],
        head_seq,
        [accepted_at for _, _, _, accepted_at in returning],
        RETRY_DELAY_S,
    )
    await cx.execute(_SPENDS, *_spend_columns([tx for tx, _, _, _ in returning]))
    await cx.execute("SELECT pg_notify($1, '')", BACKLOG)


async def _give_up(cx: Connection, given_up: Sequence[tuple[Transaction, int, object]]) -> None:
    ids = [bytes.fromhex(tx.id) for tx, _, _ in given_up]
    await cx.execute(
        _GIVE_UP,
        ids,
        [GIVEN_UP] * len(ids),
        [f"{attempts} blocks with it are invalid" for _, attempts, _ in given_up],
        [tx.body for tx, _, _ in given_up],
        [accepted_at for _, _, accepted_at in given_up],
    )
    await cx.execute("DELETE FROM ledger_log.backlog WHERE tx_id = ANY ($1)", ids)
    await cx.execute("DELETE FROM ledger_log.backlog_spends WHERE tx_id = ANY ($1)", ids)


def _spend_columns(transactions: Sequence[Transaction]) -> tuple[list[bytes], list[bytes], list[int]]:
    """Spender, spent transaction and output index, for every input that can exist."""
    spends = [
        (tx.id, wanted) for tx in transactions for wanted in tx.spends if wanted.output_index <= INDEX_MAX
    ]
    outputs = _columns([wanted for _, wanted in spends])
    return [bytes.fromhex(tx_id) for tx_id, _ in spends], *outputs


def _columns(outputs: Sequence[Outpoint]) -> tuple[list[bytes], list[int]]:
    return (
        [bytes.fromhex(output.tx_id) for output in outputs],
        [output.output_index for output in outputs],
    )
