"""An embedded database of a command's own, into which a backup is restored to see what it is worth."""

import asyncio
import contextlib
import os
import shutil
import tempfile
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass, field
from pathlib import Path

from lamina.app.backup.watcher import Watcher
from lamina.kernel.settings.load import Settings
from lamina.kernel.settings.platform import PostgresSettings
from lamina.kernel.storage.backup.manifest import DUMP_FILE
from lamina.kernel.storage.backup.repository import Backup
from lamina.kernel.storage.database import Database, PoolOptions
from lamina.kernel.storage.embedded import EmbeddedOptions, EmbeddedPostgres
from lamina.kernel.storage.embedded.memory import default_shared_buffers_mb
from lamina.kernel.storage.facts import read_facts
from lamina.kernel.storage.programs import ClientPrograms

STATEMENT_TIMEOUT_S = 6 * 3600.0
_LOOK_S = 1.0
_JOBS_MAX = 4
# A restored cluster is made again when the machine fails, so little of it has to be logged.
_RESTORING = {"wal_level": "minimal", "max_wal_senders": "0", "autovacuum": "off"}
_PASSING = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


@dataclass(frozen=True, slots=True)
class Restored:
    """A database, and where it is; that may hold a password."""

    database: Database
    dsn: str = field(repr=False)


@contextlib.contextmanager
def scratch_directory(prefix: str, parent: Path | None = None) -> Generator[Path]:
    """A directory that an embedded server can live in; gone afterwards unless it was renamed.

    Args:
        prefix: of its name.
        parent: where, made if it is missing; among the temporary files when None.

    Raises:
        OSError: it cannot be made.
    """
    if parent is not None:
        parent.mkdir(parents=True, exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    try:
        directory.chmod(0o711)  # as `lamina up`: PostgreSQL's account must get to its cluster
        yield directory
    finally:
        _remove(directory)


@contextlib.asynccontextmanager
async def scratch_database(directory: Path, settings: Settings, *, lasting: bool) -> AsyncGenerator[Restored]:
    """An empty database in a scratch directory; it serves until the block ends.

    Args:
        directory: of `scratch_directory`.
        settings: how servers are run here.
        lasting: whether it will be used afterwards, so that every byte must reach the disk.

    Raises:
        LaminaError: the embedded PostgreSQL cannot be started.
    """
    postgres = settings.get(PostgresSettings)
    server = EmbeddedPostgres(
        EmbeddedOptions(
            directory,
            run_as=postgres.run_as,
            shared_buffers_mb=postgres.shared_buffers_mb or default_shared_buffers_mb(),
            max_connections=20,
            parameters=_RESTORING if lasting else _RESTORING | _PASSING,
        )
    )
    await server.start()
    try:
        async with connected(server.dsn, settings) as database:
            yield Restored(database, server.dsn)
    except BaseException:
        await server.stop(immediate=True)
        raise
    await server.stop(immediate=not lasting)


@contextlib.asynccontextmanager
async def connected(dsn: str, settings: Settings) -> AsyncGenerator[Database]:
    """A small pool whose statements may take long.

    Raises:
        DatabaseUnavailable: it does not answer.
    """
    options = PoolOptions(
        dsn,
        connections_max=2,
        connect_timeout_s=settings.get(PostgresSettings).connect_timeout_s,
        statement_timeout_s=STATEMENT_TIMEOUT_S,
        application="lamina backup",
    )
    database = await Database.connect(options)
    try:
        yield database
    finally:
        await database.close()


async def fill(place: Restored, backup: Backup, programs: ClientPrograms, watcher: Watcher) -> None:
    """Restore a backup's dump; the first error ends it.

    An external database gets all of it in one transaction, or nothing.

    Raises:
        ProgramFailed: pg_restore said why.
    """
    together = ["--single-transaction"]
    jobs = [f"--jobs={min(_JOBS_MAX, os.cpu_count() or 1)}"]
    arguments = [
        "--exit-on-error",
        "--no-owner",
        "--no-privileges",  # the roles of another server may not exist here
        *(together if programs.is_external else jobs),
        backup.path / DUMP_FILE,
    ]
    async with _watching(place.database, backup.manifest.database_bytes, watcher):
        await programs.run("pg_restore", arguments, place.dsn, application="lamina backup")
        async with place.database.transaction("lamina.analyze") as cx:
            await cx.execute("ANALYZE")  # the verifiers' queries need the planner's statistics now


@contextlib.asynccontextmanager
async def _watching(database: Database, total_bytes: int, watcher: Watcher) -> AsyncGenerator[None]:
    """Tell how large the database has become; some of it is made only at the end."""

    async def look() -> None:
        while True:
            await asyncio.sleep(_LOOK_S)
            size = (await read_facts(database)).size_bytes
            watcher.advance("MiB", min(size, total_bytes) >> 20, total_bytes >> 20)

    looking = asyncio.ensure_future(look())
    try:
        yield
    finally:
        looking.cancel()


def _remove(directory: Path) -> None:
    """Remove it with the cluster, which is elsewhere where its account could not get in."""
    cluster = directory / "postgres"
    if cluster.is_symlink():
        shutil.rmtree(cluster.resolve(), ignore_errors=True)
    shutil.rmtree(directory, ignore_errors=True)
