"""What waits for the uploader."""

from collections.abc import Sequence
from dataclasses import dataclass

from lamina.kernel.storage.database import Database, Record
from lamina.services.scheduler.rules.original_bundle import BundleParts

CLAIM_S = 120
"""A claimed row is nobody else's while it may wait for its signature, and so long; then it is tried again."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A bundle to upload, made already or still to be signed.

    Attributes:
        item: the posted item; None where only an assignment is bundled.
        assignment: None for a spawn without one.
        block_height: of the spawn, where there is no assignment.
        age_s: since it was queued.
    """

    row_id: int
    attempts: int
    bundle: bytes | None
    item: bytes | None
    assignment: bytes | None
    block_height: int
    ts: int
    age_s: float


async def claim(database: Database, count: int, wait_max_s: float) -> Sequence[Waiting]:
    """Take rows that are due.

    Args:
        database: of the outbox.
        count: how many at most.
        wait_max_s: how long their signatures may wait.
    """
    rows = await database.store(
        "scheduler.claim_uploads",
        """
        WITH due AS (
                 SELECT id FROM scheduler.outbox WHERE next_at <= now() ORDER BY next_at, id LIMIT $1
                 FOR UPDATE SKIP LOCKED),
             claimed AS (
                 UPDATE scheduler.outbox o
                    SET next_at = now() + make_interval(secs => $2), attempts = attempts + 1
                   FROM due WHERE o.id = due.id RETURNING o.*)
        SELECT c.id, c.attempts, c.bundle, p.block_height,
               extract(epoch FROM now() - c.created_at)::float8 AS age_s,
               CASE WHEN c.nonce IS NULL THEN p.item ELSE m.item END AS item,
               CASE WHEN c.nonce IS NULL THEN p.assignment ELSE m.assignment END AS assignment,
               CASE WHEN c.nonce IS NULL THEN p.ts ELSE m.ts END AS ts,
               o.process_id IS NOT NULL AS is_original, o.head
          FROM claimed c JOIN scheduler.processes p ON p.process_id = c.process_id
               LEFT JOIN scheduler.messages m ON m.process_id = c.process_id AND m.nonce = c.nonce
               LEFT JOIN scheduler.originals o ON o.process_id = c.process_id
                     AND o.nonce = coalesce(c.nonce, CASE WHEN p.assignment IS NULL THEN -1 ELSE 0 END)
         ORDER BY c.id
        """,
        count,
        wait_max_s + CLAIM_S,
    )
    return [
        Waiting(
            row["id"], row["attempts"], _bundle(row), row["item"], row["assignment"], row["block_height"],
            row["ts"], row["age_s"],
        )
        for row in rows
    ]  # fmt: skip


def _bundle(row: Record) -> bytes | None:
    """The bundle that is signed already: what the original made is sent as it was."""
    if not row["is_original"]:
        return row["bundle"]
    return BundleParts(row["head"], row["assignment"], row["item"]).outer()


async def keep_bundle(database: Database, row_id: int, bundle: bytes) -> None:
    """Keep a signed bundle, so that every attempt sends the same one."""
    await database.store(
        "scheduler.keep_bundle", "UPDATE scheduler.outbox SET bundle = $2 WHERE id = $1", row_id, bundle
    )


async def finish(database: Database, row_ids: Sequence[int]) -> None:
    """Remove what was uploaded."""
    await database.store(
        "scheduler.finish_uploads", "DELETE FROM scheduler.outbox WHERE id = ANY($1::bigint[])", list(row_ids)
    )


async def postpone(database: Database, row_id: int, delay_s: float) -> None:
    """Try again later."""
    await database.store(
        "scheduler.postpone_upload",
        "UPDATE scheduler.outbox SET next_at = now() + make_interval(secs => $2) WHERE id = $1",
        row_id,
        delay_s,
    )


async def measure(database: Database) -> tuple[int, float]:
    """How many wait, and the age of the oldest in seconds."""
    row = await database.fetchrow(
        "scheduler.measure_outbox",
        """
        SELECT count(*) AS waiting, coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8 AS oldest
          FROM scheduler.outbox
        """,
    )
    assert row is not None, "an aggregate has one row"
    return row["waiting"], row["oldest"]
