"""A directory of backups: what is in it, a new one that appears whole or not at all, old ones that go.

A backup is made as `.<name>.unfinished` and renamed when its manifest is durable, so a directory that has no
whole manifest is never taken for a backup, whenever its writer died.
"""

import contextlib
import os
import re
import shutil
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from lamina.kernel.errors import AlreadyRunning
from lamina.kernel.storage.backup import manifest as manifests
from lamina.kernel.storage.backup.content import find_wrong_sizes
from lamina.kernel.storage.backup.errors import (
    BackupDamaged,
    BackupMissing,
    BackupNewer,
    BackupPlaceUnusable,
    BackupRunning,
)
from lamina.kernel.storage.backup.manifest import MANIFEST_FILE, Manifest
from lamina.kernel.storage.embedded.lock import DirectoryLock

_LOCK_NAME = ".lock"
_NAME = r"lamina-\d{8}T\d{6}\.\d{3}Z"
_FINISHED = re.compile(_NAME)
_UNFINISHED = re.compile(rf"\.{_NAME}\.(unfinished|removed)")  # all that is ever removed without being asked


@dataclass(frozen=True, slots=True)
class Backup:
    """A directory with a sound manifest, whose files are there with their sizes."""

    path: Path
    manifest: Manifest


@dataclass(frozen=True, slots=True)
class Broken:
    """A directory that is no backup, or no longer, and why."""

    path: Path
    reason: str


def open_backup(path: Path) -> Backup:
    """Look at a backup without reading its files.

    Raises:
        BackupMissing: there is none.
        BackupDamaged: its manifest is missing or damaged, or a file is missing or of another size.
        BackupNewer: see there.
    """
    if not path.is_dir():
        raise BackupMissing(f"There is no backup {path}")
    manifest = _read_manifest(path)
    problems = find_wrong_sizes(path, manifest)
    if problems:
        raise BackupDamaged(f"The backup {path} is damaged: {'; '.join(problems)}")
    return Backup(path, manifest)


def _read_manifest(path: Path) -> Manifest:
    try:
        with (path / MANIFEST_FILE).open("rb") as file:
            content = file.read(manifests.MANIFEST_BYTES_MAX)
    except FileNotFoundError:
        raise BackupDamaged(f"{path} has no {MANIFEST_FILE}: it is no backup, or an unfinished one") from None
    except OSError as error:
        raise BackupDamaged(f"{path / MANIFEST_FILE} cannot be read: {error.strerror}") from error
    try:
        return manifests.decode(content)
    except BackupDamaged as error:
        raise BackupDamaged(f"The backup {path} is damaged: {error.detail}") from None


class Repository:
    """Backups side by side in one directory."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def entries(self) -> tuple[list[Backup], list[Broken]]:
        """What is there, the newest first: whole ones as far as their sizes tell, and broken ones.

        Raises:
            BackupPlaceUnusable: the directory cannot be read; one that does not exist is empty.
        """
        whole: list[Backup] = []
        broken: list[Broken] = []
        for path in self._directories():
            try:
                whole.append(open_backup(path))
            except BackupMissing:
                continue  # removed meanwhile
            except (BackupDamaged, BackupNewer) as error:
                if _is_ours(path):
                    broken.append(Broken(path, error.detail))
        whole.sort(key=lambda backup: backup.manifest.time, reverse=True)
        return whole, broken

    @contextlib.contextmanager
    def writing(self) -> Generator[None]:
        """Be the only one who writes here; what a dead writer left unfinished is removed.

        Raises:
            BackupRunning: another process writes here.
            BackupPlaceUnusable: the directory cannot be made or written.
        """
        with self._usable():
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                lock = DirectoryLock.acquire(self.path, _LOCK_NAME)
            except AlreadyRunning:
                raise BackupRunning(f"Another backup is being made in {self.path}") from None
        try:
            with self._usable():
                for path in self._directories():
                    if _UNFINISHED.fullmatch(path.name):
                        shutil.rmtree(path)
            yield
        finally:
            lock.release()

    @contextlib.contextmanager
    def adding(self, name: str) -> Generator[Path]:
        """A directory (0700) to fill; it becomes the backup `name` when the block ends well, else it goes.

        Raises:
            BackupPlaceUnusable: it cannot be made or renamed.
        """
        staged = self.path / f".{name}.unfinished"
        with self._usable():
            staged.mkdir(mode=0o700)
        try:
            yield staged
            with self._usable():
                _sync(staged)
                staged.rename(self.path / name)
                _sync(self.path)
        except BaseException:
            shutil.rmtree(staged, ignore_errors=True)
            raise

    def remove_older(self, keep: int, origin: str) -> list[Path]:
        """Remove whole backups of one platform beyond the newest ones; broken ones are left for people.

        Args:
            keep: how many stay.
            origin: of whose backups; others may share the directory.

        Returns:
            What was removed.

        Raises:
            BackupPlaceUnusable: one cannot be removed.
        """
        whole, _ = self.entries()
        old = [backup.path for backup in whole if backup.manifest.origin == origin][keep:]
        for path in old:
            with self._usable():
                # Out of the list at once, however far the removal comes.
                shutil.rmtree(path.rename(path.with_name(f".{path.name}.removed")))
        return old

    def _directories(self) -> list[Path]:
        try:
            return sorted(path for path in self.path.iterdir() if path.is_dir() and not path.is_symlink())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise BackupPlaceUnusable(f"{self.path} cannot be read: {error.strerror}") from error

    @contextlib.contextmanager
    def _usable(self) -> Generator[None]:
        try:
            yield
        except OSError as error:
            raise BackupPlaceUnusable(
                f"{self.path} cannot be used: {error.strerror}: {error.filename}"
            ) from error


def name_of(manifest: Manifest) -> str:
    """The name of a backup's directory, which sorts by time: `lamina-20300501T061500.250Z`."""
    return manifest.time.strftime("lamina-%Y%m%dT%H%M%S.") + f"{manifest.time.microsecond // 1000:03d}Z"


def _is_ours(path: Path) -> bool:
    """Whether it was to be a backup; the directory may have others."""
    names = (_FINISHED, _UNFINISHED)
    return any(name.fullmatch(path.name) for name in names) or (path / MANIFEST_FILE).exists()


def write_manifest(directory: Path, manifest: Manifest) -> None:
    """Write the manifest durably; the last thing that makes a directory a backup.

    Raises:
        OSError: it cannot be written.
    """
    descriptor = os.open(directory / MANIFEST_FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(manifests.encode(manifest))
        file.flush()
        os.fsync(file.fileno())


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
