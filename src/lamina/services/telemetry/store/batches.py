"""Batches of messages: COPY into the log, and one row that tells other receivers in which order they came."""

import contextlib
from collections.abc import Awaitable, Callable, Generator, Sequence
from dataclasses import dataclass
from struct import Struct
from uuid import UUID

import asyncpg

from lamina.kernel.storage.database import Connection, Database, copy_encoded, unavailable
from lamina.services.telemetry.model.message import Message
from lamina.services.telemetry.model.peer import Peer
from lamina.services.telemetry.rules.timestamp import day_of, moment
from lamina.services.telemetry.store import connections, digests

ID_BLOCK = 65_536
"""How many ids the sequence gives at once; as in its INCREMENT."""

TABLE = "telemetry.tetcore_logs"
_COLUMNS = ("id", "created_at", "peer_connection_id", "audit", "logs")
# Field count, then each field's length and value; the last is jsonb: a version byte, then the text.
_ROW = Struct("!hiqiqiiibiB")


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages stored in one transaction, numbered from `first_id` on, and sockets that ended after them."""

    receiver: UUID
    first_id: int
    messages: Sequence[Message]
    ended: Sequence[Peer] = ()

    @property
    def last_id(self) -> int:
        """The id of the last message."""
        return self.first_id + len(self.messages) - 1


async def take_ids(database: Database) -> int:
    """The first of `ID_BLOCK` ids that nobody else gets."""
    with _waiting():
        return await database.fetchval(
            "telemetry.take_ids", "SELECT nextval('telemetry.tetcore_logs_id_seq')"
        )


async def write(
    database: Database,
    batch: Batch,
    *,
    durable: bool,
    meanwhile: Callable[[], None],
    turn: Callable[[], Awaitable[None]],
) -> int:
    """Store a batch in one transaction.

    Args:
        database: where.
        batch: at least one message or ended socket.
        durable: whether the commit waits for the disk although no message is for the audit.
        meanwhile: called, where there are messages, when PostgreSQL has them and works.
        turn: awaited before the batch gets its position; what it raises undoes the batch. From there on the
            transaction waits for nobody who may wait for another batch of this receiver.

    Returns:
        Its position in the order of commits; 0 when it had no message.

    Raises:
        CommitUnknown: ask `find` whether it is there.
        RowsRefused: the database refused a message; nothing is stored.
        DatabaseUnavailable: nothing is stored.
    """
    peers = list(dict.fromkeys([*(message.peer for message in batch.messages), *batch.ended]))
    with _waiting():
        durable = durable or any(peer.audit for peer in peers)
        return await _write(database, batch, peers, durable=durable, meanwhile=meanwhile, turn=turn)


@contextlib.contextmanager
def _waiting() -> Generator[None]:
    """What the database says that is not about a value, such as that a table is away, may change."""
    try:
        yield
    except asyncpg.PostgresError as failure:
        raise unavailable(failure) from failure


async def _write(
    database: Database,
    batch: Batch,
    peers: Sequence[Peer],
    *,
    durable: bool,
    meanwhile: Callable[[], None],
    turn: Callable[[], Awaitable[None]],
) -> int:
    async with database.transaction("telemetry.store_batch") as cx:
        await connections.number(cx, [peer for peer in peers if peer.row_id is None])
        await connections.lock(cx, peers, durable=durable)
        await connections.describe(cx, [peer for peer in peers if peer.is_stale])
        await connections.end(cx, batch.ended)
        if not batch.messages:
            return 0
        await copy_encoded(cx, TABLE, _COLUMNS, _encode(batch), meanwhile)
        await turn()
        return await _append(cx, batch)


async def find(database: Database, batch: Batch) -> int | None:
    """The position of a batch whose commit had no known outcome; None when it is not stored.

    Raises:
        CommitUnknown, DatabaseUnavailable: nothing is known still.
    """
    # Its server process may have COMMIT still to read. Until then it holds the stream's row.
    await database.fetch("telemetry.await_batch", "SELECT FROM telemetry.stream FOR UPDATE")
    rows = await database.confirm(
        "telemetry.find_batch",
        "SELECT position FROM telemetry.batches WHERE first_id = $1",
        batch.first_id,
    )
    return rows[0]["position"] if rows else None


def _encode(batch: Batch) -> bytes:
    parts: list[bytes] = []
    pack = _ROW.pack
    for number, message in enumerate(batch.messages, batch.first_id):
        peer, document = message.peer, message.document
        parts += (
            pack(
                5, 8, number, 8, document.created_at, 4, peer.row_id, 1, peer.audit, len(document.logs) + 1, 1
            ),
            document.logs,
        )
    return b"".join(parts)


async def _append(cx: Connection, batch: Batch) -> int:
    """The batch's row; the stream's row is locked from here to the commit, so positions show in order."""
    times = [message.document.created_at for message in batch.messages]
    since = moment(min(times))
    row = await cx.fetchrow(
        """
        WITH moved AS (UPDATE telemetry.stream SET position = position + 1 RETURNING position, digested_until)
        INSERT INTO telemetry.batches (position, receiver, first_id, last_id, since, until)
        SELECT position, $1, $2, $3, $4, $5 FROM moved
        RETURNING position, (SELECT digested_until FROM moved)
        """,
        batch.receiver,
        batch.first_id,
        batch.last_id,
        since,
        moment(max(times)),
    )
    assert row is not None, "the migration inserts the stream's row"
    if since < row["digested_until"]:
        await digests.outdate(cx, list({day_of(time) for time in times}))
    return row["position"]
