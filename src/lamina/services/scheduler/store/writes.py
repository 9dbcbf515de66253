"""Assignments and spawns made durable, with what must be uploaded, in one transaction."""

import contextlib
from collections.abc import Mapping, Sequence
from typing import Literal

from lamina.kernel.storage.database import Connection, Database, RowsRefused
from lamina.services.scheduler.model.scheduled import Scheduled, Spawned

Outcome = Literal["stored", "moved", "exists", "said"]
"""Stored; the chain had moved on; the message is there already; the same was said before."""


async def append(database: Database, scheduled: Sequence[Scheduled]) -> Sequence[Outcome]:
    """Store assignments, those of one process in the order of their nonces.

    The heads are locked, in one order for everybody, and held to the commit: an assignment is stored if and
    only if it follows its head. What fails takes with it everything that was built on it.

    Raises:
        CommitUnknown: append the same once more, then ask `find_stored` for what was not stored by that.
        RowsRefused: of several, nothing is stored; of one, another unit stored the message at this moment.
        DatabaseUnavailable: nothing is stored.
    """
    chains = _chains(scheduled)
    if chains is not None:
        # Nearly always nothing is there already. What is, an index refuses; then each is judged by itself.
        with contextlib.suppress(RowsRefused):
            return await _append_at_once(database, scheduled, chains)
    async with database.transaction("scheduler.append") as cx:
        outcomes = await _judge(cx, scheduled)
        stored = [each for each, outcome in zip(scheduled, outcomes, strict=True) if outcome == "stored"]
        if stored:
            await _insert(cx, stored)
        return outcomes


async def find_stored(database: Database, scheduled: Sequence[Scheduled]) -> set[bytes]:
    """Which assignments of a commit without known outcome are there, by their ids.

    The server may not have come to that commit yet, so this is the last word only after the same assignments
    were appended once more: whichever of the two comes second finds that the heads have moved on.

    Raises:
        CommitUnknown, DatabaseUnavailable: nothing is known yet.
    """
    rows = await database.confirm(
        "scheduler.find_stored",
        "SELECT assignment_id FROM scheduler.messages WHERE assignment_id = ANY($1::bytea[])",
        [each.head.assignment_id for each in scheduled],
    )
    return {row["assignment_id"] for row in rows}


Made = Literal["made", "there", "exists"]
"""A new process; it was there already; another process has the same signed spawn."""

_SPAWNS = b""
"""Stands for the process where spawns' payloads are recorded: it has none yet."""


async def spawn(database: Database, spawned: Spawned) -> Made:
    """Store a new process; nothing changes where it is there already, or the same was signed before.

    Raises:
        CommitUnknown: posting it again tells.
        DatabaseUnavailable: nothing is stored.
    """

    async def work(cx: Connection) -> Made:
        head = spawned.head
        made = await cx.fetchval(
            """
            INSERT INTO scheduler.processes (process_id, item, block_height, ts, assignment, assignment_id)
            VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (process_id) DO NOTHING RETURNING true
            """,
            spawned.process_id, spawned.item, spawned.block_height, head.ts, spawned.assignment,
            head.assignment_id,
        )  # fmt: skip
        if not made:
            return "there"
        if spawned.payload is not None and not await _record_spawn(cx, spawned.payload):
            await cx.execute("DELETE FROM scheduler.processes WHERE process_id = $1", spawned.process_id)
            return "exists"
        await cx.execute(
            """
            INSERT INTO scheduler.heads (process_id, nonce, assignment_id, hash_chain, ts)
            VALUES ($1, $2, $3, $4, $5)
            """,
            spawned.process_id, head.nonce, head.assignment_id, head.hash_chain, head.ts,
        )  # fmt: skip
        await cx.execute("INSERT INTO scheduler.outbox (process_id) VALUES ($1)", spawned.process_id)
        return "made"

    return await database.run("scheduler.spawn", work)


async def _record_spawn(cx: Connection, payload: bytes) -> bool:
    """Whether nobody spawned the same before; waits for who is just doing it."""
    return bool(
        await cx.fetchval(
            "INSERT INTO scheduler.deep_hashes VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING true",
            _SPAWNS,
            payload,
        )
    )


def _chains(scheduled: Sequence[Scheduled]) -> Mapping[bytes, Sequence[Scheduled]] | None:
    """The assignments of each process, in the order of their ids; None where one statement cannot store them.

    That is where something must not have been said before, or where assignments do not follow one another.
    """
    chains: dict[bytes, list[Scheduled]] = {}
    for each in sorted(scheduled, key=lambda each: each.process_id):
        chain = chains.setdefault(each.process_id, [])
        if each.recorded or (chain and each.follows != chain[-1].head.assignment_id):
            return None
        chain.append(each)
    return chains


async def _append_at_once(
    database: Database, scheduled: Sequence[Scheduled], chains: Mapping[bytes, Sequence[Scheduled]]
) -> Sequence[Outcome]:
    """Store the chains whose heads are where they begin: lock, compare, swap and insert in one round trip."""
    firsts = [chain[0] for chain in chains.values()]
    lasts = [chain[-1].head for chain in chains.values()]
    rows = await database.store(
        "scheduler.append",
        """
        WITH chain AS (
            SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::bytea[], $4::bigint[], $5::bytea[],
                                 $6::bytea[], $7::bigint[])
                   AS chain(process_id, after_nonce, after_id, nonce, assignment_id, hash_chain, ts)),
             held AS MATERIALIZED (
            SELECT h.process_id
              FROM scheduler.heads h JOIN chain c ON h.process_id = c.process_id
               AND h.nonce = c.after_nonce AND h.assignment_id IS NOT DISTINCT FROM c.after_id
             ORDER BY h.process_id FOR UPDATE OF h),
             moved AS (
            UPDATE scheduler.heads h
               SET nonce = c.nonce, assignment_id = c.assignment_id, hash_chain = c.hash_chain, ts = c.ts
              FROM held JOIN chain c ON c.process_id = held.process_id
             WHERE h.process_id = held.process_id
            RETURNING h.process_id),
             new AS (
            SELECT n.*
              FROM unnest($8::bytea[], $9::bigint[], $10::bigint[], $11::bytea[], $12::bytea[], $13::bytea[],
                          $14::bytea[])
                   AS n(process_id, nonce, ts, message_id, assignment_id, assignment, item)
              JOIN moved ON moved.process_id = n.process_id),
             queued AS (INSERT INTO scheduler.outbox (process_id, nonce) SELECT process_id, nonce FROM new),
             stored AS (
            INSERT INTO scheduler.messages
                   (process_id, nonce, ts, message_id, assignment_id, assignment, item)
            SELECT * FROM new)
        SELECT process_id FROM moved
        """,
        [first.process_id for first in firsts],
        [first.head.nonce - 1 for first in firsts],
        [first.follows for first in firsts],
        [last.nonce for last in lasts],
        [last.assignment_id for last in lasts],
        [last.hash_chain for last in lasts],
        [last.ts for last in lasts],
        *_columns(scheduled),
    )
    moved = {row["process_id"] for row in rows}
    return ["stored" if each.process_id in moved else "moved" for each in scheduled]


def _columns(scheduled: Sequence[Scheduled]) -> tuple[list[object], ...]:
    """Process, nonce, time, message, assignment's id, assignment and item of each."""
    return (
        [each.process_id for each in scheduled],
        [each.head.nonce for each in scheduled],
        [each.head.ts for each in scheduled],
        [each.message_id for each in scheduled],
        [each.head.assignment_id for each in scheduled],
        [each.assignment for each in scheduled],
        [each.item for each in scheduled],
    )


async def _judge(cx: Connection, scheduled: Sequence[Scheduled]) -> list[Outcome]:
    """What becomes of each assignment, heads locked."""
    processes = list({each.process_id for each in scheduled})
    rows = await cx.fetch(
        """
        SELECT process_id, nonce, assignment_id FROM scheduler.heads
         WHERE process_id = ANY($1::bytea[]) ORDER BY process_id FOR UPDATE
        """,
        processes,
    )
    heads = {row["process_id"]: (row["nonce"], row["assignment_id"]) for row in rows}
    present = await _present(cx, scheduled)
    said = await _said(cx, scheduled)
    outcomes: list[Outcome] = []
    for each in scheduled:
        outcome: Outcome = "stored"
        if heads.get(each.process_id) != (each.head.nonce - 1, each.follows):
            outcome = "moved"
        elif (each.item is not None and each.message_id in present) or (
            each.process_id,
            each.payload,
        ) in said:
            outcome = "exists"
        elif any((each.process_id, digest) in said for digest in each.deep_hashes):
            outcome = "said"
        else:
            heads[each.process_id] = (each.head.nonce, each.head.assignment_id)
            present.add(each.message_id)
            said.update((each.process_id, digest) for digest in each.recorded)
        outcomes.append(outcome)
    return outcomes


async def _present(cx: Connection, scheduled: Sequence[Scheduled]) -> set[bytes]:
    """Messages of the batch that are stored already."""
    rows = await cx.fetch(
        """
        SELECT message_id FROM scheduler.messages WHERE message_id = ANY($1::bytea[]) AND item IS NOT NULL
        """,
        [each.message_id for each in scheduled if each.item is not None],
    )
    return {row["message_id"] for row in rows}


async def _said(cx: Connection, scheduled: Sequence[Scheduled]) -> set[tuple[bytes, bytes | None]]:
    asked = [
        (each.process_id, digest) for each in scheduled for digest in (*each.deep_hashes, *each.recorded)
    ]
    if not asked:
        return set()
    rows = await cx.fetch(
        """
        SELECT d.process_id, d.hash FROM scheduler.deep_hashes d
          JOIN unnest($1::bytea[], $2::bytea[]) AS asked(process_id, hash)
            ON d.process_id = asked.process_id AND d.hash = asked.hash
        """,
        [process_id for process_id, _ in asked],
        [digest for _, digest in asked],
    )
    return {(row["process_id"], row["hash"]) for row in rows}


async def _insert(cx: Connection, stored: Sequence[Scheduled]) -> None:
    last = {each.process_id: each.head for each in stored}
    await cx.execute(
        """
        UPDATE scheduler.heads h
           SET nonce = new.nonce, assignment_id = new.assignment_id, hash_chain = new.hash_chain, ts = new.ts
          FROM unnest($1::bytea[], $2::bigint[], $3::bytea[], $4::bytea[], $5::bigint[])
               AS new(process_id, nonce, assignment_id, hash_chain, ts)
         WHERE h.process_id = new.process_id
        """,
        list(last),
        [head.nonce for head in last.values()],
        [head.assignment_id for head in last.values()],
        [head.hash_chain for head in last.values()],
        [head.ts for head in last.values()],
    )
    await cx.execute(
        """
        WITH new AS (
            SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::bytea[], $5::bytea[],
                                 $6::bytea[], $7::bytea[])
                   AS new(process_id, nonce, ts, message_id, assignment_id, assignment, item)),
             queued AS (INSERT INTO scheduler.outbox (process_id, nonce) SELECT process_id, nonce FROM new)
        INSERT INTO scheduler.messages (process_id, nonce, ts, message_id, assignment_id, assignment, item)
        SELECT * FROM new
        """,
        *_columns(stored),
    )
    digests = [(each.process_id, digest) for each in stored for digest in each.recorded]
    if digests:
        await cx.execute(
            "INSERT INTO scheduler.deep_hashes SELECT * FROM unnest($1::bytea[], $2::bytea[])",
            [process_id for process_id, _ in digests],
            [digest for _, digest in digests],
        )
