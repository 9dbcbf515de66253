"""Pools and named transactions over one PostgreSQL, which may be a primary and its standbys.

A transaction ends in one of three ways: committed, rolled back, or unknown (`CommitUnknown`), when the
connection died while COMMIT was on its way. Unknown is never retried; the caller re-reads by key with
`confirm` (distribution-and-reliability D6). No driver timeout ever cancels a commit (same document, 10.4).
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import asyncpg
import structlog
from asyncpg.pool import PoolConnectionProxy

from lamina.kernel.errors import CommitUnknown, DatabaseUnavailable, LaminaError, NoFreeConnection, QuorumLost
from lamina.kernel.settings.dsn import Place
from lamina.kernel.settings.platform import PostgresSettings
from lamina.kernel.storage import quorum
from lamina.kernel.storage.hosts import Hosts, Session
from lamina.kernel.storage.metrics import (
    REPLICATION_WAITS_CANCELLED,
    TRANSACTION_OUTCOMES,
    TRANSACTION_SECONDS,
)
from lamina.kernel.storage.patience import ANSWER_S, Patience

T = TypeVar("T")
Connection = PoolConnectionProxy
Record = asyncpg.Record

_log = structlog.get_logger("lamina.storage")

COMMIT_WAIT_MIN_S = 1.0  # a commit gets this much however long the tries before it took
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
_COPY_HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_COPY_TRAILER = b"\xff\xff"
_FINAL = (NoFreeConnection, QuorumLost)  # waiting was part of it, or is of no use
_REFUSED = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,  # such as a text too long for an index
    asyncpg.StatementTooComplexError,
)


class RowsRefused(LaminaError):
    """The database refused a value of this statement; nothing was stored."""

    code = "rows_refused"


@dataclass(frozen=True, slots=True)
class PoolOptions:
    """How one process connects: sizes in connections, times in seconds.

    A lazy pool opens although nothing answers at the DSN yet. One that plans each query anew keeps no
    plan for any parameters. One that is read only is well on a standby.
    """

    dsn: str
    connections_max: int = 8
    connect_timeout_s: float = 5.0
    acquire_timeout_s: float = 4.0
    statement_timeout_s: float = 30.0
    application: str = "lamina"
    is_lazy: bool = False
    plans_each_query: bool = False
    is_read_only: bool = False

    @classmethod
    def of(
        cls,
        settings: PostgresSettings,
        dsn: str,
        *,
        application: str,
        is_lazy: bool = False,
        plans_each_query: bool = False,
    ) -> "PoolOptions":
        """The pool of one process, as configured."""
        return cls(
            dsn=dsn,
            connections_max=settings.pool_connections_max,
            is_lazy=is_lazy,
            plans_each_query=plans_each_query,
            is_read_only=settings.read_only,
            connect_timeout_s=settings.connect_timeout_s,
            acquire_timeout_s=settings.acquire_timeout_s,
            statement_timeout_s=settings.statement_timeout_s,
            application=application,
        )


class Database:
    """A pool of connections and the transactions made on it.

    Attributes:
        commits: how many were sent, whatever became of them.
    """

    def __init__(self, pool: asyncpg.Pool, hosts: Hosts, options: PoolOptions) -> None:
        self._pool = pool
        self._hosts = hosts
        self._options = options
        self._quorum_lost: str | None = None
        self.commits = 0

    @classmethod
    async def connect(cls, options: PoolOptions) -> "Database":
        """Open a pool.

        Raises:
            DatabaseUnavailable: nothing answers at the DSN, or it refuses us.
        """
        hosts = Hosts(options.dsn)
        pool: Any = asyncpg.create_pool(  # pyright: ignore[reportUnknownMemberType] - asyncpg is untyped here
            options.dsn,
            min_size=0,  # else the driver tries again behind our back, and logs each failure with its trace
            max_size=options.connections_max,
            timeout=options.connect_timeout_s,
            max_inactive_connection_lifetime=300,
            connection_class=Session,
            connect=hosts.connect,
            server_settings={
                "application_name": options.application,
                # The server's own timeout: unlike a driver's it never cuts a commit short (section 10.4).
                "statement_timeout": str(round(options.statement_timeout_s * 1000)),
                "plan_cache_mode": "force_custom_plan" if options.plans_each_query else "auto",
            },
        )
        try:
            await pool
            if not options.is_lazy:
                await pool.release(await pool.acquire(timeout=options.connect_timeout_s))
        except (*_LOST, asyncpg.PostgresError) as failure:
            pool.terminate()
            raise unavailable(failure) from failure
        return cls(pool, hosts, options)

    async def close(self) -> None:
        """Close every connection; work in progress is given a moment, then cut."""
        try:
            await asyncio.wait_for(self._pool.close(), timeout=5)
        except TimeoutError:
            self._pool.terminate()

    async def check(self) -> str | None:
        """A readiness check: None when the database answers and commits can be replicated as they must be.

        What it finds holds for writes until the next call: while the quorum is lost they are refused before
        anything is sent, for each one sent would occupy a connection of the server until a standby is back.
        """
        try:
            row = await self._attempt("lamina.check", self._look, timeout_s=ANSWER_S)
        except DatabaseUnavailable as failure:
            return failure.detail
        self._quorum_lost = quorum.lost(row)
        return None if self._quorum_lost is None else f"degraded: quorum lost: {self._quorum_lost}"

    async def _look(self, connection: Connection) -> Record:
        """Ask the server how it is; one that no longer takes writes is left."""
        row = await connection.fetchrow(quorum.LOOK)
        assert row is not None, "a SELECT without FROM has one row"
        if row["is_read_only"] and not self._options.is_read_only:
            raise asyncpg.ReadOnlySQLTransactionError("this server no longer takes writes")
        return row

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

    async def read(
        self, name: str, work: Callable[[Connection], Awaitable[T]], *, timeout_s: float | None = None
    ) -> T:
        """Run several reading statements that all see the database as it is at one moment.

        Args:
            name: as of a transaction.
            work: reads; again from the start when the database asks for that.
            timeout_s: how long to wait for all of it; as long as a statement may run when absent.

        Raises:
            DatabaseUnavailable: after the retry policy is exhausted.
        """

        async def at_one_moment(connection: Connection) -> T:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                return await work(connection)

        return await self._attempt(name, at_one_moment, timeout_s=timeout_s)

    async def store(self, name: str, query: str, *values: object) -> Sequence[Record]:
        """Run one writing statement as a transaction of its own (one round trip).

        A statement that may find everything stored already selects `quorum.DURABLE` too: a commit that wrote
        nothing says nothing about what others wrote.

        Raises:
            CommitUnknown: the connection died after the statement was sent.
            RowsRefused: a value was refused; nothing is stored.
            DatabaseUnavailable: after the retry policy is exhausted; nothing is stored.
        """
        patience = Patience()
        while True:
            try:
                with TRANSACTION_SECONDS.labels(name).time():
                    return await self._store(name, patience, query, values)
            except DatabaseUnavailable as failure:
                if patience.is_exhausted or isinstance(failure, _FINAL):
                    raise
            await patience.pause()

    async def _store(
        self, name: str, patience: Patience, query: str, values: Sequence[object]
    ) -> Sequence[Record]:
        self._refuse_without_quorum()
        connection = await self._acquire()
        try:
            wait_s = max(COMMIT_WAIT_MIN_S, patience.left_s)
            return await self._commit(connection, name, lambda: connection.fetch(query, *values), wait_s)
        finally:
            await self._release(connection)

    async def run(self, name: str, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Run `work` in one transaction, again from the start when the database asks for that.

        Raises:
            CommitUnknown: the commit may or may not have happened.
            RowsRefused: a value was refused; nothing is stored.
            DatabaseUnavailable: after the retry policy is exhausted.
        """
        patience = Patience()
        while True:
            try:
                async with self.transaction(name) as cx:
                    return await work(cx)
            except DatabaseUnavailable as failure:
                if patience.is_exhausted or isinstance(failure, _FINAL):
                    raise
            await patience.pause()

    async def confirm(self, name: str, query: str, *values: object) -> Sequence[Record]:
        """Read what a commit of unknown outcome may have stored; what is found can no longer be lost.

        A row may be visible and yet on no standby: when the wait for one was cancelled, or the server started
        again meanwhile. So this commits a record of its own after reading, and waits for that.

        Raises:
            CommitUnknown: the rows, if any, may still be lost.
            DatabaseUnavailable: after the retry policy is exhausted; nothing is known.
        """

        async def work(cx: Connection) -> Sequence[Record]:
            rows = await cx.fetch(query, *values)
            await cx.execute(f"SELECT {quorum.DURABLE}")
            return rows

        return await self.run(name, work)

    @contextlib.asynccontextmanager
    async def transaction(self, name: str) -> AsyncGenerator[Connection]:
        """One transaction, named `<service>.<verb>_<noun>` in logs and metrics.

        Raises:
            CommitUnknown, RowsRefused, DatabaseUnavailable: as `run`, without its retries.
        """
        self._refuse_without_quorum()
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
                await self._commit(connection, name, transaction.commit, ANSWER_S)
            except (*_RETRYABLE, *_LOST) as failure:
                TRANSACTION_OUTCOMES.labels(name, "rolled_back").inc()
                self._leave_stale_primary(connection, failure)
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
        except TimeoutError as failure:
            raise NoFreeConnection from failure
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
        patience = Patience()
        while True:
            try:
                with TRANSACTION_SECONDS.labels(name).time():
                    return await self._read(read, timeout_s or self._options.statement_timeout_s)
            except DatabaseUnavailable as failure:
                if patience.is_exhausted or isinstance(failure, _FINAL):
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
        except TimeoutError:
            await self._suspect(connection)
            cut(connection)  # a server that hangs would not answer a cancel request either
            raise
        except asyncio.CancelledError:
            cut(connection)
            raise
        except asyncpg.ReadOnlySQLTransactionError as failure:
            self._leave_stale_primary(connection, failure)
            raise
        finally:
            await self._release(connection)

    def _refuse_without_quorum(self) -> None:
        if self._quorum_lost is not None:
            raise QuorumLost(f"The quorum is lost: {self._quorum_lost}. Nothing was stored.")

    async def _commit(
        self, connection: Connection, name: str, commit: Callable[[], Awaitable[T]], wait_s: float
    ) -> T:
        """Send the commit and wait; on deadline close the socket: a cancel request would make it a lie."""
        cancelled: list[object] = []

        def noticed(_connection: object, message: object) -> None:
            if quorum.is_cancelled_wait(message):
                cancelled.append(message)

        connection.add_log_listener(noticed)
        sent = asyncio.ensure_future(commit())
        try:
            done, _ = await asyncio.wait({sent}, timeout=wait_s)
            if not done:
                await self._suspect(connection)
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
            self._leave_stale_primary(connection, failure)
            raise unavailable(failure) from failure
        except _REFUSED as failure:
            raise RowsRefused(str(failure)) from failure
        finally:
            self.commits += 1
            with contextlib.suppress(asyncpg.InterfaceError):
                connection.remove_log_listener(noticed)
        if cancelled:
            TRANSACTION_OUTCOMES.labels(name, "unknown").inc()
            REPLICATION_WAITS_CANCELLED.labels(name).inc()
            _log.error("somebody cancelled a commit's wait for a standby; it may be lost", transaction=name)
            raise CommitUnknown("The wait for replication was cancelled.", transaction=name)
        TRANSACTION_OUTCOMES.labels(name, "committed").inc()
        return result

    async def _suspect(self, connection: Connection) -> None:
        """A question was left unanswered: the next go over new connections, to another host if one will."""
        self._hosts.suspect(_place(connection))
        await self._pool.expire_connections()

    def _leave_stale_primary(self, connection: Connection, failure: BaseException) -> None:
        """After a failover the next connection finds the new primary (distribution-and-reliability 4)."""
        if isinstance(failure, asyncpg.ReadOnlySQLTransactionError):
            self._hosts.leave(_place(connection))
            cut(connection)


def cut(connection: Connection) -> None:
    """Close the socket at once; a connection that died was taken back by the pool already."""
    with contextlib.suppress(asyncpg.InterfaceError):
        connection.terminate()


def _place(connection: Connection) -> Place | None:
    """The host a connection leads to, where the DSN has several."""
    return getattr(connection, "place", None)


async def copy_rows(
    cx: Connection, table: str, columns: Sequence[str], rows: Sequence[tuple[object, ...]]
) -> None:
    """COPY rows into `schema.table` within the caller's transaction; a conflict ends that transaction."""
    if rows:
        schema, _, name = table.partition(".")
        await cx.copy_records_to_table(name, schema_name=schema, columns=list(columns), records=rows)


async def copy_encoded(
    cx: Connection, table: str, columns: Sequence[str], rows: bytes, meanwhile: Callable[[], None]
) -> None:
    """COPY rows that the caller encoded himself into `schema.table`, within the caller's transaction.

    Args:
        cx: where.
        table: `schema.name`.
        columns: in the order of each row's fields.
        rows: in PostgreSQL's binary COPY format, without its header and trailer.
        meanwhile: called when the rows are sent, for what is to be done while PostgreSQL stores them.
    """

    async def source() -> AsyncGenerator[bytes]:
        yield _COPY_HEADER
        yield rows
        meanwhile()
        yield _COPY_TRAILER

    schema, _, name = table.partition(".")
    copy: Any = cx.copy_to_table  # asyncpg leaves the types of its sources open
    await copy(name, schema_name=schema, columns=list(columns), source=source(), format="binary")


def unavailable(failure: BaseException) -> DatabaseUnavailable:
    """Word a driver's failure for people, without the DSN."""
    return DatabaseUnavailable(
        f"The database does not answer: {type(failure).__name__}: {failure}".rstrip(": ")
    )
