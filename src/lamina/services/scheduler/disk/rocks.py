"""RocksDB as this service uses it: the only module that names its binding. Everything here may block."""

import fcntl
import os
from collections.abc import Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import rocksdict
import structlog

from lamina.kernel.errors import LaminaError
from lamina.services.scheduler.errors import DiskStoreFailed, DiskStoreHeld, IncomingRefused

_log = structlog.get_logger("lamina.scheduler.disk")

BLOB_BYTES_MIN = 1024
BLOB_FILE_BYTES = 5 << 30
"""Both as the original has them (spec/scheduler.md 18.2)."""

LOG_FILES = 4
BACKGROUND_JOBS = 2
OPEN_FILES = 256

_HELD = "While lock file"
_DAMAGED = ("Corruption", "Invalid argument")


class Rocks:
    """One open directory."""

    def __init__(self, database: rocksdict.Rdict, lock: int | None = None) -> None:
        """Wrap what was opened; see `open` and `read`."""
        self._database = database
        self._place = Path(database.path())
        self._lock = lock

    @classmethod
    def open(cls, place: Path) -> "Rocks":
        """Open a directory to read and write; it is made where there is none.

        Raises:
            DiskStoreHeld: another process has it.
            DiskStoreFailed: it cannot be opened.
        """
        with _failures(place):
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = _lock(place)
            try:
                options = _options()
                options.set_max_open_files(OPEN_FILES)
                return cls(rocksdict.Rdict(str(place), options), lock)
            except BaseException:
                os.close(lock)
                raise

    @classmethod
    def read(cls, place: Path) -> "Rocks":
        """Open a directory that nobody writes, to read.

        Raises:
            DiskStoreFailed: it cannot be read.
        """
        with _failures(place):
            return cls(rocksdict.Rdict(str(place), _options(), access_type=rocksdict.AccessType.read_only()))

    def snapshot(self, place: Path) -> None:
        """Make a directory with all that is in the store now, by hard links; it is there whole or not at all.

        Raises:
            DiskStoreFailed: it cannot be made.
        """
        with self._failures():
            rocksdict.Checkpoint(self._database).create_checkpoint(str(place))

    def close(self) -> None:
        """Let the directory go; what follows fails.

        What cannot be written any more is in the write-ahead log, or was refused before.
        """
        try:
            with self._failures():
                self._database.close()
        except DiskStoreFailed as failure:
            _log.warning("the disk store was closed after a failure", reason=failure.reason)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def get(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Values in the order of their keys; None where there is none.

        Raises:
            DiskStoreFailed: it cannot be read.
        """
        with self._failures():
            found: Any = self._database.get(list(keys)) if keys else []
            return found

    def write(self, put: Mapping[bytes, bytes], remove: Sequence[bytes] = ()) -> None:
        """Store and remove at once: all of it or nothing, and nothing of what came later without it.

        Raises:
            DiskStoreFailed: nothing is stored.
        """
        batch = rocksdict.WriteBatch(raw_mode=True)
        for key, value in put.items():
            batch.put(key, value)
        for key in remove:
            batch.delete(key)
        with self._failures():
            self._database.write(batch)

    def remove_range(self, first: bytes, behind: bytes) -> None:
        """Remove all keys from one up to another, which stays.

        Raises:
            DiskStoreFailed: it cannot be written.
        """
        batch = rocksdict.WriteBatch(raw_mode=True)
        batch.delete_range(first, behind)
        with self._failures():
            self._database.write(batch)

    def keys(self, after: bytes, until: bytes, count: int) -> list[bytes]:
        """Keys behind one and before another, so many at most."""
        found: list[bytes] = []
        with self._failures():
            at = self._database.iter()
            at.seek(after + b"\0")
            while at.valid() and len(found) < count:
                key = bytes(at.key())
                if key >= until:
                    break
                found.append(key)
                at.next()
            at.status()
        return found

    def ingest(self, file: Path) -> None:
        """Take a file of `write_file` as a whole; it is gone then.

        Raises:
            IncomingRefused: it is damaged.
            DiskStoreFailed: it stays where it is.
        """
        options = rocksdict.IngestExternalFileOptions()
        options.set_move_files(True)
        try:
            with self._failures():
                self._database.ingest_external_file([str(file)], options)
        except DiskStoreFailed as failure:
            if failure.reason.startswith(_DAMAGED):
                raise IncomingRefused(f"{file} is damaged: {failure.reason}") from failure
            raise

    def _failures(self) -> AbstractContextManager[None]:
        return _failures(self._place)


def write_file(file: Path, values: Mapping[bytes, bytes]) -> None:
    """Write values into a file that `Rocks.ingest` takes; it is on the disk when this returns.

    Raises:
        DiskStoreFailed: it cannot be written.
    """
    with _failures(file):
        writer = rocksdict.SstFileWriter(_options())
        writer.open(str(file))
        for key in sorted(values):
            writer[key] = values[key]
        writer.finish()


def _lock(place: Path) -> int:
    """Our own lock in front of RocksDB's: a try that fails there starts a new log file each time.

    Raises:
        DiskStoreHeld: another process has it.
    """
    lock = os.open(place.with_suffix(".lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise DiskStoreHeld(f"Another process has the disk store {place}") from None
    return lock


def _options() -> rocksdict.Options:
    options = rocksdict.Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_enable_blob_files(True)
    options.set_min_blob_size(BLOB_BYTES_MIN)
    options.set_blob_file_size(BLOB_FILE_BYTES)
    options.set_enable_blob_gc(True)
    options.set_keep_log_file_num(LOG_FILES)
    options.set_max_background_jobs(BACKGROUND_JOBS)
    return options


@contextmanager
def _failures(place: Path) -> Generator[None]:
    """Every failure as ours; the binding raises bare `Exception` with RocksDB's text."""
    try:
        yield
    except LaminaError:
        raise
    except Exception as error:
        if _HELD in str(error):
            raise DiskStoreHeld(f"Another process has the disk store {place}") from error
        raise DiskStoreFailed(place, str(error)) from error
