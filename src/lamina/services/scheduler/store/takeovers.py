"""Processes of the original on their way into our tables, each step with its progress in one transaction."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from lamina.kernel.errors import LaminaError
from lamina.kernel.storage.database import Connection, Database, copy_rows
from lamina.services.scheduler.model.head import Head
from lamina.services.scheduler.model.takeover import Refusal, TakeoverState
from lamina.services.scheduler.rules.takeover import TakenMessage, TakenSpawn

PAGE_ROWS = 200
_STATE = (
    "process_id, messages, digest, verified, coalesce(verified_digest, '') AS verified_digest, flaw_count"
)


class TakeoverMoved(LaminaError):
    """Another import of the same source is at work on this database."""

    code = "scheduler_takeover_moved"
    exit_code = 4

    def default_hint(self) -> str:
        """One at a time."""
        return "Let the other one finish, or stop it and run this one again"


async def find_states(database: Database, process_ids: Sequence[str]) -> dict[str, TakeoverState]:
    """How far these processes are, by id; those that were never begun are not among them."""
    rows = await database.fetch(
        "scheduler.find_takeovers",
        f"SELECT {_STATE} FROM scheduler.takeovers WHERE process_id = ANY($1::text[])",
        list(process_ids),
    )
    return {row["process_id"]: TakeoverState(*row.values()) for row in rows}


async def unproven(database: Database) -> AsyncIterator[TakeoverState]:
    """Processes with messages that wait for their proof, by id."""
    after = ""
    while True:
        rows = await database.fetch(
            "scheduler.list_unproven",
            f"""
            SELECT {_STATE} FROM scheduler.takeovers
             WHERE process_id > $1 AND verified IS DISTINCT FROM messages AND flaw_count = 0
             ORDER BY process_id LIMIT $2
            """,
            after,
            PAGE_ROWS,
        )
        if not rows:
            return
        for row in rows:
            yield TakeoverState(*row.values())
        after = rows[-1]["process_id"]


async def count_unproven(database: Database) -> int:
    """Messages that wait for their proof."""
    return await database.fetchval(
        "scheduler.count_unproven",
        """
        SELECT coalesce(sum(messages - coalesce(verified, 0)), 0)::bigint FROM scheduler.takeovers
         WHERE verified IS DISTINCT FROM messages AND flaw_count = 0
        """,
    )


async def analyze(database: Database) -> None:
    """Tell the planner that tables are large which were empty a moment ago."""
    await database.store(
        "scheduler.analyze_takeover",
        "ANALYZE scheduler.processes, scheduler.messages, scheduler.originals, scheduler.takeovers",
    )


async def refused(database: Database, limit: int) -> tuple[int, Sequence[Refusal]]:
    """How many processes were refused, and the first of them by id."""
    count = await database.fetchval(
        "scheduler.count_refused", "SELECT count(*) FROM scheduler.takeovers WHERE flaw_count > 0"
    )
    rows = await database.fetch(
        "scheduler.list_refused",
        """
        SELECT process_id, verified, flaw_count, flaws FROM scheduler.takeovers WHERE flaw_count > 0
         ORDER BY process_id LIMIT $1
        """,
        limit,
    )
    found = [
        Refusal(row["process_id"], row["verified"], row["flaw_count"], tuple(row["flaws"])) for row in rows
    ]
    return count, found


async def begin(database: Database, process_id: str, spawn: TakenSpawn, digest: bytes) -> None:
    """Store a process without a head: it can be read and takes no writes.

    Raises:
        TakeoverMoved: another import stored it.
        RowsRefused: the process is here, but not by an import.
    """

    async def work(cx: Connection) -> None:
        own = None if spawn.link is None else spawn.link.assignment.id_bytes
        parts = spawn.parts
        await cx.execute(
            """
            INSERT INTO scheduler.processes (process_id, item, block_height, ts, assignment, assignment_id)
            VALUES ($1, $2, $3, $4, $5, $6)
            """,
            spawn.process_id, parts.item, spawn.block_height, spawn.ts, parts.assignment, own,
        )  # fmt: skip
        nonce = spawn.chain().head.nonce
        await _keep_heads(cx, [(spawn.process_id, nonce, parts.head)])
        made = await cx.fetchval(
            """
            INSERT INTO scheduler.takeovers AS t (process_id, digest) VALUES ($1, $2)
            ON CONFLICT (process_id) DO UPDATE
               SET messages = 0, digest = excluded.digest, flaw_count = 0, flaws = '{}'
             WHERE t.verified IS NULL AND t.flaw_count > 0
            RETURNING true
            """,
            process_id,
            digest,
        )
        if not made:
            raise TakeoverMoved

    await database.run("scheduler.begin_takeover", work)


async def reopen(database: Database, name: str, process_id: bytes, nonce: int) -> int | None:
    """Take the head of a process whose source has more, so that nobody writes meanwhile.

    Args:
        database: ours.
        name: the process as the source writes it.
        process_id: its 32 bytes.
        nonce: of the last message taken.

    Returns:
        The nonce at which the process ends here where it is another one: then nothing is changed.
    """

    async def work(cx: Connection) -> int | None:
        found = await cx.fetchval(
            "SELECT nonce FROM scheduler.heads WHERE process_id = $1 FOR UPDATE", process_id
        )
        if found is not None and found != nonce:
            return found
        await cx.execute("DELETE FROM scheduler.heads WHERE process_id = $1", process_id)
        await cx.execute(
            "UPDATE scheduler.takeovers SET flaw_count = 0, flaws = '{}' WHERE process_id = $1",
            name,
        )
        return None

    return await database.run("scheduler.reopen_takeover", work)


async def present(
    database: Database, messages: Sequence[TakenMessage]
) -> tuple[dict[bytes, bytes], dict[bytes, bytes]]:
    """Where these are stored already: processes by the ids of messages, and by those of assignments."""
    by_message = await database.fetch(
        "scheduler.find_taken_messages",
        """
        SELECT message_id, process_id FROM scheduler.messages
         WHERE message_id = ANY($1::bytea[]) AND item IS NOT NULL
        """,
        [each.message_id for each in messages if each.parts.item is not None],
    )
    by_assignment = await database.fetch(
        "scheduler.find_taken_assignments",
        """
        SELECT assignment_id, process_id FROM scheduler.messages WHERE assignment_id = ANY($1::bytea[])
        """,
        [each.link.assignment.id_bytes for each in messages],
    )
    return {row["message_id"]: row["process_id"] for row in by_message}, {
        row["assignment_id"]: row["process_id"] for row in by_assignment
    }


async def add(
    database: Database, state: TakeoverState, messages: Sequence[TakenMessage], digest: bytes
) -> TakeoverState:
    """Store the next messages of a process, and how far it is now.

    Raises:
        TakeoverMoved: another import was faster.
        RowsRefused: somebody stored one of them at this moment.
    """
    count = state.messages + len(messages)

    async def work(cx: Connection) -> None:
        moved = await cx.fetchval(
            """
            UPDATE scheduler.takeovers SET messages = $3, digest = $4
             WHERE process_id = $1 AND messages = $2 AND digest = $5 AND verified IS NOT DISTINCT FROM $6
               AND flaw_count = 0
            RETURNING true
            """,
            state.process_id,
            state.messages,
            count,
            digest,
            state.digest,
            state.verified,
        )
        if not moved:
            raise TakeoverMoved
        await copy_rows(
            cx,
            "scheduler.messages",
            ("process_id", "nonce", "ts", "message_id", "assignment_id", "assignment", "item"),
            [
                (
                    each.process_id, each.link.nonce, each.link.ts, each.message_id,
                    each.link.assignment.id_bytes, each.parts.assignment, each.parts.item,
                )
                for each in messages
            ],
        )  # fmt: skip
        await _keep_heads(cx, [(each.process_id, each.link.nonce, each.parts.head) for each in messages])

    await database.run("scheduler.add_takeover", work)
    return TakeoverState(state.process_id, count, digest, state.verified, state.verified_digest, 0)


async def open_head(database: Database, state: TakeoverState, process_id: bytes, head: Head) -> None:
    """Let a proven process take writes.

    Raises:
        TakeoverMoved: another import was faster.
    """

    async def work(cx: Connection) -> None:
        moved = await cx.fetchval(
            """
            UPDATE scheduler.takeovers SET verified = messages, verified_digest = digest
             WHERE process_id = $1 AND messages = $2 AND digest = $3 RETURNING true
            """,
            state.process_id,
            state.messages,
            state.digest,
        )
        if not moved:
            raise TakeoverMoved
        await _put_head(cx, process_id, head)

    await database.run("scheduler.open_takeover", work)


async def refuse(database: Database, process_id: str, flaws: Sequence[str], flaw_count: int) -> None:
    """Record why a process is not begun, or not taken further; what is here of it stays as it is.

    Raises:
        TakeoverMoved: another import has begun it.
    """
    made = await database.store(
        "scheduler.refuse_takeover",
        """
        INSERT INTO scheduler.takeovers AS t (process_id, digest, flaw_count, flaws) VALUES ($1, '', $2, $3)
        ON CONFLICT (process_id) DO UPDATE SET flaw_count = excluded.flaw_count, flaws = excluded.flaws
         WHERE t.flaw_count > 0 OR t.verified IS NOT NULL
        RETURNING true
        """,
        process_id,
        flaw_count,
        list(flaws),
    )
    if not made:
        raise TakeoverMoved


async def keep_said(database: Database, process_id: bytes, hashes: Sequence[bytes]) -> None:
    """Record what was said in a process (spec 10.5)."""
    await database.store(
        "scheduler.keep_said",
        """
        INSERT INTO scheduler.deep_hashes SELECT $1, hash FROM unnest($2::bytea[]) AS said(hash)
        ON CONFLICT DO NOTHING
        """,
        process_id,
        list(hashes),
    )


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """What is removed again of a process.

    Attributes:
        process_id: 32 bytes.
        base: the nonce before the first message's.
        head: where the proven part ends; None where there is none, and the process itself goes too.
        refusal: why.
    """

    process_id: bytes
    base: int
    head: Head | None
    refusal: Refusal


async def withdraw(database: Database, state: TakeoverState, withdrawal: Withdrawal) -> None:
    """Remove what was copied and not proven, and record why.

    Raises:
        TakeoverMoved: another import was faster.
    """
    process_id, head, refusal = withdrawal.process_id, withdrawal.head, withdrawal.refusal

    async def work(cx: Connection) -> None:
        last = withdrawal.base if head is None else head.nonce
        await cx.execute(
            "DELETE FROM scheduler.originals WHERE process_id = $1 AND nonce > $2", process_id, last
        )
        await cx.execute(
            "DELETE FROM scheduler.messages WHERE process_id = $1 AND nonce > $2", process_id, last
        )
        moved = await cx.fetchval(
            """
            UPDATE scheduler.takeovers
               SET messages = coalesce(verified, 0), digest = coalesce(verified_digest, ''),
                   flaw_count = $4, flaws = $5
             WHERE process_id = $1 AND messages = $2 AND digest = $3 RETURNING true
            """,
            state.process_id,
            state.messages,
            state.digest,
            refusal.flaw_count,
            list(refusal.flaws),
        )
        if not moved:
            raise TakeoverMoved
        if head is not None:
            await _put_head(cx, process_id, head)
            return
        for table in ("originals", "deep_hashes", "processes"):
            await cx.execute(f"DELETE FROM scheduler.{table} WHERE process_id = $1", process_id)

    await database.run("scheduler.withdraw_takeover", work)


async def _put_head(cx: Connection, process_id: bytes, head: Head) -> None:
    await cx.execute(
        """
        INSERT INTO scheduler.heads (process_id, nonce, assignment_id, hash_chain, ts)
        VALUES ($1, $2, $3, $4, $5) ON CONFLICT (process_id) DO NOTHING
        """,
        process_id,
        head.nonce,
        head.assignment_id,
        head.hash_chain,
        head.ts,
    )


async def _keep_heads(cx: Connection, rows: Sequence[tuple[bytes, int, bytes | None]]) -> None:
    await copy_rows(cx, "scheduler.originals", ("process_id", "nonce", "head"), rows)
