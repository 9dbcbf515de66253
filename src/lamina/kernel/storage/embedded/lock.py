"""One owner per data directory: a lock file that the kernel releases however its holder dies.

The lock itself is flock; the pid and start time inside only say who holds it.
"""

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from lamina.kernel.errors import AlreadyRunning
from lamina.kernel.storage.embedded.processes import start_ticks

LOCK_NAME = "lamina.lock"
PLATFORM_LOCK_NAME = "platform.lock"
_HINT = "Stop it first, or run a second platform with its own --data-dir and --port-offset"


@dataclass(frozen=True, slots=True)
class Owner:
    """A process as its pid and its start time, which together are never reused.

    `start_ticks` counts clock ticks since boot, field 22 of /proc/<pid>/stat (proc(5)).
    """

    pid: int
    start_ticks: int

    @property
    def alive(self) -> bool:
        """Whether that very process still runs; a zombie or a reused pid does not count."""
        return start_ticks(self.pid) == self.start_ticks


def read_owner(data_dir: Path, name: str = LOCK_NAME) -> Owner | None:
    """Say who owns the data directory now; None when nobody does, or its owner is dead."""
    try:
        fields = (data_dir / name).read_text(encoding="ascii").split()
        owner = Owner(int(fields[0]), int(fields[1]))
    except (FileNotFoundError, ValueError, IndexError):
        return None
    return owner if owner.alive else None


class DirectoryLock:
    """Exclusive ownership of a data directory, and of a cluster kept outside it."""

    def __init__(self, data_dir: Path, descriptors: list[int]) -> None:
        self._data_dir = data_dir
        self._descriptors = descriptors

    @classmethod
    def acquire(cls, data_dir: Path, name: str = LOCK_NAME) -> Self:
        """Own `data_dir` until `release` or the end of this process.

        Args:
            data_dir: an existing directory.
            name: of the lock file; a platform has one of its own, as its database may be elsewhere.

        Raises:
            AlreadyRunning: another process, or another object in this one, owns it.
            OSError: the lock file cannot be written.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
        descriptor = os.open(data_dir / name, flags, 0o600)
        _lock(descriptor, f"The data directory {data_dir} is in use by {_owner_text(data_dir, name)}")
        record = f"{os.getpid()} {start_ticks(os.getpid())}\n".encode("ascii")
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, record, 0)
        return cls(data_dir, [descriptor])

    def also(self, directory: Path) -> None:
        """Own a cluster kept outside the data directory too: a copied data directory still links to it.

        Raises:
            AlreadyRunning: a platform with another data directory owns that cluster.
        """
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        _lock(descriptor, f"The database cluster {directory} is in use by another platform")
        self._descriptors.append(descriptor)

    def release(self) -> None:
        """Give the directory up; the file stays, because unlinking a lock file races with its next owner."""
        if self._descriptors:
            os.ftruncate(self._descriptors[0], 0)
        while self._descriptors:
            os.close(self._descriptors.pop())


def _lock(descriptor: int, refusal: str) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise AlreadyRunning(refusal, hint=_HINT) from error
    except OSError:
        os.close(descriptor)
        raise


def _owner_text(data_dir: Path, name: str) -> str:
    owner = read_owner(data_dir, name)
    return f"process {owner.pid}" if owner else "a process that has just begun or is just ending"
