"""A fresh database for every test, empty or with the ledger's tables."""

from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlsplit

import pytest
from tests.postgres_server import drop_database, in_thread, new_database
from tests.quorum_cluster import QuorumCluster
from tests.running_platform import open_directory

from lamina.kernel.storage.database import Database, PoolOptions
from lamina.kernel.storage.migrate import load, migrate
from lamina.services.ledger.service import MIGRATIONS, NAME
from lamina.services.telemetry.store import schema


async def _migrate(dsn: str, name: str = NAME, migrations: str = MIGRATIONS) -> None:
    database = await Database.connect(PoolOptions(dsn))
    await migrate(database, load(name, migrations))
    await database.close()


@pytest.fixture(scope="session")
def quorum_cluster() -> Iterator[QuorumCluster]:
    """A primary and two standbys, for tests that leave them in their roles: `whole_cluster` is what they ask for."""
    with open_directory() as directory, QuorumCluster(directory).running() as cluster:
        yield cluster


@pytest.fixture
def whole_cluster(quorum_cluster: QuorumCluster) -> QuorumCluster:
    """The shared cluster with every node in place, whatever the test before did."""
    quorum_cluster.mend()
    return quorum_cluster


@pytest.fixture(scope="session")
def ledger_template(postgres: str) -> Iterator[str]:
    """Name of a database that holds the ledger's tables and nobody is connected to."""
    dsn = new_database(postgres)
    in_thread(_migrate(dsn))
    yield urlsplit(dsn).path[1:]
    drop_database(postgres, dsn)


@pytest.fixture
def empty_dsn(postgres: str) -> Iterator[str]:
    """A database without tables."""
    dsn = new_database(postgres)
    yield dsn
    drop_database(postgres, dsn)


@pytest.fixture
def ledger_dsn(postgres: str, ledger_template: str) -> Iterator[str]:
    """A database with the ledger's tables."""
    dsn = new_database(postgres, ledger_template)
    yield dsn
    drop_database(postgres, dsn)


@pytest.fixture
async def database(ledger_dsn: str) -> AsyncIterator[Database]:
    """A pool on a database with the ledger's tables."""
    database = await Database.connect(PoolOptions(ledger_dsn))
    yield database
    await database.close()


@pytest.fixture(scope="session")
def telemetry_template(postgres: str) -> Iterator[str]:
    """Name of a database that holds telemetry's tables and nobody is connected to."""
    dsn = new_database(postgres)
    in_thread(_migrate(dsn, schema.NAME, schema.MIGRATIONS))
    yield urlsplit(dsn).path[1:]
    drop_database(postgres, dsn)


@pytest.fixture
def telemetry_dsn(postgres: str, telemetry_template: str) -> Iterator[str]:
    """A database with telemetry's tables, without partitions and views."""
    dsn = new_database(postgres, telemetry_template)
    yield dsn
    drop_database(postgres, dsn)


@pytest.fixture
async def telemetry_database(telemetry_dsn: str) -> AsyncIterator[Database]:
    """A pool on it."""
    database = await Database.connect(PoolOptions(telemetry_dsn))
    yield database
    await database.close()
