"""The files of a backup: their digests, and whether they are what the manifest says."""

import asyncio
import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from lamina.kernel.storage.backup.errors import BackupDamaged
from lamina.kernel.storage.backup.manifest import Manifest, StoredFile

_CHUNK_BYTES = 4 * 2**20


async def describe(directory: Path, name: str) -> StoredFile:
    """Read a file of a backup back and say what it is.

    Raises:
        OSError: it cannot be read.
    """
    size, digest = await _digest(directory / name, lambda _count: None)
    return StoredFile(name, size, digest)


def find_wrong_sizes(directory: Path, manifest: Manifest) -> list[str]:
    """What is missing or has another size, a sentence each; nothing is read."""
    return [problem for file in manifest.files if (problem := _problem(directory / file.name, file))]


async def check(directory: Path, manifest: Manifest, advanced: Callable[[int], None]) -> None:
    """Read every file and compare it with the manifest.

    Args:
        directory: the backup.
        manifest: what it should hold.
        advanced: told how many bytes were read since the last call.

    Raises:
        BackupDamaged: with everything that differs.
    """
    problems = find_wrong_sizes(directory, manifest)
    for file in manifest.files if not problems else ():
        try:
            found = await _digest(directory / file.name, advanced)
        except OSError as error:
            problems.append(f"{file.name} cannot be read: {error.strerror}")
            continue
        if found != (file.bytes, file.sha256):
            problems.append(f"{file.name} has other bytes than were written")
    if problems:
        raise BackupDamaged(f"The backup {directory} is damaged: {'; '.join(problems)}")


def _problem(path: Path, file: StoredFile) -> str | None:
    try:
        status = path.lstat()
    except OSError as error:
        return f"{file.name} cannot be found: {error.strerror}"
    if not stat.S_ISREG(status.st_mode):
        return f"{file.name} is not a regular file"
    if status.st_size != file.bytes:
        return f"{file.name} has {status.st_size} bytes, not {file.bytes}"
    return None


async def _digest(path: Path, advanced: Callable[[int], None]) -> tuple[int, str]:
    """Size and SHA-256; in a thread chunk by chunk, so that Ctrl-C need not wait for the end."""
    whole = hashlib.sha256()
    size = 0
    with await asyncio.to_thread(_open, path) as file:

        def step() -> int:
            chunk = file.read(_CHUNK_BYTES)
            whole.update(chunk)
            return len(chunk)

        while count := await asyncio.to_thread(step):
            size += count
            advanced(count)
    return size, whole.hexdigest()


def _open(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb")
