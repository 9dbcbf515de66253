"""What is needed to show the live view of a moment, from the store alone."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from lamina.kernel.storage.database import Database, Record

UNTOUCHED = timedelta(minutes=3)
"""A receiver that was killed ended no connection; what it did not touch any more was gone."""

_OPEN = """
    SELECT c.id, c.ip_addr, coalesce(c.said_since, '-infinity') AS said_since,
           coalesce(c.said_until, 'infinity') AS said_until
      FROM telemetry.peer_connections c
     WHERE c.created_at <= $1 AND c.peer_id IS NOT NULL
       AND coalesce(c.closed_at, c.last_seen + $2) > $1
"""


async def read_messages(
    database: Database, moment: datetime, window: timedelta, types: Sequence[str], limit: int
) -> Sequence[Record]:
    """What the nodes connected at a moment had said: who they are, then the newest messages before it.

    Args:
        database: where.
        moment: zone-less UTC.
        window: how much before it is read.
        types: the message types that matter besides `system.connected`.
        limit: most messages; the oldest are left out.
    """
    return await database.fetch(
        "telemetry.read_past",
        f"""
        WITH open AS MATERIALIZED ({_OPEN}),
             hello AS (
                 SELECT o.id AS connection, o.ip_addr, said.created_at, said.id, said.logs
                   FROM open o CROSS JOIN LATERAL (
                       SELECT l.id, l.created_at, l.logs FROM telemetry.tetcore_logs l
                        WHERE l.peer_connection_id = o.id AND l.logs->>'msg' = 'system.connected'
                          AND l.created_at BETWEEN o.said_since AND least(o.said_until, $1)
                        ORDER BY l.created_at DESC, l.id DESC LIMIT 1) said),
             recent AS (
                 SELECT o.id AS connection, o.ip_addr, l.created_at, l.id, l.logs
                   FROM telemetry.tetcore_logs l JOIN open o ON o.id = l.peer_connection_id
                  WHERE l.logs->>'msg' = ANY($4::text[]) AND l.created_at > $3 AND l.created_at <= $1
                  ORDER BY l.created_at DESC, l.id DESC LIMIT $5)
        SELECT 0 AS part, connection, ip_addr, created_at, id, logs::text AS logs FROM hello
        UNION ALL
        SELECT 1, connection, ip_addr, created_at, id, logs::text FROM recent
        ORDER BY part, created_at, id
        """,
        moment,
        UNTOUCHED,
        moment - window,
        list(types),
        limit,
    )


async def list_alive(database: Database, since: datetime, types: Sequence[str]) -> Sequence[Record]:
    """The last `system.connected` and latest messages of connections touched since a moment."""
    return await database.fetch(
        "telemetry.list_alive",
        """
        SELECT c.id AS connection, c.ip_addr, c.peer_id, type.name AS msg, said.created_at,
               said.logs::text AS logs
          FROM telemetry.peer_connections c
               CROSS JOIN unnest($2::text[]) WITH ORDINALITY AS type(name, number)
               CROSS JOIN LATERAL (
                   SELECT l.created_at, l.logs FROM telemetry.tetcore_logs l
                    WHERE l.peer_connection_id = c.id AND l.logs->>'msg' = type.name
                      AND l.created_at BETWEEN coalesce(c.said_since, '-infinity')
                                           AND coalesce(c.said_until, 'infinity')
                    ORDER BY l.created_at DESC, l.id DESC LIMIT 1) said
         WHERE c.closed_at IS NULL AND c.last_seen > $1 AND c.peer_id IS NOT NULL
         ORDER BY type.number, c.id
        """,
        since,
        list(types),
    )
