"""Files that show that their maker lives: locked as long as it does, by the kernel, whatever ends it."""

import contextlib
import fcntl
import os
import secrets
from collections.abc import Generator
from pathlib import Path

from lamina.services.scheduler.errors import DiskStoreFailed


@contextlib.contextmanager
def held(directory: Path, suffix: str) -> Generator[str]:
    """A new name in a directory, and a locked file of that name and suffix; locked before it is seen.

    Raises:
        DiskStoreFailed: the directory cannot be written.
    """
    name = secrets.token_hex(16)
    file = directory / f"{name}{suffix}"
    with disk_failures(directory):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        aside = directory / f"{name}.new"
        descriptor = os.open(aside, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        aside.rename(file)
    try:
        yield name
    finally:
        file.unlink(missing_ok=True)
        os.close(descriptor)


def is_abandoned(file: Path) -> bool:
    """Whether nobody holds a file any more; False for one that is gone."""
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


@contextlib.contextmanager
def disk_failures(place: Path) -> Generator[None]:
    """Failures of the file system as those of the store."""
    try:
        yield
    except OSError as error:
        raise DiskStoreFailed(place, str(error)) from error
