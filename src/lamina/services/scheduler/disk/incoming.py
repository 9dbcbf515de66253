"""Files that migrations hand to whoever has the store open: written aside, then renamed into place.

RocksDB lets one process open a directory. So a migration writes files of its own, any number of migrations
at once, and the process that has the store takes them in.
"""

import contextlib
import os
import secrets
import shutil
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path

import structlog

from lamina.services.scheduler.disk import rocks
from lamina.services.scheduler.disk.held import disk_failures, held, is_abandoned
from lamina.services.scheduler.disk.rocks import Rocks
from lamina.services.scheduler.errors import IncomingRefused

_log = structlog.get_logger("lamina.scheduler.disk")

_READY, _REFUSED, _HELD = ".sst", ".refused", ".held"


class Desk:
    """Where one migration writes."""

    def __init__(self, incoming: Path, desk: Path) -> None:
        """Sit down; see `desk`."""
        self._incoming = incoming
        self._desk = desk

    def hand_over(self, values: Mapping[bytes, bytes]) -> None:
        """Write values where the store's process finds them; they survive this process.

        Raises:
            DiskStoreFailed: they cannot be written.
        """
        name = secrets.token_hex(16) + _READY
        rocks.write_file(self._desk / name, values)
        place = self._incoming / name
        with disk_failures(place):
            (self._desk / name).rename(place)
            _sync_directory(self._incoming)


@contextlib.contextmanager
def desk(incoming: Path) -> Generator[Desk]:
    """A place to write for one migration; what dead ones left unfinished is removed.

    Raises:
        DiskStoreFailed: the directory cannot be used.
    """
    with held(incoming, _HELD) as name:
        _clear(incoming)
        with disk_failures(incoming):
            (incoming / name).mkdir(mode=0o700)
        try:
            yield Desk(incoming, incoming / name)
        finally:
            shutil.rmtree(incoming / name, ignore_errors=True)


def take(incoming: Path, store: Rocks) -> int:
    """Take in every file that is ready; returns how many.

    A file that was taken and not removed is taken again, which changes nothing.

    Raises:
        DiskStoreFailed: the store cannot be written; the file waits.
    """
    count = 0
    for file in ready(incoming):
        try:
            store.ingest(file)
        except IncomingRefused as failure:
            _log.error("a migrated file is refused", reason=failure.detail)
            with disk_failures(file):
                file.rename(file.with_suffix(_REFUSED))
            continue
        with disk_failures(file):
            file.unlink(missing_ok=True)
        count += 1
    return count


def ready(incoming: Path) -> Sequence[Path]:
    """Files that wait to be taken."""
    return sorted(incoming.glob(f"*{_READY}"))


def waiting(files: Sequence[Path]) -> Sequence[Path]:
    """Which of these files were not taken yet.

    Raises:
        IncomingRefused: one was damaged.
    """
    refused = [each for each in files if each.with_suffix(_REFUSED).exists()]
    if refused:
        raise IncomingRefused(f"{refused[0]} could not be taken into the disk store")
    return [each for each in files if each.exists()]


def _clear(incoming: Path) -> None:
    for file in incoming.glob(f"*{_HELD}"):
        if is_abandoned(file):
            shutil.rmtree(file.with_suffix(""), ignore_errors=True)
            file.unlink(missing_ok=True)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
