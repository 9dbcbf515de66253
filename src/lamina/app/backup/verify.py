"""Find out what a backup is worth: read its bytes, restore it aside, let every service verify its data."""

from dataclasses import dataclass
from pathlib import Path

from lamina.app.backup.history import known_steps
from lamina.app.backup.prove import Proof, prove
from lamina.app.backup.scratch import fill, scratch_database, scratch_directory
from lamina.app.backup.watcher import Watcher
from lamina.kernel.settings.load import Settings
from lamina.kernel.storage.backup import content
from lamina.kernel.storage.backup.errors import BackupDamaged, BackupPlaceUnusable
from lamina.kernel.storage.backup.repository import Backup
from lamina.kernel.storage.backup.space import check_space, cluster_needs
from lamina.kernel.storage.programs import ClientPrograms, ProgramFailed


@dataclass(frozen=True, slots=True)
class Place:
    """Where a restoration is tried.

    Attributes:
        directory: of `scratch_directory`.
        lasting: whether what is there will be used afterwards.
    """

    directory: Path
    lasting: bool


async def check_files(backup: Backup, watcher: Watcher) -> None:
    """Read every file and compare it with the manifest, which this build must understand.

    Raises:
        BackupDamaged: something is not what was written.
        SchemaNewer, MigrationEdited: the database is not of this build or an older one.
    """
    known_steps(backup.manifest.migrations)
    total = backup.manifest.total_bytes
    watcher.begin("read", f"Reading {len(backup.manifest.files)} files, {total / 2**20:.1f} MiB")
    done = 0

    def advanced(count: int) -> None:
        nonlocal done
        done += count
        watcher.advance("MiB", done >> 20, total >> 20)

    await content.check(backup.path, backup.manifest, advanced)


async def try_restoring(backup: Backup, settings: Settings, watcher: Watcher) -> Proof:
    """Restore into a temporary directory, which is removed in any case, and prove what came out.

    Raises:
        BackupDamaged: the dump cannot be restored.
        SpaceMissing: there is no room for it.
    """
    try:
        with scratch_directory("lamina-verify-") as directory:
            hint = "Free some space, or name a directory on another disk: TMPDIR=DIR"
            check_space(directory, cluster_needs(backup.manifest.database_bytes), hint)
            return await restore_and_prove(backup, Place(directory, lasting=False), settings, watcher)
    except OSError as error:
        raise BackupPlaceUnusable(
            f"No temporary directory can be used: {error}", hint="Set TMPDIR"
        ) from error


async def restore_and_prove(backup: Backup, place: Place, settings: Settings, watcher: Watcher) -> Proof:
    """Restore into an embedded database in a scratch directory and prove it; the server is stopped then.

    Raises:
        BackupDamaged: the dump cannot be restored.
        LaminaError: the embedded PostgreSQL cannot be started.
    """
    watcher.begin("restore", f"Restoring into {place.directory}")
    async with scratch_database(place.directory, settings, lasting=place.lasting) as restored:
        try:
            await fill(restored, backup, ClientPrograms.bundled(), watcher)
        except ProgramFailed as error:
            raise BackupDamaged(f"The backup {backup.path} cannot be restored: {error.detail}") from error
        return await prove(restored.database, backup.manifest, watcher)
