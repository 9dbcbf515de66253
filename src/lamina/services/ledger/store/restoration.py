"""Gives the shared log back what a node's verified copy has of it (distribution-and-reliability 6.6).

Blocks, votes and changes of the membership prove themselves, so any honest node's copy will do. What the log
has behind the copy's end stays where it continues the copy.
"""

import contextlib
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from lamina.kernel.storage.database import Connection, Database, copy_rows
from lamina.services.ledger.model.entry import Digest, Head

PAGE_BLOCKS = 256
_BEYOND = "SELECT seq, prev, block_id FROM ledger_log.blocks WHERE seq > $1 ORDER BY seq"
_SHARED = """
SELECT seq, prev, block_id, sha256(body) FROM ledger_log.blocks WHERE seq > $1 AND seq <= $2 ORDER BY seq
"""
_OWN = "SELECT seq, prev, block_id, sha256(body) FROM ledger.log WHERE seq > $1 AND seq <= $2 ORDER BY seq"
_BLOCKS = """
SELECT l.seq, l.prev, l.block_id, l.body, l.created_at,
       CASE WHEN d.status = 2 AND d.is_released THEN d.decided_at END
  FROM ledger.log l LEFT JOIN ledger.decisions d USING (block_id) WHERE l.seq = ANY ($1) ORDER BY l.seq
"""
_PLACED = """
SELECT t.seq, t.tx_id, true, 0, l.created_at FROM ledger.tx_index t JOIN ledger.log l USING (seq)
 WHERE t.seq > $1 AND t.seq <= $2 AND t.status IN (0, 1)
"""
_CLAIMED = """
SELECT input_tx_id, input_index, spender_tx_id, seq, true FROM ledger.claims
 WHERE seq > $1 AND seq <= $2 AND status IN (0, 1)
"""
_VOTES = """
SELECT v.block_id, v.body FROM ledger.votes v JOIN ledger.log l USING (block_id)
 WHERE l.seq > $1 AND l.seq <= $2 ORDER BY l.seq, v.voter
"""
_ADD_VOTES = """
WITH missing AS (
    SELECT v.block_id, v.body, v.digest, row_number() OVER (ORDER BY v.place) AS n
      FROM unnest($1::text[], $2::bytea[], $3::bytea[]) WITH ORDINALITY AS v (block_id, body, digest, place)
     WHERE NOT EXISTS (SELECT FROM ledger_log.votes p WHERE p.digest = v.digest)
), moved AS (
    UPDATE ledger_log.vote_head h SET position = h.position + (SELECT count(*) FROM missing) WHERE id = 1
    RETURNING h.position - (SELECT count(*) FROM missing) AS base
)
INSERT INTO ledger_log.votes (position, block_id, body, digest)
SELECT base + n, block_id, body, digest FROM missing, moved RETURNING position
"""
_ADD_CHANGES = """
INSERT INTO ledger_log.changes (position, recorded_seq, body)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[])
ON CONFLICT (position) DO NOTHING RETURNING position
"""


@dataclass(slots=True)
class Restored:
    """What the log lacked or had wrong: positions given back, positions taken away, votes and changes."""

    blocks: int = 0
    removed: int = 0
    votes: int = 0
    changes: int = 0

    @property
    def is_nothing(self) -> bool:
        """Whether the log had everything."""
        return not (self.blocks or self.removed or self.votes or self.changes)


class _PlanOnly(Exception):
    """Takes everything back: only what would be done was asked for."""


async def restore(log: Database, copy: Database, *, plan: bool) -> Restored:
    """Make the log say what the copy says, in one transaction.

    Args:
        log: the shared log, as a role that may delete from it.
        copy: the node's own database, verified.
        plan: only find out what would be done.

    Raises:
        CommitUnknown: it may be done; doing it again is safe.
        DatabaseUnavailable: nothing is done.
    """
    restored = Restored()

    async def work(cx: Connection) -> None:
        async with copy.transaction("ledger.read_copy") as own:
            await own.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            await _restore(cx, own, restored)
        if plan:
            raise _PlanOnly

    with contextlib.suppress(_PlanOnly):
        await log.run("ledger.restore_log", work)
    return restored


async def _restore(cx: Connection, own: Connection, restored: Restored) -> None:
    await cx.execute("SELECT seq FROM ledger_log.head WHERE id = 1 FOR UPDATE")
    row = await own.fetchrow("SELECT seq, tip FROM ledger.log_head WHERE id = 1")
    assert row is not None, "the migration inserts the head row"
    tip = Head(row["seq"], row["tip"])
    kept, alien = _continuing(await cx.fetch(_BEYOND, tip.seq), tip)
    wrong, missing = await _differences(cx, own, tip.seq)
    restored.removed, restored.blocks = len(alien) + len(wrong), len(missing)
    await _remove(cx, [*alien, *wrong])
    for start in range(0, len(missing), PAGE_BLOCKS):
        await _give_back(cx, own, missing[start : start + PAGE_BLOCKS])
    end = kept or tip
    await cx.execute("UPDATE ledger_log.head SET seq = $1, tip = $2 WHERE id = 1", end.seq, end.tip)
    if missing or wrong or alien:
        await _place_anew(cx, own, tip.seq)
    restored.votes = await _give_back_votes(cx, own, tip.seq)
    restored.changes = await _give_back_changes(cx, own)


def _continuing(rows: Sequence[Sequence[object]], tip: Head) -> tuple[Head | None, list[int]]:
    """The end of what continues the copy without a gap, and the positions of everything else."""
    end, alien = tip, list[int]()
    for seq, previous, block_id in rows:
        assert isinstance(seq, int)
        if not alien and seq == end.seq + 1 and previous == end.tip:
            end = Head(seq, str(block_id))
        else:
            alien.append(seq)
    return (end if end is not tip else None), alien


async def _differences(cx: Connection, own: Connection, last_seq: int) -> tuple[list[int], list[int]]:
    """Positions where the log has something else, and positions to be given back (those among them)."""
    wrong: list[int] = []
    missing: list[int] = []
    for after in range(0, last_seq, PAGE_BLOCKS):
        until = min(after + PAGE_BLOCKS, last_seq)
        theirs = {row["seq"]: Digest(*row.values()) for row in await cx.fetch(_SHARED, after, until)}
        for row in await own.fetch(_OWN, after, until):
            mine = Digest(*row.values())
            if theirs.get(mine.seq) != mine:
                missing.append(mine.seq)
                wrong += [mine.seq] if mine.seq in theirs else []
    return wrong, missing


async def _remove(cx: Connection, positions: Sequence[int]) -> None:
    if not positions:
        return
    await cx.execute(
        "DELETE FROM ledger_log.votes v USING ledger_log.blocks b "
        "WHERE b.block_id = v.block_id AND b.seq = ANY ($1)",
        positions,
    )
    for table in ("placed", "claims", "blocks"):
        await cx.execute(f"DELETE FROM ledger_log.{table} WHERE seq = ANY ($1)", positions)


async def _give_back(cx: Connection, own: Connection, positions: Sequence[int]) -> None:
    rows = [tuple(row.values()) for row in await own.fetch(_BLOCKS, positions)]
    columns = ("seq", "prev", "block_id", "body", "created_at", "released_at")
    await copy_rows(cx, "ledger_log.blocks", columns, rows)


async def _place_anew(cx: Connection, own: Connection, last_seq: int) -> None:
    """Which transactions and outputs are taken, as the copy's decisions say; the first block takes none."""
    for table, query, columns in (
        ("placed", _PLACED, ("seq", "tx_id", "is_live", "attempts", "accepted_at")),
        ("claims", _CLAIMED, ("input_tx_id", "input_index", "spender_tx_id", "seq", "is_live")),
    ):
        await cx.execute(f"DELETE FROM ledger_log.{table} WHERE seq <= $1", last_seq)
        for after in range(1, last_seq, PAGE_BLOCKS):
            rows = await own.fetch(query, after, min(after + PAGE_BLOCKS, last_seq))
            await copy_rows(cx, f"ledger_log.{table}", columns, [tuple(row.values()) for row in rows])


async def _give_back_votes(cx: Connection, own: Connection, last_seq: int) -> int:
    added = 0
    for after in range(0, last_seq, PAGE_BLOCKS):
        rows = await own.fetch(_VOTES, after, min(after + PAGE_BLOCKS, last_seq))
        bodies = [row["body"] for row in rows]
        digests = [hashlib.sha256(body).digest() for body in bodies]
        found = await cx.fetch(_ADD_VOTES, [row["block_id"] for row in rows], bodies, digests)
        added += len(found)
    return added


async def _give_back_changes(cx: Connection, own: Connection) -> int:
    rows = await own.fetch("SELECT position, recorded_seq, body FROM ledger.membership ORDER BY position")
    columns = list(zip(*(row.values() for row in rows), strict=True)) or [(), (), ()]
    return len(await cx.fetch(_ADD_CHANGES, *columns))
