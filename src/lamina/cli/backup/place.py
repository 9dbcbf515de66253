"""Where backups are: the default directory, and a backup given by path or by name."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lamina.kernel.settings.load import Settings
    from lamina.kernel.storage.backup.repository import Backup, Repository

DIRECTORY = "backups"


def repository_of(settings: "Settings", directory: Path | None) -> "Repository":
    """The directory that was given, else the data directory's."""
    from lamina.kernel.settings.platform import PlatformSettings
    from lamina.kernel.storage.backup.repository import Repository

    chosen = directory or settings.get(PlatformSettings).data_dir / DIRECTORY
    return Repository(chosen.resolve())


def find_backup(settings: "Settings", backup: str) -> "Backup":
    """A backup by its path, else by its name in the data directory's backups.

    Raises:
        BackupMissing, BackupDamaged, BackupNewer: see `open_backup`.
    """
    from lamina.kernel.storage.backup.repository import open_backup

    path = Path(backup)
    if not path.exists() and path.name == backup:
        path = repository_of(settings, None).path / backup
    return open_backup(path.resolve())
