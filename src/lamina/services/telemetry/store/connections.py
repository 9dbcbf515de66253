"""The table of connections: one row per socket and per further node on it."""

from collections.abc import Iterable, Sequence
from dataclasses import astuple, fields
from datetime import datetime

from lamina.kernel.storage.database import Connection, Database
from lamina.services.telemetry.model.identity import Identity
from lamina.services.telemetry.model.peer import Peer
from lamina.services.telemetry.rules.timestamp import moment

_TOLD = (*(field.name for field in fields(Identity)), "said_since", "said_until")
_TYPES = {
    "authority": "boolean[]", "startup_time": "bigint[]", "said_since": "timestamp[]",
    "said_until": "timestamp[]",
}  # fmt: skip
_CASTS = {"sysinfo": "said.sysinfo::jsonb"}
_ARRAYS = ", ".join(f"${number}::{_TYPES.get(name, 'text[]')}" for number, name in enumerate(_TOLD, 2))
_NAMES = ", ".join(_TOLD)
_VALUES = ", ".join(_CASTS.get(name, f"said.{name}") for name in _TOLD)
_SET = ", ".join(f"{name} = {_CASTS.get(name, f'said.{name}')}" for name in _TOLD)
_AFTER = len(_TOLD) + 2


async def open_rows(database: Database, sockets: Sequence[Peer]) -> Sequence[int]:
    """Insert a row for each new socket; returns their ids in order.

    Raises:
        CommitUnknown: the rows may exist; without messages they are purged later.
    """
    rows = await database.store(
        "telemetry.open_connections",
        """
        INSERT INTO telemetry.peer_connections (id, ip_addr, audit)
        SELECT nextval('telemetry.peer_connections_id_seq'), ip_addr, audit
          FROM unnest($1::text[], $2::bool[]) WITH ORDINALITY AS new(ip_addr, audit, number) ORDER BY number
        RETURNING id
        """,
        [peer.ip_addr for peer in sockets],
        [peer.audit for peer in sockets],
    )
    return [row["id"] for row in rows]


async def number(cx: Connection, peers: Sequence[Peer]) -> None:
    """Give ids to nodes that have no row yet; `lock` makes the rows."""
    if peers:
        ids = await cx.fetch(
            "SELECT nextval('telemetry.peer_connections_id_seq') AS id FROM generate_series(1, $1)",
            len(peers),
        )
        for peer, row in zip(peers, ids, strict=True):
            peer.row_id = row["id"]


async def lock(cx: Connection, peers: Sequence[Peer], *, durable: bool) -> None:
    """Keep the rows of a batch from being purged until it is committed, and make again those that were.

    Args:
        cx: the batch's transaction.
        peers: all with ids.
        durable: whether the commit waits for the disk.
    """
    # "on" only where the server's own level is off: an operator's remote_apply or local is his decision.
    present = await cx.fetchval(
        """
        SELECT ARRAY(SELECT id FROM telemetry.peer_connections
                      WHERE id = ANY($1::int[]) ORDER BY id FOR KEY SHARE),
               CASE WHEN NOT $2::bool THEN set_config('synchronous_commit', 'off', true)
                    WHEN current_setting('synchronous_commit') = 'off'
                    THEN set_config('synchronous_commit', 'on', true) END
        """,
        [peer.row_id for peer in peers],
        durable,
    )
    there = set(present)
    missing = [peer for peer in peers if peer.row_id not in there]
    if missing:
        await cx.execute(
            f"""
            INSERT INTO telemetry.peer_connections (id, {_NAMES}, ip_addr, audit)
            SELECT said.id, {_VALUES}, said.ip_addr, said.audit
              FROM unnest($1::int[], {_ARRAYS}, ${_AFTER}::text[], ${_AFTER + 1}::bool[])
                   AS said(id, {_NAMES}, ip_addr, audit)
            ON CONFLICT (id) DO NOTHING
            """,
            *_columns(missing),
            [peer.ip_addr for peer in missing],
            [peer.audit for peer in missing],
        )


async def describe(cx: Connection, peers: Sequence[Peer]) -> None:
    """Store what nodes said of themselves."""
    if peers:
        await cx.execute(
            f"""
            UPDATE telemetry.peer_connections AS row SET {_SET}
              FROM unnest($1::int[], {_ARRAYS}) AS said(id, {_NAMES}) WHERE row.id = said.id
            """,
            *_columns(peers),
        )


async def end(cx: Connection, peers: Sequence[Peer]) -> None:
    """Note that sockets are gone."""
    if peers:
        await cx.execute(
            """
            UPDATE telemetry.peer_connections
               SET closed_at = now() AT TIME ZONE 'utc', last_seen = now() AT TIME ZONE 'utc'
             WHERE id = ANY($1::int[])
            """,
            [peer.row_id for peer in peers],
        )


async def touch(database: Database, peers: Iterable[Peer]) -> None:
    """Note that sockets are alive, so that no purge takes their rows."""
    await database.store(
        "telemetry.touch_connections",
        "UPDATE telemetry.peer_connections SET last_seen = now() AT TIME ZONE 'utc' "
        "WHERE id = ANY($1::int[])",
        [peer.row_id for peer in peers if peer.row_id is not None],
    )


def _columns(peers: Sequence[Peer]) -> list[list[object]]:
    """The ids, then one array per column that nodes fill."""
    told = [(*astuple(peer.identity), *_days(peer)) for peer in peers]
    return [[peer.row_id for peer in peers], *(list(column) for column in zip(*told, strict=True))]


def _days(peer: Peer) -> tuple[datetime | None, datetime | None]:
    if peer.since > peer.until:
        return None, None
    return moment(peer.since), moment(peer.until)
