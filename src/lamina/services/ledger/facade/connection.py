"""A database to work with from synchronous code; several nodes may share one."""

from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

from lamina.kernel.storage import migrate
from lamina.kernel.storage.database import Database, PoolOptions
from lamina.services.ledger.errors import OperationError
from lamina.services.ledger.facade.runner import LoopThread
from lamina.services.ledger.store.schema import MIGRATIONS, NAME

T = TypeVar("T")

CONNECTIONS_MAX = 4


class Connection:
    """An open database; a context manager that closes it."""

    def __init__(self, dsn: str) -> None:
        """Connect.

        Args:
            dsn: `postgresql://user:password@host:5432/database`.

        Raises:
            DatabaseUnavailable: nothing answers at the DSN, or it refuses us.
        """
        self._thread = LoopThread()
        options = PoolOptions(dsn, connections_max=CONNECTIONS_MAX, application="lamina-library")
        try:
            self._database: Database | None = self._thread.run(Database.connect(options))
        except BaseException:
            self._thread.close()
            raise

    @property
    def database(self) -> Database:
        """What the ledger's own functions take; to be used inside `run` only.

        Raises:
            OperationError: the connection was closed.
        """
        if self._database is None:
            raise OperationError("The connection is closed.", hint="Open another one.")
        return self._database

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for a coroutine that uses `database`."""
        return self._thread.run(work)

    def init_database(self) -> None:
        """Make the ledger's tables, or bring them up to date.

        Raises:
            SchemaNewer: a newer Lamina wrote this database.
        """
        self.run(migrate.migrate(self.database, migrate.load(NAME, MIGRATIONS)))

    def close(self) -> None:
        """Give everything back; closing twice is closing once."""
        if self._database is not None:
            database, self._database = self._database, None
            self._thread.run(database.close())
        self._thread.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
