"""Make a backup of a database that others use meanwhile."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from lamina import __version__
from lamina.app import registry
from lamina.app.backup.history import known_steps
from lamina.app.backup.watcher import Watcher
from lamina.kernel.crypto.secret_file import read_secret, write_secret
from lamina.kernel.errors import ConfigurationError, SecretFileError
from lamina.kernel.settings.load import Settings
from lamina.kernel.settings.platform import PlatformSettings, PostgresSettings
from lamina.kernel.storage.backup import content
from lamina.kernel.storage.backup.errors import BackupPlaceUnusable, NothingToBackUp
from lamina.kernel.storage.backup.manifest import DUMP_FILE, FORMAT, KEY_DIRECTORY, Manifest, timestamp
from lamina.kernel.storage.backup.repository import Backup, Repository, name_of, write_manifest
from lamina.kernel.storage.backup.snapshot import Snapshot, table_bytes, take_snapshot, unknown_column_options
from lamina.kernel.storage.backup.space import check_space, dump_needs
from lamina.kernel.storage.database import Database
from lamina.kernel.storage.programs import BUNDLED_MAJOR, ClientPrograms, ProgramsUnusable

APPLICATION = "lamina backup create"
_COMPRESSION = "1"  # of gzip, which every pg_dump has; a higher level would take the platform's processors
_LOOK_S = 1.0


@dataclass(frozen=True, slots=True)
class Order:
    """What is wanted.

    Attributes:
        repository: where.
        with_keys: whether the services' key files come along.
        keep: how many whole backups of this platform stay, this one counted; all when None.
    """

    repository: Repository
    with_keys: bool = False
    keep: int | None = None


@dataclass(frozen=True, slots=True)
class Created:
    """A new backup, and the older ones that it replaced."""

    backup: Backup
    removed: Sequence[Path]


class KeysMissing(ConfigurationError):
    """There is no key file to include."""

    code = "backup_keys_missing"

    def default_hint(self) -> str:
        """A configured key is kept where it was configured."""
        return "Leave --with-keys out, and keep the configured key somewhere else"


async def create(order: Order, settings: Settings, database: Database, dsn: str, watcher: Watcher) -> Created:
    """Dump one moment of the database, describe it, and put it among the backups; then remove old ones.

    Args:
        order: what is wanted.
        settings: of the platform.
        database: of the platform.
        dsn: of that database.
        watcher: told how far it is.

    Raises:
        LaminaError: a subclass says why there is no backup; nothing of it is left.
    """
    keys = _read_keys(settings) if order.with_keys else {}
    programs = ClientPrograms.of(settings.get(PostgresSettings))
    with order.repository.writing():
        async with take_snapshot(database) as snapshot:
            await _check(snapshot, programs, order.repository.path)
            manifest = await _describe(snapshot)
            with order.repository.adding(name_of(manifest)) as staged:
                await _dump(snapshot, programs, dsn, staged / DUMP_FILE, watcher)
                manifest = await _complete(manifest, staged, keys, watcher)
        removed = [] if order.keep is None else order.repository.remove_older(order.keep, manifest.origin)
    return Created(Backup(order.repository.path / name_of(manifest), manifest), removed)


def _read_keys(settings: Settings) -> dict[str, bytes]:
    """The key files of every service that has one here."""
    platform = settings.get(PlatformSettings)
    readable = platform.allow_readable_secrets
    paths = [
        platform.data_dir / name for service in registry.names() for name in registry.load(service).KEY_FILES
    ]
    keys = {path.name: read_secret(path, allow_readable=readable) for path in paths if path.exists()}
    if not keys:
        raise KeysMissing(f"{platform.data_dir} has no key file that --with-keys could include")
    return keys


async def _check(snapshot: Snapshot, programs: ClientPrograms, place: Path) -> None:
    """Everything that would make the backup worthless or the disk full."""
    if not snapshot.migrations:
        raise NothingToBackUp("This database holds nothing of Lamina yet")
    known_steps(snapshot.migrations)
    await _check_version(snapshot, programs)
    needed = dump_needs(await table_bytes(snapshot.connection, snapshot.schemas))
    check_space(place, needed, "Free some space, or write to another disk: --to DIR")


async def _check_version(snapshot: Snapshot, programs: ClientPrograms) -> None:
    """Made by a pg_dump as new as the server, and no newer than the embedded server that is to prove it."""
    dumping = await programs.major_version("pg_dump")
    if snapshot.server_major > BUNDLED_MAJOR:
        raise ProgramsUnusable(
            f"The server is PostgreSQL {snapshot.server_major}; this Lamina backs up servers to "
            f"{BUNDLED_MAJOR}",
            hint="Install a newer lamina, or back the server up by its own means",
        )
    if not snapshot.server_major <= dumping <= BUNDLED_MAJOR:
        raise ProgramsUnusable(
            f"pg_dump in {programs.directory} is PostgreSQL {dumping}; one from {snapshot.server_major} (the "
            f"server's) to {BUNDLED_MAJOR} is needed"
        )
    if programs.is_external and programs.is_bundled:
        await _check_options(snapshot)


async def _check_options(snapshot: Snapshot) -> None:
    """A server with newer fixes may keep something in its catalogs that only its own pg_dump leaves out."""
    options = await unknown_column_options(snapshot.connection, snapshot.schemas)
    if options:
        raise ProgramsUnusable(
            f"PostgreSQL {snapshot.server_version} marks columns with {', '.join(options)}; the bundled "
            "pg_dump would write that down as if all servers knew it",
            hint="Name the directory of the server's own client programs: "
            f"LAMINA_POSTGRES__PROGRAMS_DIR=/usr/lib/postgresql/{snapshot.server_major}/bin",
        )


async def _describe(snapshot: Snapshot) -> Manifest:
    """The manifest but for its files."""
    return Manifest(
        format=FORMAT,
        lamina_version=__version__,
        postgres_version=snapshot.server_version,
        created_at=timestamp(time.time()),
        origin=snapshot.origin,
        database_bytes=snapshot.database_bytes,
        migrations=snapshot.migrations,
        positions={
            name: await registry.load(name).position(snapshot.connection) for name in snapshot.migrations
        },
        files=[],
    )


async def _dump(
    snapshot: Snapshot, programs: ClientPrograms, dsn: str, target: Path, watcher: Watcher
) -> None:
    services = ", ".join(snapshot.migrations)
    watcher.begin("dump", f"Dumping {services} as of now; the platform goes on meanwhile")
    arguments = [
        "--format=custom",
        f"--compress={_COMPRESSION}",
        f"--snapshot={snapshot.identifier}",
        f"--file={target}",
        "--strict-names",
        *(f"--schema={schema}" for schema in snapshot.schemas),
    ]
    async with _watching(target, watcher):
        await programs.run("pg_dump", arguments, dsn, application=APPLICATION)


@contextlib.asynccontextmanager
async def _watching(target: Path, watcher: Watcher) -> AsyncGenerator[None]:
    """Tell how large the dump has become."""

    async def look() -> None:
        while True:
            await asyncio.sleep(_LOOK_S)
            watcher.advance("MiB", _size(target) >> 20, None)

    looking = asyncio.ensure_future(look())
    try:
        yield
    finally:
        looking.cancel()


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


async def _complete(manifest: Manifest, staged: Path, keys: dict[str, bytes], watcher: Watcher) -> Manifest:
    """Add keys, digests and, last, the manifest."""
    names = [DUMP_FILE, *(f"{KEY_DIRECTORY}/{name}" for name in keys)]
    try:
        _write_keys(keys, staged / KEY_DIRECTORY)
        watcher.begin("read", "Reading it back for its digests")
        files = [await content.describe(staged, name) for name in names]
        complete = msgspec.structs.replace(manifest, files=files)
        write_manifest(staged, complete)
    except (OSError, SecretFileError) as error:
        raise BackupPlaceUnusable(f"The backup cannot be written: {error}") from error
    return complete


def _write_keys(keys: dict[str, bytes], directory: Path) -> None:
    if keys:
        directory.mkdir(mode=0o700)
    for name, secret in keys.items():
        write_secret(directory / name, secret)
