"""What nodes think of each other, from their `system.network_state` messages (spec/telemetry.md 6.6)."""

from collections.abc import Sequence
from datetime import datetime

from lamina.kernel.storage.database import Connection, Database, Record
from lamina.services.telemetry.store import digests


def _states_of(table: str) -> str:
    return f"""
        SELECT l.id, l.created_at, l.peer_connection_id, telemetry.peerset_nodes(l.logs)
          FROM telemetry.{table} l
         WHERE l.logs->>'msg' = 'system.network_state' AND telemetry.peerset_nodes(l.logs) ? $1
           AND l.created_at > $2 AND l.created_at < $3"""


_LOGGED = "AND node.key IN (SELECT peer_id FROM telemetry.peer_connections WHERE peer_id IS NOT NULL)"

# The value is looked for in few states, after all of them are sorted.
_HISTORY = f"""
    SELECT peer_id, created_at, (said->'reputation')::text AS reputation,
           (said->'connected')::text AS connected
      FROM (SELECT DISTINCT ON (c.peer_id, s.created_at) c.peer_id, s.created_at, s.nodes
              FROM (SELECT s.id, s.created_at, s.peer_connection_id, s.nodes
                      FROM telemetry.digest_states s
                           JOIN telemetry.digests d ON d.number = s.number AND d.is_whole
                     WHERE telemetry.peer_names(s.nodes) @> ARRAY[left($1, {digests.PEER_NAME_CHARACTERS})]
                       AND (length($1) < {digests.PEER_NAME_CHARACTERS} OR s.nodes ? $1)
                       AND s.created_at > $2 AND s.created_at < $3
                    UNION ALL
                    {_states_of("tetcore_logs_expiring")} AND {{condition}}
                    UNION ALL
                    {_states_of("tetcore_logs_audit")}) s
                   JOIN telemetry.peer_connections c ON c.id = s.peer_connection_id AND c.peer_id IS NOT NULL
             ORDER BY c.peer_id, s.created_at, s.id LIMIT $4) found,
           LATERAL (SELECT found.nodes -> $1 AS said OFFSET 0) node
     ORDER BY peer_id, created_at
"""


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

    async def work(cx: Connection) -> Sequence[Record]:
        condition, times = digests.within(await digests.read_open(cx), 5)
        return await cx.fetch(_HISTORY.format(condition=condition), peer_id, since, until, limit, *times)

    return await database.read("telemetry.list_reputation_history", work, timeout_s=timeout_s)
