"""Which nodes are on record."""

from collections.abc import AsyncIterator, Sequence

from lamina.kernel.storage.database import Database, Record

_COLUMNS = """
    id, ip_addr, peer_id, created_at, audit, name, chain, version, authority, startup_time, implementation,
    genesis_hash, target_os, target_arch, target_env, sysinfo::text AS sysinfo
"""


async def pages(database: Database, *, page_rows: int, timeout_s: float) -> AsyncIterator[Sequence[Record]]:
    """The newest row of each peer by peer id, page by page; the unidentified ones are one peer, the last."""
    after = ""
    while True:
        rows = await database.fetch(
            "telemetry.list_nodes",
            f"""
            SELECT DISTINCT ON (peer_id) {_COLUMNS} FROM telemetry.peer_connections
             WHERE peer_id > $1 ORDER BY peer_id, created_at DESC, id DESC LIMIT $2
            """,
            after,
            page_rows,
            timeout_s=timeout_s,
        )
        if rows:
            yield rows
        if len(rows) < page_rows:
            break
        after = rows[-1]["peer_id"]
    rows = await database.fetch(
        "telemetry.read_unidentified",
        f"""
        SELECT {_COLUMNS} FROM telemetry.peer_connections
         WHERE peer_id IS NULL ORDER BY created_at DESC, id DESC LIMIT 1
        """,
        timeout_s=timeout_s,
    )
    if rows:
        yield rows
