"""Which nodes are on record."""

from collections.abc import Sequence

from lamina.kernel.storage.database import Database, Record


async def list_latest(database: Database, timeout_s: float) -> Sequence[Record]:
    """The newest row of each peer, the unidentified ones as one peer, last."""
    return await database.fetch(
        "telemetry.list_nodes",
        """
        SELECT DISTINCT ON (peer_id) id, ip_addr, peer_id, created_at, audit, name, chain, version, authority,
               startup_time, implementation, genesis_hash, target_os, target_arch, target_env,
               sysinfo::text AS sysinfo
          FROM telemetry.peer_connections ORDER BY peer_id, created_at DESC, id DESC
        """,
        timeout_s=timeout_s,
    )
