"""What a PostgreSQL says about itself, for commands that show or check it."""

from dataclasses import dataclass

from lamina.kernel.storage.database import Database


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """One database on one server; the size in bytes counts every service's tables."""

    version: str
    database: str
    size_bytes: int
    data_checksums: bool
    in_recovery: bool


async def read_facts(database: Database) -> ServerFacts:
    """Ask the server.

    Raises:
        DatabaseUnavailable: it does not answer.
    """
    row = await database.fetchrow(
        "lamina.read_facts",
        """
        SELECT current_setting('server_version'), current_database()::text,
               pg_database_size(current_database()), current_setting('data_checksums') = 'on',
               pg_is_in_recovery()
        """,
    )
    assert row is not None, "a SELECT without FROM has one row"
    return ServerFacts(*row.values())


async def list_clients(database: Database) -> list[str]:
    """Names of the other Lamina processes that are connected to this database, as far as the role may see."""
    rows = await database.fetch(
        "lamina.list_clients",
        """
        SELECT DISTINCT application_name FROM pg_stat_activity
         WHERE datname = current_database() AND application_name LIKE 'lamina %'
           AND application_name <> current_setting('application_name')
         ORDER BY 1
        """,
    )
    return [row["application_name"] for row in rows]
