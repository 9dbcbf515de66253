"""Telemetry's schema, and the names under which Grafana and the original's users know its tables."""

import structlog

from lamina.kernel.storage.database import Connection, Database

_log = structlog.get_logger("lamina.telemetry.store")

NAME = "telemetry"
"""The service, and its schema in the database."""

MIGRATIONS = "lamina.services.telemetry.store.migrations"
"""The package of its numbered SQL."""

_LOGS = "SELECT id, created_at, logs, peer_connection_id FROM telemetry.tetcore_logs"
_VIEWS = {
    "peer_connections": "SELECT * FROM telemetry.peer_connections",
    "tetcore_logs": _LOGS,
    "substrate_logs": _LOGS,
    "host_systems": "SELECT * FROM telemetry.host_systems",
    "benchmarks": "SELECT * FROM telemetry.benchmarks",
    "benchmark_events": "SELECT * FROM telemetry.benchmark_events",
}


async def exists(database: Database) -> bool:
    """Whether telemetry was ever prepared in this database."""
    found = await database.fetchval(
        "telemetry.exists", "SELECT to_regclass('telemetry.tetcore_logs') IS NOT NULL"
    )
    return bool(found)


async def publish_views(database: Database) -> None:
    """Make the original's table names answer unqualified SQL (spec/telemetry.md 4.1); again at each start.

    A restored database has our schema and not the views. A table of the original that is in the way stays,
    and the log says so.
    """

    async def work(cx: Connection) -> None:
        await cx.execute("SELECT pg_advisory_xact_lock(hashtext('telemetry.views'))")
        for name, query in _VIEWS.items():
            kind = await cx.fetchval(
                "SELECT relkind::text FROM pg_class WHERE oid = to_regclass('public.' || $1)", name
            )
            if kind in {None, "v"}:
                await cx.execute(f"CREATE OR REPLACE VIEW public.{name} AS {query}")
            else:
                _log.warning(
                    "public holds another table of this name; dashboards see that one, not Lamina's",
                    table=name,
                    hint=f"Rename it: ALTER TABLE public.{name} RENAME TO {name}_before_lamina",
                )

    await database.run("telemetry.publish_views", work)
