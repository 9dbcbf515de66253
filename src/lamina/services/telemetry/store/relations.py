"""How large the database's relations are."""

from collections.abc import Sequence

from lamina.kernel.storage.database import Database, Record


async def list_sizes(database: Database, timeout_s: float) -> Sequence[Record]:
    """Every relation outside the system's schemas, the largest first (spec/telemetry.md 6.2)."""
    return await database.fetch(
        "telemetry.list_relations",
        """
        SELECT n.nspname || '.' || c.relname AS relation, pg_size_pretty(size.bytes) AS size
          FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
               CROSS JOIN LATERAL (SELECT coalesce(pg_relation_size(c.oid), 0) AS bytes) size
         WHERE n.nspname NOT IN ('pg_catalog', 'information_schema')
         ORDER BY size.bytes DESC, 1 LIMIT 1000
        """,
        timeout_s=timeout_s,
    )
