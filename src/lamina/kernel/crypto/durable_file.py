"""Files that are on the disk whole or not at all, with the mode they were asked for whatever the umask."""

import contextlib
import os
import secrets
from collections.abc import Generator
from pathlib import Path


def replace(path: Path, content: bytes, mode: int) -> None:
    """Put a file at `path`, replacing what is there; a crash leaves the old file or the new one.

    Raises:
        OSError: the directory is missing or may not be written.
    """
    with _staged(path, content, mode) as staged:
        staged.replace(path)
        _sync_directory(path.parent)


def create(path: Path, content: bytes, mode: int) -> bool:
    """Put a file at `path` unless something is there; of several processes exactly one wins.

    Returns:
        Whether this call made the file. False means that another one did, whole and durable.

    Raises:
        OSError: the directory is missing or may not be written.
    """
    with _staged(path, content, mode) as staged:
        try:
            os.link(staged, path)  # unlike rename, link refuses to replace
        except FileExistsError:
            return False
        _sync_directory(path.parent)
        return True


@contextlib.contextmanager
def _staged(path: Path, content: bytes, mode: int) -> Generator[Path]:
    """A durable file beside `path`; gone afterwards unless it was renamed."""
    staged = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with open(staged, "xb", opener=_private) as file:
            os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield staged
    finally:
        staged.unlink(missing_ok=True)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
