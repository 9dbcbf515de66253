"""What nodes think of each other, from their `system.network_state` messages (spec/telemetry.md 6.6)."""

from collections.abc import Sequence
from datetime import datetime

from lamina.kernel.storage.database import Database, Record

_LOGGED = "AND node.key IN (SELECT peer_id FROM telemetry.peer_connections WHERE peer_id IS NOT NULL)"


async def list_latest(
    database: Database, *, since: datetime, limit: int, only_logged: bool, timeout_s: float
) -> Sequence[Record]:
    """Each reporting peer's newest state since a moment, as parallel arrays in JSON.

    Args:
        database: where.
        since: states must be newer.
        limit: most reporting peers.
        only_logged: whether remote peers that never connected here are left out.
        timeout_s: how long the query may take.
    """
    logged = _LOGGED if only_logged else ""
    return await database.fetch(
        "telemetry.list_reputations",
        f"""
        SELECT latest.peer_id, latest.created_at, said.remote_peers::text, said.reputations::text,
               said.connections::text
          FROM (SELECT DISTINCT ON (c.peer_id) c.peer_id, l.created_at, l.logs
                  FROM telemetry.tetcore_logs l
                       JOIN telemetry.peer_connections c ON c.id = l.peer_connection_id
                 WHERE l.logs->>'msg' = 'system.network_state' AND l.created_at > $1 AND c.peer_id IS NOT NULL
                 ORDER BY c.peer_id, l.created_at DESC, l.id DESC) latest
               CROSS JOIN LATERAL (
                   SELECT jsonb_agg(node.key) AS remote_peers,
                          jsonb_agg(node.value->'reputation') AS reputations,
                          jsonb_agg(node.value->'connected') AS connections
                     FROM jsonb_each(telemetry.peerset_nodes(latest.logs)) node WHERE true {logged}) said
         WHERE said.remote_peers IS NOT NULL ORDER BY latest.peer_id LIMIT $2
        """,
        since,
        limit,
        timeout_s=timeout_s,
    )


async def list_history(
    database: Database, peer_id: str, *, since: datetime, until: datetime, limit: int, timeout_s: float
) -> Sequence[Record]:
    """What others reported of one peer, by reporter and time."""
    return await database.fetch(
        "telemetry.list_reputation_history",
        """
        SELECT DISTINCT ON (c.peer_id, l.created_at) c.peer_id, l.created_at,
               (telemetry.peerset_nodes(l.logs) -> $1 -> 'reputation')::text AS reputation,
               (telemetry.peerset_nodes(l.logs) -> $1 -> 'connected')::text AS connected
          FROM telemetry.tetcore_logs l JOIN telemetry.peer_connections c ON c.id = l.peer_connection_id
         WHERE l.logs->>'msg' = 'system.network_state' AND telemetry.peerset_nodes(l.logs) ? $1
           AND l.created_at > $2 AND l.created_at < $3 AND c.peer_id IS NOT NULL
         ORDER BY c.peer_id, l.created_at, l.id LIMIT $4
        """,
        peer_id,
        since,
        until,
        limit,
        timeout_s=timeout_s,
    )
