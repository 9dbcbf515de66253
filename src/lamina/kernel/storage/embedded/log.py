"""The server's log file: opened by us, so that PostgreSQL's account needs no way into the data directory."""

import os
from pathlib import Path

_BYTES_MAX = 16 * 1024 * 1024
_TAIL_BYTES = 8 * 1024
_TAIL_LINES = 15


class ServerLog:
    """What one run of the server has written to its log."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._begin = 0

    def open(self) -> int:
        """Open the log for a new run, setting a long one aside as `<name>.1`; the caller closes it.

        Returns:
            A file descriptor that appends.

        Raises:
            OSError: it cannot be written.
        """
        if self.path.exists() and self.path.stat().st_size > _BYTES_MAX:
            self.path.replace(self.path.with_name(f"{self.path.name}.1"))
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
        descriptor = os.open(self.path, flags, 0o600)
        self._begin = os.fstat(descriptor).st_size
        return descriptor

    def tail(self) -> str:
        """Return the last lines of this run."""
        with self.path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(self._begin, size - _TAIL_BYTES))
            text = file.read().decode("utf-8", errors="replace")
        return "\n".join(text.strip().splitlines()[-_TAIL_LINES:])
