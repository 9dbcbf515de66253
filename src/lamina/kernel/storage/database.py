"""Pools and named transactions over one PostgreSQL.

A transaction ends in one of three ways: committed, rolled back, or unknown (`CommitUnknown`), when the
connection died while COMMIT was on its way. Unknown is never retried; the caller re-reads by key
(distribution-and-reliability D6). No driver timeout ever cancels a commit (same document, 10.4).
"""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import asyncpg
import structlog
from asyncpg.pool import PoolConnectionProxy

from lamina.kernel.errors import CommitUnknown, DatabaseUnavailable, LaminaError
from lamina.kernel.settings.platform import PostgresSettings
from lamina.kernel.storage.metrics import TRANSACTION_OUTCOMES, TRANSACTION_SECONDS

T = TypeVar("T")
Connection = PoolConnectionProxy
Record = asyncpg.Record

_log = structlog.get_logger("lamina.storage")

# Retry policy of distribution-and-reliability section 4: whole transactions, before COMMIT was sent.
RETRY_MAX = 8
ANSWER_S = 4.0  # retries together, and the wait for a commit: a write must have its 503 within 5 s (13.6)
RETRY_DELAY_MIN_S = 0.01
RETRY_DELAY_MAX_S = 1.0
_RETRYABLE = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.LockNotAvailableError,
    asyncpg.QueryCanceledError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ReadOnlySQLTransactionError,
)
_LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # the server has ended this connection, the news is still on its way
    OSError,
    TimeoutError,
)
_REFUSED = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError)
_SYNC_WAIT_CANCELLED = "canceling wait for synchronous replication"


class RowsRefused(LaminaError):
    """The database refused a value of this statement; nothing was stored."""

    code = "rows_refused"


@dataclass(frozen=True, slots=True)
class PoolOptions:
    """How one process connects: sizes in connections, times in seconds.

    With `connections_min = 0` a pool opens although nothing answers at the DSN yet.
    """

    dsn: str
    connections_max: int = 8
    connections_min: int = 1
    connect_timeout_s: float = 5.0
    acquire_timeout_s: float = 4.0
    statement_timeout_s: float = 30.0
    application: str = "lamina"

    @classmethod
    def of(
        cls, settings: PostgresSettings, dsn: str, *, application: str, connections_min: int = 1
    ) -> "PoolOptions":
        """The pool of one process, as configured."""
        return cls(
            dsn=dsn,
            connections_max=settings.pool_connections_max,
            connections_min=connections_min,
            connect_timeout_s=settings.connect_timeout_s,
            acquire_timeout_s=settings.acquire_timeout_s,
            statement_timeout_s=settings.statement_timeout_s,
            application=application,
        )


class _Session(asyncpg.Connection):
    """A connection whose release costs no round trip.

    asyncpg resets session state on release; Lamina never changes session state outside `SET LOCAL`
    (distribution-and-reliability section 4), so there is nothing to reset.
    """

    def get_reset_query(self) -> str:
        """Reset nothing."""
        return ""


class Database:
    """A pool of connections and the transactions made on it."""

    def __init__(self, pool: asyncpg.Pool, options: PoolOptions) -> None:
        self._pool = pool
        self._options = options

    @classmethod
    async def connect(cls, options: PoolOptions) -> "Database":
        """Open a pool.

        Raises:
            DatabaseUnavailable: nothing answers at the DSN, or it refuses us.
        """
        try:
            pool = await asyncpg.create_pool(  # pyright: ignore[reportUnknownMemberType] - asyncpg is untyped here
                options.dsn,
                min_size=options.connections_min,
                max_size=options.connections_max,
                timeout=options.connect_timeout_s,
                max_inactive_connection_lifetime=300,
                connection_class=_Session,
                server_settings={
                    "application_name": options.application,
                    # The server's own timeout: unlike a driver's it never cuts a commit short (section 10.4).
                    "statement_timeout": str(round(options.statement_timeout_s * 1000)),
                },
            )
        except (*_LOST, asyncpg.PostgresError) as failure:
            raise unavailable(failure) from failure
        return cls(pool, options)

    async def close(self) -> None:
        """Close every connection; work in progress is given a moment, then cut."""
        try:
            await asyncio.wait_for(self._pool.close(), timeout=5)
        except TimeoutError:
            self._pool.terminate()

    async def check(self) -> str | None:
        """A readiness check: None when the database answers."""
        try:
            await self._attempt("lamina.check", lambda cx: cx.fetchval("SELECT 1"), timeout_s=ANSWER_S)
        except DatabaseUnavailable as failure:
            return failure.detail
        return None

    async def fetch(
        self, name: str, query: str, *values: object, timeout_s: float | None = None
    ) -> Sequence[Record]:
        """Run one reading statement and return its rows.

        Args:
            name: as of a transaction.
            query: one statement.
            values: its parameters.
            timeout_s: how long to wait for the answer; as long as a statement may run when absent.

        Raises:
            DatabaseUnavailable: after the retry policy is exhausted.
        """
        return await self._attempt(name, lambda cx: cx.fetch(query, *values), timeout_s=timeout_s)

    async def fetchrow(self, name: str, query: str, *values: object) -> Record | None:
        """Run one reading statement and return its first row."""
        return await self._attempt(name, lambda cx: cx.fetchrow(query, *values))

    async def fetchval(self, name: str, query: str, *values: object) -> Any:  # noqa: ANN401 - a column of any type
        """Run one reading statement and return the first column of its first row."""
        return await self._attempt(name, lambda cx: cx.fetchval(query, *values))

    async def store(self, name: str, query: str, *values: object) -> Sequence[Record]:
        """Run one writing statement as a transaction of its own (one round trip).

        Raises:
            CommitUnknown: the connection died after the statement was sent.
            RowsRefused: a value was refused; nothing is stored.
            DatabaseUnavailable: no connection could be had; nothing was sent.
        """
        with TRANSACTION_SECONDS.labels(name).time():
            connection = await self._acquire()
            try:
                return await self._commit(connection, name, lambda: connection.fetch(query, *values))
            finally:
                await self._release(connection)

    async def run(self, name: str, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Run `work` in one transaction, again from the start when the database asks for that.

        Raises:
            CommitUnknown: the commit may or may not have happened.
            RowsRefused: a value was refused; nothing is stored.
            DatabaseUnavailable: after the retry policy is exhausted.
        """
        patience = _Patience()
        while True:
            try:
                async with self.transaction(name) as cx:
                    return await work(cx)
            except DatabaseUnavailable:
                if patience.is_exhausted:
                    raise
            await patience.pause()

    @contextlib.asynccontextmanager
    async def transaction(self, name: str) -> AsyncGenerator[Connection]:
        """One transaction, named `<service>.<verb>_<noun>` in logs and metrics.

        Raises:
            CommitUnknown, RowsRefused, DatabaseUnavailable: as `run`, without its retries.
        """
        with TRANSACTION_SECONDS.labels(name).time():
            connection = await self._acquire()
            try:
                transaction = connection.transaction()
                await transaction.start()
                try:
                    yield connection
                except BaseException:
                    with contextlib.suppress(*_LOST, asyncpg.PostgresError):
                        await transaction.rollback()
                    raise
                await self._commit(connection, name, transaction.commit)
            except (*_RETRYABLE, *_LOST) as failure:
                TRANSACTION_OUTCOMES.labels(name, "rolled_back").inc()
                _leave_stale_primary(connection, failure)
                raise unavailable(failure) from failure
            except _REFUSED as failure:
                TRANSACTION_OUTCOMES.labels(name, "refused").inc()
                raise RowsRefused(str(failure)) from failure
            finally:
                await self._release(connection)

    async def listen(
        self, channels: Sequence[str], hear: Callable[[str], None], lost: Callable[[], None]
    ) -> Connection:
        """Hold a connection that calls `hear(channel)` on every NOTIFY, and `lost()` when it dies.

        Raises:
            DatabaseUnavailable: no connection could be had, or it died at once.
        """
        connection = await self._acquire()

        def heard(_connection: object, _pid: int, channel: str, _payload: object) -> None:
            hear(channel)

        def ended(_connection: object) -> None:
            lost()

        connection.add_termination_listener(ended)
        try:
            for channel in channels:
                await connection.add_listener(channel, heard)
        except (*_LOST, asyncpg.PostgresError) as failure:
            cut(connection)
            raise unavailable(failure) from failure
        return connection

    async def _acquire(self) -> Connection:
        try:
            pool: Any = self._pool  # asyncpg leaves the types of its pool open
            acquired = await pool.acquire(timeout=self._options.acquire_timeout_s)
        except (*_LOST, asyncpg.PostgresError) as failure:
            raise unavailable(failure) from failure
        return cast("Connection", acquired)

    async def _release(self, connection: Connection) -> None:
        try:
            await self._pool.release(connection)  # pyright: ignore[reportUnknownMemberType]
        except (*_LOST, asyncpg.PostgresError):
            cut(connection)

    async def _attempt(
        self, name: str, read: Callable[[Connection], Awaitable[T]], *, timeout_s: float | None = None
    ) -> T:
        patience = _Patience()
        while True:
            try:
                with TRANSACTION_SECONDS.labels(name).time():
                    return await self._read(read, timeout_s or self._options.statement_timeout_s)
            except DatabaseUnavailable:
                if patience.is_exhausted:
                    raise
            except (*_RETRYABLE, *_LOST) as failure:
                if patience.is_exhausted:
                    raise unavailable(failure) from failure
            await patience.pause()

    async def _read(self, read: Callable[[Connection], Awaitable[T]], timeout_s: float) -> T:
        connection = await self._acquire()
        try:
            async with asyncio.timeout(timeout_s):
                return await read(connection)
        except (TimeoutError, asyncio.CancelledError):
            cut(connection)  # a server that hangs would not answer a cancel request either
            raise
        finally:
            await self._release(connection)

    async def _commit(self, connection: Connection, name: str, commit: Callable[[], Awaitable[T]]) -> T:
        """Send the commit and wait; on deadline close the socket: a cancel request would make it a lie."""
        notices: list[str] = []

        def noticed(_connection: object, message: object) -> None:
            notices.append(str(message))

        connection.add_log_listener(noticed)
        sent = asyncio.ensure_future(commit())
        try:
            done, _ = await asyncio.wait({sent}, timeout=ANSWER_S)
            if not done:
                raise TimeoutError
            result = sent.result()
        except (*_LOST, asyncio.CancelledError) as failure:
            cut(connection)
            sent.cancel()
            TRANSACTION_OUTCOMES.labels(name, "unknown").inc()
            _log.warning("commit outcome unknown", transaction=name, cause=type(failure).__name__)
            if isinstance(failure, asyncio.CancelledError):
                raise
            raise CommitUnknown(transaction=name) from failure
        except _RETRYABLE as failure:
            _leave_stale_primary(connection, failure)
            raise unavailable(failure) from failure
        except _REFUSED as failure:
            raise RowsRefused(str(failure)) from failure
        finally:
            with contextlib.suppress(asyncpg.InterfaceError):
                connection.remove_log_listener(noticed)
        if any(_SYNC_WAIT_CANCELLED in notice for notice in notices):
            TRANSACTION_OUTCOMES.labels(name, "unknown").inc()
            raise CommitUnknown("The wait for replication was cancelled.", transaction=name)
        TRANSACTION_OUTCOMES.labels(name, "committed").inc()
        return result


def cut(connection: Connection) -> None:
    """Close the socket at once; a connection that died was taken back by the pool already."""
    with contextlib.suppress(asyncpg.InterfaceError):
        connection.terminate()


def _leave_stale_primary(connection: Connection, failure: BaseException) -> None:
    """After a failover the next connection finds the new primary (distribution-and-reliability section 4)."""
    if isinstance(failure, asyncpg.ReadOnlySQLTransactionError):
        cut(connection)


async def copy_rows(
    cx: Connection, table: str, columns: Sequence[str], rows: Sequence[tuple[object, ...]]
) -> None:
    """COPY rows into `schema.table` within the caller's transaction; a conflict ends that transaction."""
    if rows:
        schema, _, name = table.partition(".")
        await cx.copy_records_to_table(name, schema_name=schema, columns=list(columns), records=rows)


def unavailable(failure: BaseException) -> DatabaseUnavailable:
    """Word a driver's failure for people, without the DSN."""
    return DatabaseUnavailable(
        f"The database does not answer: {type(failure).__name__}: {failure}".rstrip(": ")
    )


class _Patience:
    """The retry budget of one call: at most 8 tries in 4 s, full jitter between 10 ms and 1 s."""

    def __init__(self) -> None:
        self._tries = 0
        self._deadline = time.monotonic() + ANSWER_S

    @property
    def is_exhausted(self) -> bool:
        return self._tries >= RETRY_MAX - 1 or time.monotonic() >= self._deadline

    async def pause(self) -> None:
        ceiling = min(RETRY_DELAY_MAX_S, RETRY_DELAY_MIN_S * 2**self._tries)
        self._tries += 1
        await asyncio.sleep(random.uniform(0, ceiling))  # noqa: S311 - jitter, not a secret
