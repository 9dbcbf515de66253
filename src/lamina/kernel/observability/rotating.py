"""A file that several processes append to and that is set aside when it grows too large.

Every write is one O_APPEND write, so lines never mix. Whoever finds the file full takes the lock, looks again
and renames; the others notice that the name now leads elsewhere and follow. No line is lost in a rotation.
"""

import fcntl
import os
from pathlib import Path


class RotatingFile:
    """Appends bytes to `path`, keeping older files as `path.1` … `path.<keep>`."""

    def __init__(self, path: Path, *, bytes_max: int, keep: int) -> None:
        """Open for appending, making the file (0640) and its directory (0750) when missing.

        Args:
            path: the file.
            bytes_max: size past which the file is set aside before the next write.
            keep: how many older files stay; with 0 a full file is thrown away.

        Raises:
            OSError: the file cannot be opened.
        """
        self._path = path
        self._bytes_max = bytes_max
        self._keep = keep
        path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        self._descriptor = self._open()

    def write(self, data: bytes) -> None:
        """Append whole lines in one go.

        Raises:
            OSError: the disk is full or gone; part of the data may be written.
        """
        self._follow()
        if os.fstat(self._descriptor).st_size + len(data) > self._bytes_max:
            self._rotate()
        written = os.write(self._descriptor, data)
        while written < len(data):
            written += os.write(self._descriptor, data[written:])

    def close(self) -> None:
        """Close the file; a later write fails."""
        os.close(self._descriptor)

    def _open(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)

    def _is_current(self) -> bool:
        try:
            named = self._path.stat()
        except FileNotFoundError:
            return False
        return os.path.samestat(named, os.fstat(self._descriptor))

    def _follow(self) -> None:
        """Go on in the file that has the name now."""
        while not self._is_current():
            os.close(self._descriptor)
            self._descriptor = self._open()

    def _rotate(self) -> None:
        """Set the full file aside, unless another process just did or it is empty."""
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        try:
            if self._is_current() and os.fstat(self._descriptor).st_size > 0:
                self._set_aside()
        finally:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        self._follow()

    def _set_aside(self) -> None:
        """Move every older file up by one; the full one last, as its new name ends the lock's reach."""
        if self._keep == 0:
            self._path.unlink()
            return
        for number in range(self._keep - 1, 0, -1):
            older = self._numbered(number)
            if older.exists():
                older.replace(self._numbered(number + 1))
        self._path.replace(self._numbered(1))

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")
