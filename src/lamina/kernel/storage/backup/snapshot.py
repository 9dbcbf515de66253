"""One moment of a database, held open so that pg_dump and our own questions see the same."""

import contextlib
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from lamina.kernel.storage import migrate
from lamina.kernel.storage.database import Connection, Database
from lamina.kernel.storage.migrate import Applied

KERNEL_SCHEMA = "lamina"
# Only this transaction's: it does nothing while pg_dump reads, and a server may be set up to end such ones.
_PATIENCE = (
    "SET LOCAL idle_in_transaction_session_timeout = 0",
    "SELECT set_config(name, '0', true) FROM pg_settings WHERE name = 'transaction_timeout'",
)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A moment and what the database is at it.

    Attributes:
        connection: sees that moment.
        identifier: lets another session see it too.
        server_version: as the server words it.
        server_major: its first number.
        origin: cluster and database, the same for all backups of one platform.
        database_bytes: size of the whole database.
        migrations: what it has had, by service.
    """

    connection: Connection
    identifier: str
    server_version: str
    server_major: int
    origin: str
    database_bytes: int
    migrations: dict[str, list[Applied]]

    @property
    def schemas(self) -> Sequence[str]:
        """The kernel's and one for every service."""
        return (KERNEL_SCHEMA, *self.migrations)


@contextlib.asynccontextmanager
async def take_snapshot(database: Database) -> AsyncGenerator[Snapshot]:
    """Hold a moment until the block ends; nobody who writes is stopped by it.

    Raises:
        DatabaseUnavailable: the database went away.
    """
    async with database.transaction("lamina.take_snapshot") as cx:
        await cx.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        for statement in _PATIENCE:
            await cx.execute(statement)
        row = await cx.fetchrow(
            """
            SELECT pg_export_snapshot(), current_setting('server_version'),
                   current_setting('server_version_num')::int / 10000,
                   (SELECT system_identifier FROM pg_control_system()) || '/' || current_database(),
                   pg_database_size(current_database())
            """
        )
        assert row is not None, "a SELECT without FROM has one row"
        yield Snapshot(cx, *row.values(), migrations=await migrate.history(cx))


async def table_bytes(cx: Connection, schemas: Sequence[str]) -> int:
    """Size of the tables without their indexes, which a dump does not hold."""
    return await cx.fetchval(
        """
        SELECT coalesce(sum(pg_table_size(c.oid)), 0)::bigint FROM pg_class c
          JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = ANY ($1) AND c.relkind IN ('r', 'm')
        """,
        schemas,
    )


async def unknown_column_options(cx: Connection, schemas: Sequence[str]) -> list[str]:
    """Options of columns that no PostgreSQL documents: a server's own marks."""
    rows = await cx.fetch(
        """
        SELECT DISTINCT split_part(o, '=', 1) AS name FROM pg_attribute a
          JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace,
               unnest(a.attoptions) o
         WHERE n.nspname = ANY ($1) AND split_part(o, '=', 1) NOT IN ('n_distinct', 'n_distinct_inherited')
         ORDER BY 1
        """,
        schemas,
    )
    return [row["name"] for row in rows]


async def list_objects(database: Database) -> list[str]:
    """Relations and schemas that were made in this database; what extensions brought does not count."""
    rows = await database.fetch(
        "lamina.list_objects",
        """
        SELECT n.nspname || '.' || c.relname AS name FROM pg_class c
          JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
           AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
        UNION
        SELECT nspname FROM pg_namespace n
         WHERE nspname NOT IN ('public', 'information_schema') AND nspname !~ '^pg_'
           AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = n.oid AND d.deptype = 'e')
         ORDER BY 1 LIMIT 5
        """,
    )
    return [row["name"] for row in rows]
