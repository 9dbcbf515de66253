"""Put a backup back: into a new data directory, or into an empty external database. All of it, or nothing."""

import contextlib
import os
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from lamina.app.backup.prove import Proof, prove
from lamina.app.backup.scratch import Restored, connected, fill, scratch_directory
from lamina.app.backup.verify import Place, restore_and_prove, try_restoring
from lamina.app.backup.watcher import Watcher
from lamina.kernel.crypto.secret_file import create_secret
from lamina.kernel.settings.dsn import redacted
from lamina.kernel.settings.load import Settings
from lamina.kernel.settings.platform import PostgresSettings
from lamina.kernel.storage.backup.errors import BackupDamaged, RestoreFailed, RestoreRefused
from lamina.kernel.storage.backup.repository import Backup
from lamina.kernel.storage.backup.snapshot import list_objects
from lamina.kernel.storage.backup.space import check_space, cluster_needs
from lamina.kernel.storage.programs import ClientPrograms, ProgramFailed


@dataclass(frozen=True, slots=True)
class Restoration:
    """What was restored: where, which key files were, and what the services said of their data."""

    place: str
    keys: list[Path]
    proof: Proof


def check_data_dir(data_dir: Path, backup: Backup) -> None:
    """Refuse a data directory that a backup cannot be renamed to, before anything is made.

    Raises:
        RestoreRefused: something is there, or it cannot be made.
        SpaceMissing: the backup does not fit.
    """
    if not _is_empty(data_dir):
        raise RestoreRefused(
            f"{data_dir} is not empty; a backup is only restored into a new data directory",
            hint=f"Stop the platform and move the old one aside: mv {data_dir} {data_dir}.old"
            "   or restore elsewhere: lamina --data-dir DIR backup restore …",
        )
    if data_dir.is_mount():
        raise RestoreRefused(
            f"{data_dir} is a mount point, which cannot be replaced in one step",
            hint=f"Restore into a directory in it, and use that: --data-dir {data_dir / 'lamina'}",
        )
    hint = "Free some space, or restore to another disk: --data-dir DIR"
    check_space(data_dir.parent, cluster_needs(backup.manifest.database_bytes), hint)


async def restore_data_dir(
    data_dir: Path, backup: Backup, settings: Settings, watcher: Watcher
) -> Restoration:
    """Restore beside the data directory, prove it, and rename it into place.

    Args:
        data_dir: absolute, and as `check_data_dir` wants it.
        backup: with files as the manifest says.
        settings: how servers are run here.
        watcher: told how far it is.

    Raises:
        BackupDamaged: it does not prove itself; nothing is left of the attempt.
        RestoreRefused: the place cannot be used.
        LaminaError: the embedded PostgreSQL cannot be started.
    """
    prefix = f".{data_dir.name}.restore-"
    with _refusing(data_dir), scratch_directory(prefix, data_dir.parent) as directory:
        proof = await restore_and_prove(backup, Place(directory, lasting=True), settings, watcher)
        _demand(proof, backup)
        _put_in_place(backup, directory, data_dir)
    keys = [data_dir / Path(key.name).name for key in backup.manifest.key_files]
    return Restoration(str(data_dir), keys, proof)


async def restore_external(
    data_dir: Path, backup: Backup, settings: Settings, watcher: Watcher
) -> Restoration:
    """Prove a backup in a scratch database first, then restore it into the external one in one transaction.

    Args:
        data_dir: where key files go.
        backup: with files as the manifest says.
        settings: name the database.
        watcher: told how far it is.

    Raises:
        RestoreRefused: the database is not empty, or another key is in the data directory.
        BackupDamaged: the backup does not prove itself; the database was not touched.
        RestoreFailed: the server refused it, which leaves nothing, or it came out different.
    """
    postgres = settings.get(PostgresSettings)
    assert postgres.dsn is not None, "the caller has seen that it is external"
    dsn = postgres.dsn.get_secret_value()
    programs = ClientPrograms.of(postgres)
    keys = _new_keys(backup, data_dir)
    async with connected(dsn, settings) as database:
        await _check_empty(Restored(database, dsn))
        _demand(await try_restoring(backup, settings, watcher), backup)
        watcher.begin("restore", f"Restoring into {redacted(dsn)}")
        try:
            await fill(Restored(database, dsn), backup, programs, watcher)
        except ProgramFailed as error:
            raise RestoreFailed(
                f"The database refused the backup, nothing of it was kept: {error.detail}",
                hint="Correct what the message names and restore again",
            ) from error
        proof = await prove(database, backup.manifest, watcher)
    if not proof.holds:
        raise RestoreFailed(
            f"The restored database differs: {'; '.join(proof.sentences())}",
            hint="Do not use it: drop and create the database, see its server's log, and restore again",
        )
    _write_keys(keys, data_dir)
    return Restoration(redacted(dsn), list(keys), proof)


def _is_empty(directory: Path) -> bool:
    try:
        return next(directory.iterdir(), None) is None
    except FileNotFoundError:
        return True
    except OSError as error:
        raise RestoreRefused(
            f"{directory} cannot be used: {error.strerror}", hint="Choose another --data-dir"
        ) from error


async def _check_empty(place: Restored) -> None:
    found = await list_objects(place.database)
    if found:
        raise RestoreRefused(
            f"The database {redacted(place.dsn)} is not empty: it has {', '.join(found)}",
            hint="Create an empty database beside it (createdb) and name that in postgres.dsn",
        )


def _demand(proof: Proof, backup: Backup) -> None:
    """Nothing that does not prove itself is put into place."""
    if not proof.holds:
        raise BackupDamaged(f"The backup {backup.path} does not prove itself: {'; '.join(proof.sentences())}")


def _put_in_place(backup: Backup, directory: Path, data_dir: Path) -> None:
    for file in backup.manifest.key_files:
        create_secret(directory / Path(file.name).name, (backup.path / file.name).read_bytes())
    # Onto nothing, or onto an empty directory: anything else is refused by the system itself.
    directory.rename(data_dir)
    _sync(data_dir.parent)


def _write_keys(keys: dict[Path, bytes], data_dir: Path) -> None:
    with _refusing(data_dir):
        if keys:
            data_dir.mkdir(mode=0o711, parents=True, exist_ok=True)
        for path, secret in keys.items():
            create_secret(path, secret)


def _new_keys(backup: Backup, data_dir: Path) -> dict[Path, bytes]:
    """The backup's keys that are not in the data directory yet; another one there is never replaced."""
    new: dict[Path, bytes] = {}
    for file in backup.manifest.key_files:
        path, secret = data_dir / Path(file.name).name, (backup.path / file.name).read_bytes()
        if not path.exists():
            new[path] = secret
        elif path.read_bytes() != secret:
            raise RestoreRefused(
                f"{path} is another key than the backup's",
                hint=f"Move it aside, or give another --data-dir: mv {path} {path}.old",
            )
    return new


@contextlib.contextmanager
def _refusing(data_dir: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise RestoreRefused(
            f"{data_dir} cannot be made: {error.strerror}",
            hint="Choose a new --data-dir in a directory that this account may write",
        ) from error


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
