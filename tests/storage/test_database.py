"""Transactions and their three outcomes, with connections that break at the worst moment."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest
from tests.cutting_proxy import CuttingProxy, Fault, is_anything, is_commit, is_execution
from tests.postgres_server import execute, sibling

from lamina.kernel.errors import CommitUnknown, DatabaseUnavailable
from lamina.kernel.storage.database import Connection, Database, PoolOptions, RowsRefused

INSERT = "INSERT INTO notes VALUES ($1)"
ANSWER_MAX_S = 5.0

Write = Callable[[Database], Awaitable[object]]


@pytest.fixture
async def plain(empty_dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the test's own, and the table the tests write to."""
    connection = await asyncpg.connect(empty_dsn)
    await connection.execute("CREATE TABLE notes (id int PRIMARY KEY)")
    yield connection
    await connection.close()


@pytest.fixture
async def proxy(empty_dsn: str, plain: asyncpg.Connection) -> AsyncIterator[CuttingProxy]:
    """What stands between `database` and the server."""
    async with CuttingProxy(empty_dsn).running() as proxy:
        yield proxy


@pytest.fixture
async def database(proxy: CuttingProxy) -> AsyncIterator[Database]:
    """A pool of one connection, so that a leaked one is noticed at once."""
    options = PoolOptions(proxy.dsn, connections_max=1, acquire_timeout_s=2)
    database = await Database.connect(options)
    yield database
    await database.close()


async def store_one(database: Database) -> object:
    """The shortest write: a statement that is a transaction."""
    return await database.store("test.store_note", INSERT, 1)


async def run_one(database: Database) -> object:
    """The same as a transaction of several round trips."""

    async def work(cx: Connection) -> None:
        await cx.execute(INSERT, 1)

    return await database.run("test.insert_note", work)


WRITES = pytest.mark.parametrize(
    ("write", "chosen"), [(store_one, is_execution), (run_one, is_commit)], ids=["store", "run"]
)


async def notes(plain: asyncpg.Connection) -> list[int]:
    """What is stored."""
    return [row["id"] for row in await plain.fetch("SELECT id FROM notes ORDER BY id")]


async def prepared(database: Database, write: Write, plain: asyncpg.Connection) -> None:
    """Let the connection prepare the statement, so that its next message is the execution."""
    await write(database)
    await plain.execute("DELETE FROM notes")


@WRITES
async def test_a_commit_is_stored(
    database: Database, plain: asyncpg.Connection, write: Write, chosen: object
) -> None:
    await write(database)
    assert await notes(plain) == [1]


@WRITES
async def test_a_commit_that_never_arrived_is_unknown_and_not_tried_again(
    database: Database,
    proxy: CuttingProxy,
    plain: asyncpg.Connection,
    write: Write,
    chosen: Callable[[bytes], bool],
) -> None:
    await prepared(database, write, plain)
    proxy.arm(Fault.LOSE, chosen)
    with pytest.raises(CommitUnknown):
        await write(database)
    assert await notes(plain) == []
    await write(database)
    assert await notes(plain) == [1]


@WRITES
async def test_a_commit_whose_answer_was_lost_is_unknown_and_stored_once(
    database: Database,
    proxy: CuttingProxy,
    plain: asyncpg.Connection,
    write: Write,
    chosen: Callable[[bytes], bool],
) -> None:
    await prepared(database, write, plain)
    proxy.arm(Fault.LOSE_ANSWER, chosen)
    with pytest.raises(CommitUnknown):
        await write(database)
    assert await notes(plain) == [1]
    assert await database.fetchval("test.count_notes", "SELECT count(*) FROM notes") == 1


async def test_a_commit_that_hangs_is_unknown_within_the_time_a_client_waits(
    database: Database, proxy: CuttingProxy, plain: asyncpg.Connection
) -> None:
    await prepared(database, store_one, plain)
    proxy.arm(Fault.HANG, is_execution)
    started = time.monotonic()
    with pytest.raises(CommitUnknown):
        await store_one(database)
    assert time.monotonic() - started < ANSWER_MAX_S
    assert await database.fetchval("test.count_notes", "SELECT count(*) FROM notes") == 0


async def test_a_read_that_hangs_is_tried_again_on_another_connection(
    proxy: CuttingProxy, plain: asyncpg.Connection
) -> None:
    database = await Database.connect(PoolOptions(proxy.dsn, connections_max=1, statement_timeout_s=1))
    for read in (
        database.fetch("test.read_one", "SELECT 1", timeout_s=0.3),
        database.fetchval("test.read_one", "SELECT 1"),
        database.check(),
    ):
        proxy.arm(Fault.HANG, is_anything)
        started = time.monotonic()
        await read
        assert time.monotonic() - started < ANSWER_MAX_S
    assert proxy.broken == 3
    await database.close()


@WRITES
async def test_a_write_cancelled_during_its_commit_gives_its_connection_up(
    database: Database,
    proxy: CuttingProxy,
    plain: asyncpg.Connection,
    write: Write,
    chosen: Callable[[bytes], bool],
) -> None:
    await prepared(database, write, plain)
    proxy.arm(Fault.HANG, chosen)
    task = asyncio.ensure_future(write(database))
    while not proxy.broken:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await write(database)
    assert await notes(plain) == [1]


async def test_a_failing_transaction_leaves_nothing(database: Database, plain: asyncpg.Connection) -> None:
    async def work(cx: Connection) -> None:
        await cx.execute(INSERT, 1)
        raise LookupError

    with pytest.raises(LookupError):
        await database.run("test.insert_note", work)
    assert await notes(plain) == []
    await run_one(database)


async def test_a_connection_lost_before_the_commit_is_tried_again(
    database: Database, plain: asyncpg.Connection
) -> None:
    pids: list[int] = []

    async def work(cx: Connection) -> None:
        pids.append(await cx.fetchval("SELECT pg_backend_pid()"))
        await cx.execute(INSERT, 1)
        if len(pids) == 1:
            await plain.execute("SELECT pg_terminate_backend($1)", pids[0])
        await cx.execute("SELECT 1")

    await database.run("test.insert_note", work)
    assert len(set(pids)) == 2
    assert await notes(plain) == [1]


async def test_connections_ended_by_the_server_while_idle_are_no_error(
    database: Database, plain: asyncpg.Connection
) -> None:
    for round_number in range(40):
        pid = await database.fetchval("test.read_pid", "SELECT pg_backend_pid()")
        await plain.execute("SELECT pg_terminate_backend($1)", pid)
        await asyncio.sleep(0.001 * (round_number % 4))
        if round_number % 2:
            assert await database.fetchval("test.read_one", "SELECT 1") == 1
        else:
            await database.run("test.read_one", lambda cx: cx.fetchval("SELECT 1"))


async def test_a_write_on_a_connection_that_just_ended_has_a_known_kind_of_outcome(
    database: Database, plain: asyncpg.Connection
) -> None:
    stored: list[int] = []
    unknown: list[int] = []
    for number in range(40):
        pid = await database.fetchval("test.read_pid", "SELECT pg_backend_pid()")
        await plain.execute("SELECT pg_terminate_backend($1)", pid)
        await asyncio.sleep(0.001 * (number % 4))
        try:
            await database.store("test.store_note", INSERT, number)
            stored.append(number)
        except CommitUnknown:
            unknown.append(number)
    present = await notes(plain)
    assert set(stored) <= set(present) <= set(stored + unknown)


async def test_a_serialisation_failure_is_tried_again(database: Database, plain: asyncpg.Connection) -> None:
    await plain.execute("INSERT INTO notes VALUES (1)")
    tries: list[int] = []

    async def work(cx: Connection) -> None:
        await cx.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        tries.append(await cx.fetchval("SELECT id FROM notes"))
        if len(tries) == 1:
            await plain.execute("UPDATE notes SET id = 2")
        await cx.execute("UPDATE notes SET id = id + 10")

    await database.run("test.update_note", work)
    assert tries == [1, 2]
    assert await notes(plain) == [12]


async def test_a_deadlock_ends_with_both_sides_done(empty_dsn: str, plain: asyncpg.Connection) -> None:
    await plain.execute("INSERT INTO notes VALUES (1), (2)")
    database = await Database.connect(PoolOptions(empty_dsn))
    met = asyncio.Barrier(2)
    tries: list[int] = []

    async def lock(first: int, second: int) -> None:
        async def work(cx: Connection) -> None:
            tries.append(first)
            await cx.execute("SELECT id FROM notes WHERE id = $1 FOR UPDATE", first)
            if len(tries) <= 2:
                await met.wait()
            await cx.execute("SELECT id FROM notes WHERE id = $1 FOR UPDATE", second)

        await database.run("test.lock_notes", work)

    await asyncio.gather(lock(1, 2), lock(2, 1))
    assert len(tries) == 3
    await database.close()


@pytest.mark.parametrize("state", ["40001", "40P01", "55P03", "57P03", "08006"])
async def test_what_may_pass_is_tried_again_but_eight_times_at_most(
    database: Database, plain: asyncpg.Connection, state: str
) -> None:
    """The retry policy of distribution-and-reliability section 4, for statements and for transactions."""
    await plain.execute("CREATE SEQUENCE tries")
    await plain.execute(
        f"CREATE FUNCTION fail(times int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN "
        f"IF nextval('tries') <= times THEN RAISE EXCEPTION 'not now' USING ERRCODE = '{state}'; END IF; "
        f"RETURN times; END $$"
    )
    statement = "INSERT INTO notes SELECT fail($1)"

    async def tried() -> int:
        count = await plain.fetchval("SELECT last_value FROM tries")
        await plain.execute("ALTER SEQUENCE tries RESTART")
        return count

    await database.run("test.insert_note", lambda cx: cx.execute(statement, 3))
    assert await tried() == 4
    with pytest.raises(DatabaseUnavailable):
        await database.run("test.insert_note", lambda cx: cx.execute(statement, 100))
    assert await tried() == 8
    if state[:2] in {"40", "55"}:  # of the others one statement does not say whether it was before its commit
        await database.store("test.store_note", statement, 2)
        assert await tried() == 3
        with pytest.raises(DatabaseUnavailable):
            await database.store("test.store_note", statement, 100)
        assert await tried() == 8
        assert await notes(plain) == [2, 3]
    else:
        with pytest.raises(CommitUnknown):
            await database.store("test.store_note", statement, 2)
        assert await tried() == 1


async def test_a_write_waits_for_a_server_that_comes_back(
    database: Database, empty_dsn: str, plain: asyncpg.Connection
) -> None:
    name, elsewhere = await plain.fetchval("SELECT current_database()"), sibling(empty_dsn, "postgres")
    await run_one(database)
    execute(elsewhere, f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    await plain.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = 'lamina' AND datname = current_database()"
    )
    await asyncio.sleep(0.05)
    write = asyncio.ensure_future(database.store("test.store_note", INSERT, 2))
    await asyncio.sleep(0.05)
    assert not write.done()
    execute(elsewhere, f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    await write
    assert await notes(plain) == [1, 2]


async def test_a_lock_that_is_not_free_is_tried_again(database: Database, plain: asyncpg.Connection) -> None:
    await plain.execute("INSERT INTO notes VALUES (1)")
    transaction = plain.transaction()
    await transaction.start()
    await plain.execute("SELECT id FROM notes FOR UPDATE")
    tries: list[int] = []

    async def work(cx: Connection) -> None:
        tries.append(1)
        if len(tries) == 2:
            await transaction.commit()
        await cx.execute("SELECT id FROM notes FOR UPDATE NOWAIT")

    await database.run("test.lock_note", work)
    assert len(tries) >= 2


async def test_a_read_only_primary_is_left_for_a_new_connection(
    database: Database, plain: asyncpg.Connection
) -> None:
    name = await plain.fetchval("SELECT current_database()")
    await plain.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    pids: list[int] = []

    async def work(cx: Connection) -> None:
        pids.append(await cx.fetchval("SELECT pg_backend_pid()"))
        await cx.execute(INSERT, 1)

    pid = await database.fetchval("test.read_pid", "SELECT pg_backend_pid()")
    await plain.execute("SELECT pg_terminate_backend($1)", pid)
    await asyncio.sleep(0.05)
    with pytest.raises(DatabaseUnavailable):
        await database.run("test.insert_note", work)
    assert len(set(pids)) == len(pids) > 1
    with pytest.raises(DatabaseUnavailable):
        await store_one(database)
    await plain.execute("SET default_transaction_read_only = off")
    await plain.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
    await run_one(database)
    assert await notes(plain) == [1]


@pytest.mark.parametrize("state", ["53100", "53200", "57014"], ids=["disk full", "out of memory", "timeout"])
async def test_a_server_short_of_something_is_unavailable_and_nothing_is_stored(
    database: Database, plain: asyncpg.Connection, state: str
) -> None:
    await plain.execute(
        f"CREATE FUNCTION fail() RETURNS int LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION 'short of it' USING ERRCODE = '{state}'; END $$"
    )
    statement = "INSERT INTO notes SELECT coalesce(fail(), 1)"
    with pytest.raises(DatabaseUnavailable):
        await database.store("test.store_note", statement)
    with pytest.raises(DatabaseUnavailable):
        await database.run("test.insert_note", lambda cx: cx.execute(statement))
    with pytest.raises(DatabaseUnavailable):
        await database.fetchval("test.read_fail", "SELECT fail()")
    assert await notes(plain) == []


@pytest.mark.parametrize(
    "statement",
    ["INSERT INTO notes VALUES (2), (1)", "INSERT INTO notes SELECT (2^40)::int8::int4"],
    ids=["unique", "range"],
)
async def test_a_refused_row_is_neither_stored_nor_tried_again(
    database: Database, plain: asyncpg.Connection, statement: str
) -> None:
    await plain.execute("INSERT INTO notes VALUES (1)")
    tries: list[int] = []

    async def work(cx: Connection) -> None:
        tries.append(1)
        await cx.execute(statement)

    with pytest.raises(RowsRefused):
        await database.run("test.insert_notes", work)
    with pytest.raises(RowsRefused):
        await database.store("test.store_notes", statement)
    assert len(tries) == 1
    assert await notes(plain) == [1]


async def test_an_exhausted_pool_refuses_in_time(empty_dsn: str, plain: asyncpg.Connection) -> None:
    database = await Database.connect(PoolOptions(empty_dsn, connections_max=1, acquire_timeout_s=0.2))
    async with database.transaction("test.hold"):
        started = time.monotonic()
        with pytest.raises(DatabaseUnavailable):
            await store_one(database)
        assert time.monotonic() - started < 1
    await store_one(database)
    assert await notes(plain) == [1]
    await database.close()


async def test_a_cancelled_wait_for_replication_is_unknown(
    database: Database, plain: asyncpg.Connection
) -> None:
    """Distribution-and-reliability 10.4: the server says committed, only a warning says how far."""
    if not await plain.fetchval("SHOW synchronous_standby_names"):
        pytest.skip("this server has no standby to wait for")
    pids: list[int] = []

    async def work(cx: Connection) -> None:
        await cx.execute("SET LOCAL synchronous_commit = on")
        pids.append(await cx.fetchval("SELECT pg_backend_pid()"))
        await cx.execute(INSERT, 1)

    task = asyncio.ensure_future(database.run("test.insert_note", work))
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND pid = $1"
    while not pids or not await plain.fetchval(waiting, pids[0]):
        await asyncio.sleep(0.02)
    await plain.execute("SELECT pg_cancel_backend($1)", pids[0])
    with pytest.raises(CommitUnknown):
        await task
    assert len(pids) == 1


async def test_a_check_tells_why_and_recovers(proxy: CuttingProxy, plain: asyncpg.Connection) -> None:
    database = await Database.connect(PoolOptions(proxy.dsn, connections_max=1))
    assert await database.check() is None
    name = await plain.fetchval("SELECT current_database()")
    await plain.execute(f"ALTER DATABASE {name} CONNECTION LIMIT 0")
    role_is_superuser = await plain.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
    await plain.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE pid <> pg_backend_pid() AND datname = current_database()"
    )
    reason = await database.check()
    assert role_is_superuser or reason
    await plain.execute(f"ALTER DATABASE {name} CONNECTION LIMIT -1")
    assert await database.check() is None
    await database.close()


async def test_nobody_there_is_said_without_the_password() -> None:
    with pytest.raises(DatabaseUnavailable) as caught:
        await Database.connect(PoolOptions("postgresql://lamina:marker-secret@127.0.0.1:1/none"))
    assert (
        "marker-secret" not in f"{caught.value} {caught.value!r} {caught.value.context} {caught.value.hint}"
    )
