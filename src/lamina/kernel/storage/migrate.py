"""Numbered, forward-only SQL migrations per service, run under one row lock.

A service keeps them as `NNNN_<pre|post>_<words>.sql` beside its store. A migration that has run is never
edited: its digest is recorded and compared. See docs/how-to/add-a-migration.md.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources

import asyncpg

from lamina.kernel.errors import LaminaError
from lamina.kernel.storage.database import Connection, Database, Record

_FILE = re.compile(r"(?P<number>\d{4})_(?:pre|post)_\w+\.sql")

_BOOTSTRAP = """
CREATE SCHEMA IF NOT EXISTS lamina;
CREATE TABLE IF NOT EXISTS lamina.migration_lock (id int PRIMARY KEY);
INSERT INTO lamina.migration_lock VALUES (1) ON CONFLICT (id) DO NOTHING;
CREATE TABLE IF NOT EXISTS lamina.migrations (
    service text NOT NULL,
    number int NOT NULL,
    name text NOT NULL,
    digest text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (service, number)
);
"""


class SchemaNewer(LaminaError):
    """The database was written by a newer Lamina than this one."""

    code = "db_schema_newer"
    exit_code = 4

    def default_hint(self) -> str:
        """Name the two ways out."""
        return "Install the newer lamina again, or restore a backup taken before the upgrade."


class MigrationEdited(LaminaError):
    """A migration that already ran is not the file this build carries."""

    code = "db_migration_edited"
    exit_code = 4

    def default_hint(self) -> str:
        """Migrations are forward only."""
        return "Write a new migration; a migration that has run is never edited."


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered step of one service."""

    service: str
    number: int
    name: str
    sql: str

    @property
    def digest(self) -> str:
        """Fingerprint of the text, recorded when it runs."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Applied:
    """A step that a database has had, as it recorded it."""

    number: int
    name: str
    digest: str


def load(service: str, package: str) -> list[Migration]:
    """Read a service's migrations from its package, in order, numbered 1, 2, 3 without a gap."""
    found: list[Migration] = []
    for entry in resources.files(package).iterdir():
        match = _FILE.fullmatch(entry.name)
        if match:
            found.append(Migration(service, int(match["number"]), entry.name, entry.read_text("utf-8")))
    found.sort(key=lambda migration: migration.number)
    assert [migration.number for migration in found] == list(range(1, len(found) + 1)), (
        f"{package}: numbering"
    )
    return found


async def recorded(database: Database) -> dict[tuple[str, int], str]:
    """Which migrations this database says it has had: (service, number) to name; nothing is written."""
    if not await _is_bootstrapped(database):
        return {}
    rows = await database.fetch(
        "lamina.read_migrations", "SELECT service, number, name FROM lamina.migrations"
    )
    return {(row["service"], row["number"]): row["name"] for row in rows}


async def history(cx: Connection) -> dict[str, list[Applied]]:
    """What a database has had, by service, as this transaction sees it; nothing is written."""
    if not await cx.fetchval("SELECT to_regclass('lamina.migrations') IS NOT NULL"):
        return {}
    found: dict[str, list[Applied]] = {}
    for row in await cx.fetch(
        "SELECT service, number, name, digest FROM lamina.migrations ORDER BY service, number"
    ):
        found.setdefault(row["service"], []).append(Applied(row["number"], row["name"], row["digest"]))
    return found


async def forget(cx: Connection, service: str) -> None:
    """Forget that a service's migrations ran, in the transaction that drops what they made."""
    await cx.execute("DELETE FROM lamina.migrations WHERE service = $1", service)


async def pending(database: Database, migrations: Iterable[Migration]) -> list[Migration]:
    """What `migrate` would run, in order."""
    done = await recorded(database)
    return [migration for migration in migrations if (migration.service, migration.number) not in done]


async def migrate(database: Database, migrations: Sequence[Migration]) -> list[Migration]:
    """Run every pending migration in one transaction under the migration lock; several processes may call it.

    Nothing is written where none is pending, so that a standby will do.

    Raises:
        SchemaNewer: the database knows a migration this build does not.
        MigrationEdited: a recorded migration differs from this build's text.
    """
    await _bootstrap(database)
    if not _unapplied(await _history_of(database, migrations), migrations):
        return []

    async def work(cx: Connection) -> list[Migration]:
        await cx.execute("SELECT id FROM lamina.migration_lock WHERE id = 1 FOR UPDATE")
        todo = _unapplied(await _history_of(cx, migrations), migrations)
        for migration in todo:
            await cx.execute(migration.sql)
            await cx.execute(
                "INSERT INTO lamina.migrations (service, number, name, digest) VALUES ($1, $2, $3, $4)",
                migration.service,
                migration.number,
                migration.name,
                migration.digest,
            )
        return todo

    return await database.run("lamina.run_migrations", work)


async def _bootstrap(database: Database) -> None:
    """Make the record of migrations; a concurrent first start may race us to the same statements."""
    if await _is_bootstrapped(database):
        return

    async def work(cx: Connection) -> None:
        await cx.execute(_BOOTSTRAP)

    try:
        await database.run("lamina.create_migrations", work)
    except (asyncpg.UniqueViolationError, asyncpg.DuplicateObjectError, LaminaError):
        if not await _is_bootstrapped(database):
            raise


async def _is_bootstrapped(database: Database) -> bool:
    return await database.fetchval(
        "lamina.find_migrations", "SELECT to_regclass('lamina.migrations') IS NOT NULL"
    )


async def _history_of(source: Database | Connection, migrations: Sequence[Migration]) -> Sequence[Record]:
    services = {migration.service for migration in migrations}
    query = "SELECT service, number, digest FROM lamina.migrations WHERE service = ANY($1)"
    if isinstance(source, Database):
        return await source.fetch("lamina.read_migrations", query, services)
    return await source.fetch(query, services)


def _unapplied(rows: Sequence[Record], migrations: Sequence[Migration]) -> list[Migration]:
    known = {(migration.service, migration.number): migration for migration in migrations}
    for row in rows:
        migration = known.get((row["service"], row["number"]))
        if migration is None:
            raise SchemaNewer(service=row["service"], number=row["number"])
        if migration.digest != row["digest"]:
            raise MigrationEdited(
                f"Migration {migration.name} of {migration.service} was edited after it ran."
            )
    done = {(row["service"], row["number"]) for row in rows}
    return [migration for key, migration in known.items() if key not in done]
