"""What can go wrong with a backup, each with the operator's next step."""

from lamina.kernel.errors import ConfigurationError, LaminaError


class BackupMissing(LaminaError):
    """There is no such backup."""

    code = "backup_missing"
    exit_code = 4

    def default_hint(self) -> str:
        """Name the command that knows."""
        return "See which there are: lamina backup list"


class BackupDamaged(LaminaError):
    """A backup is not what was written."""

    code = "backup_damaged"
    exit_code = 6

    def default_hint(self) -> str:
        """Others may be whole."""
        return "Use another one (lamina backup list), and make a new one: lamina backup create"


class BackupNewer(LaminaError):
    """A backup was written by a newer Lamina than this one."""

    code = "backup_newer"
    exit_code = 4

    def default_hint(self) -> str:
        """The manifest is readable all the same."""
        return "Install the Lamina that wrote it, or a newer one; manifest.json names its version"


class BackupRunning(LaminaError):
    """Another backup is being made in the same directory."""

    code = "backup_running"
    exit_code = 4

    def default_hint(self) -> str:
        """Two directories never disturb each other."""
        return "Wait until it ends, or write to another directory: --to DIR"


class BackupPlaceUnusable(ConfigurationError):
    """The directory of the backups cannot be used."""

    code = "backup_place"

    def default_hint(self) -> str:
        """Another directory is always possible."""
        return "Choose a directory that this account may write: --to DIR"


class NothingToBackUp(LaminaError):
    """The database holds no service's data."""

    code = "backup_nothing"
    exit_code = 4

    def default_hint(self) -> str:
        """Name what makes data, and where another database might be."""
        return "Run: lamina up   (or give the --data-dir or the postgres.dsn of the platform)"


class SpaceMissing(LaminaError):
    """The disk has too little free space for this."""

    code = "backup_space"
    exit_code = 4


class RestoreRefused(LaminaError):
    """A backup is only restored to where nothing is."""

    code = "restore_refused"
    exit_code = 4


class RestoreFailed(LaminaError):
    """A sound backup did not become the same database again."""

    code = "restore_failed"
    exit_code = 6
