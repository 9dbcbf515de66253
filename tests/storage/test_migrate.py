"""Migrations on a real database: once, in order, whoever runs them and however often."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from lamina.kernel.storage.database import Database, PoolOptions
from lamina.kernel.storage.migrate import Migration, MigrationEdited, SchemaNewer, load, migrate, pending
from lamina.services.ledger.service import MIGRATIONS, NAME

FIRST = Migration(
    "test", 1, "0001_pre_notes.sql", "CREATE TABLE notes (id int); INSERT INTO notes VALUES (1)"
)
SECOND = Migration("test", 2, "0002_post_more.sql", "INSERT INTO notes VALUES (2)")
BROKEN = Migration("test", 2, "0002_post_broken.sql", "INSERT INTO notes VALUES (2); SELECT 1 / 0")


@pytest.fixture
async def database(empty_dsn: str) -> AsyncIterator[Database]:
    database = await Database.connect(PoolOptions(empty_dsn))
    yield database
    await database.close()


async def notes(database: Database) -> list[int]:
    return [row["id"] for row in await database.fetch("test.read_notes", "SELECT id FROM notes ORDER BY id")]


async def test_each_migration_runs_once_and_in_order(database: Database) -> None:
    assert await pending(database, [FIRST, SECOND]) == [FIRST, SECOND]
    assert await migrate(database, [FIRST]) == [FIRST]
    assert await pending(database, [FIRST, SECOND]) == [SECOND]
    assert await migrate(database, [FIRST, SECOND]) == [SECOND]
    assert await migrate(database, [FIRST, SECOND]) == []
    assert await pending(database, [FIRST, SECOND]) == []
    assert await notes(database) == [1, 2]


async def test_the_ledgers_migrations_are_idempotent(database: Database) -> None:
    migrations = load(NAME, MIGRATIONS)
    assert await migrate(database, migrations) == migrations
    assert await migrate(database, migrations) == []


@pytest.mark.parametrize("round_number", range(3))
async def test_of_many_processes_that_migrate_at_once_each_step_is_run_by_one(
    empty_dsn: str, round_number: int
) -> None:
    databases = [await Database.connect(PoolOptions(empty_dsn, connections_max=2)) for _ in range(6)]
    done = await asyncio.gather(*(migrate(each, [FIRST, SECOND]) for each in databases))
    assert sorted(step.number for steps in done for step in steps) == [1, 2]
    assert await notes(databases[0]) == [1, 2]
    for each in databases:
        await each.close()


async def test_a_failing_migration_leaves_nothing(database: Database) -> None:
    with pytest.raises(Exception, match="division by zero"):
        await migrate(database, [FIRST, BROKEN])
    assert await pending(database, [FIRST, SECOND]) == [FIRST, SECOND]
    assert await migrate(database, [FIRST, SECOND]) == [FIRST, SECOND]
    assert await notes(database) == [1, 2]


async def test_an_edited_migration_is_refused(database: Database) -> None:
    await migrate(database, [FIRST])
    edited = Migration(FIRST.service, FIRST.number, FIRST.name, FIRST.sql + " ")
    with pytest.raises(MigrationEdited) as caught:
        await migrate(database, [edited, SECOND])
    assert caught.value.exit_code == 4
    assert FIRST.name in caught.value.detail
    assert await notes(database) == [1]


async def test_a_newer_schema_is_refused(database: Database) -> None:
    await migrate(database, [FIRST, SECOND])
    with pytest.raises(SchemaNewer) as caught:
        await migrate(database, [FIRST])
    assert caught.value.exit_code == 4
    assert caught.value.hint


async def test_another_services_migrations_are_nobodys_business(database: Database) -> None:
    other = Migration("other", 1, "0001_pre_other.sql", "CREATE TABLE other (id int)")
    await migrate(database, [other])
    assert await migrate(database, [FIRST]) == [FIRST]
    assert await migrate(database, [other, FIRST, SECOND]) == [SECOND]
