"""The database as a command finds it: an external one, a running platform's, or one started meanwhile."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from lamina.app.database import PlatformDatabase
from lamina.kernel.clock import SystemClock
from lamina.kernel.errors import DatabaseUnavailable, LaminaError
from lamina.kernel.settings.load import Settings
from lamina.kernel.settings.platform import PlatformSettings, PostgresSettings
from lamina.kernel.storage.database import Database, PoolOptions
from lamina.kernel.storage.embedded.cluster import DATABASE, ROLE
from lamina.kernel.storage.embedded.lock import read_owner
from lamina.kernel.storage.embedded.sockets import PORT

T = TypeVar("T")

CLUSTER = "postgres"
COMMAND_TIMEOUT_S = 3600.0


class DatabaseMissing(LaminaError):
    """There is no database here yet."""

    code = "database_missing"
    exit_code = 4

    def default_hint(self) -> str:
        """Name the commands that make one."""
        return "Run: lamina ledger init, or lamina up   (or give the --data-dir it was made with)"


@dataclass(frozen=True, slots=True)
class OpenDatabase:
    """A database that serves.

    Attributes:
        kind: `external`, `embedded` (started for this command) or `running` (a platform's).
        dsn: where it is; may hold a password.
        database: a small pool on it.
    """

    kind: str
    dsn: str = field(repr=False)
    database: Database


def is_external(settings: Settings) -> bool:
    """Whether the database is somebody else's server."""
    return settings.get(PostgresSettings).dsn is not None


def has_cluster(settings: Settings) -> bool:
    """Whether the data directory has an embedded database."""
    return (settings.get(PlatformSettings).data_dir / CLUSTER).exists()


def is_running(settings: Settings) -> bool:
    """Whether a platform owns the data directory now."""
    return read_owner(settings.get(PlatformSettings).data_dir) is not None


def using_database(
    settings: Settings, work: Callable[[OpenDatabase], Awaitable[T]], *, command: str, create: bool = False
) -> T:
    """Do a command's work on the database, which serves for that time.

    Args:
        settings: where it is.
        work: what to do.
        command: who asks, for the server's list of connections.
        create: make data directory and cluster where there are none.

    Raises:
        DatabaseMissing: there is none, and `create` is not given.
        AlreadyRunning: another command is just using the data directory.
        DatabaseUnavailable: it does not answer.
    """

    async def run() -> T:
        async with _opened(settings, command=command, create=create) as place:
            return await work(place)

    return asyncio.run(run())


@contextlib.asynccontextmanager
async def _opened(settings: Settings, *, command: str, create: bool) -> AsyncGenerator[OpenDatabase]:
    async with _serving(settings, create=create) as (kind, dsn):
        postgres = settings.get(PostgresSettings)
        options = PoolOptions(
            dsn,
            connections_max=2,
            connect_timeout_s=postgres.connect_timeout_s,
            statement_timeout_s=COMMAND_TIMEOUT_S,
            application=f"lamina {command}",
        )
        database = await Database.connect(options)
        try:
            yield OpenDatabase(kind, dsn, database)
        finally:
            await database.close()


@contextlib.asynccontextmanager
async def _serving(settings: Settings, *, create: bool) -> AsyncGenerator[tuple[str, str]]:
    external = settings.get(PostgresSettings).dsn
    data_dir = settings.get(PlatformSettings).data_dir
    if external is not None:
        yield "external", external.get_secret_value()
        return
    if read_owner(data_dir) is not None:
        yield "running", _running_dsn(data_dir)
        return
    if not has_cluster(settings):
        if not create:
            raise DatabaseMissing(f"There is no database in {data_dir}")
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    server = PlatformDatabase(settings, SystemClock())
    await server.start()
    try:
        yield "embedded", server.dsn
    finally:
        await server.stop()


def _running_dsn(data_dir: Path) -> str:
    """Where a running platform listens: line 5 of its postmaster.pid names the socket's directory."""
    try:
        lines = (data_dir / CLUSTER / "postmaster.pid").read_text().splitlines()
        directory = lines[4]
    except (OSError, IndexError) as error:
        raise DatabaseUnavailable(
            f"The platform on {data_dir} runs, its database does not serve yet"
        ) from error
    return f"postgresql://{ROLE}@/{DATABASE}?host={quote(directory)}&port={PORT}"
