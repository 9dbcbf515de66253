"""Checks of the data directory, its secrets, the disk and the embedded PostgreSQL."""

import hashlib
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

from lamina.cli.doctor.finding import FAILED, OK, WARNING, Finding
from lamina.kernel.crypto.secret_file import check_secret_file
from lamina.kernel.errors import LaminaError, SecretFileError
from lamina.kernel.settings.load import Settings
from lamina.kernel.settings.platform import PlatformSettings, PostgresSettings
from lamina.kernel.storage.embedded import processes
from lamina.kernel.storage.embedded.account import caller, choose_account
from lamina.kernel.storage.embedded.binaries import SHARED_ROOT, executable_binaries

FREE_BYTES_MIN = 256 * 2**20
FREE_BYTES_WANTED = 2 * 2**30
CLUSTER = "postgres"
_SECRETS = ("*.key.json", "*.token", "*.key", "*.pem")


def look(settings: Settings) -> Iterator[Finding]:
    """Every check of this module."""
    platform = settings.get(PlatformSettings)
    yield data_directory(platform.data_dir)
    yield disk(platform.data_dir)
    yield from secrets(platform.data_dir, allow_readable=platform.allow_readable_secrets)
    if settings.get(PostgresSettings).dsn is not None:
        yield Finding("postgresql", OK, "External: postgres.dsn is set")
        return
    yield binaries()
    yield account(settings)
    yield cluster(platform.data_dir)
    yield from orphans(platform.data_dir)


def data_directory(data_dir: Path) -> Finding:
    """It is ours alone, or can be made."""
    shown = data_dir.resolve()
    if not data_dir.exists():
        parent = _existing(shown)
        if os.access(parent, os.W_OK | os.X_OK):
            return Finding("data directory", OK, f"{shown} does not exist yet; the first start makes it")
        return Finding(
            "data directory", FAILED, f"{shown} cannot be made in {parent}", "Choose another --data-dir"
        )
    status = data_dir.stat()
    if not data_dir.is_dir() or not os.access(data_dir, os.W_OK | os.X_OK):
        return Finding("data directory", FAILED, f"{shown} cannot be written", "Choose another --data-dir")
    if status.st_uid != os.geteuid():
        return Finding(
            "data directory", WARNING, f"{shown} belongs to uid {status.st_uid}", "Run Lamina as its owner"
        )
    if stat.S_IMODE(status.st_mode) & (stat.S_IWGRP | stat.S_IWOTH):
        return Finding(
            "data directory", FAILED, f"Other accounts may write in {shown}", f"chmod go-w {shown}"
        )
    return Finding("data directory", OK, str(shown))


def disk(data_dir: Path) -> Finding:
    """There is room."""
    free = shutil.disk_usage(_existing(data_dir.resolve())).free
    text = f"{free / 2**30:.1f} GiB free for the data directory"
    if free < FREE_BYTES_MIN:
        return Finding("disk", FAILED, text, "Free some space: PostgreSQL stops when the disk is full")
    if free < FREE_BYTES_WANTED:
        return Finding("disk", WARNING, text, "Free some space soon")
    return Finding("disk", OK, text)


def _existing(path: Path) -> Path:
    return next(each for each in (path, *path.parents) if each.exists())


def secrets(data_dir: Path, *, allow_readable: bool) -> Iterator[Finding]:
    """No other account can read keys and tokens."""
    found = sorted({path for pattern in _SECRETS for path in data_dir.glob(pattern)})
    flawless = True
    for path in found:
        try:
            check_secret_file(path, allow_readable=allow_readable)
        except SecretFileError as error:
            flawless = False
            yield Finding("secrets", FAILED, error.detail, error.hint)
    if flawless:
        yield Finding("secrets", OK, f"{len(found)} secret files, none open to others")


def binaries() -> Finding:
    """The wheel's PostgreSQL runs on this machine."""
    try:
        place = executable_binaries(caller())
        answer = subprocess.run(  # noqa: S603 - the program of our own wheel
            [place / "postgres", "--version"], capture_output=True, text=True, check=True
        )
    except LaminaError as error:
        return Finding("binaries", FAILED, error.detail, error.hint)
    return Finding("binaries", OK, f"{answer.stdout.strip()} in {place}")


def account(settings: Settings) -> Finding:
    """PostgreSQL refuses root, so root needs an account to lend it."""
    link = settings.get(PlatformSettings).data_dir / CLUSTER
    owner_uid = link.stat().st_uid if link.exists() else None
    try:
        chosen = choose_account(settings.get(PostgresSettings).run_as, owner_uid)
    except LaminaError as error:
        return Finding("account", FAILED, error.detail, error.hint)
    borrowed = ", lent by root" if chosen.borrowed else ""
    return Finding("account", OK, f"PostgreSQL runs as {chosen.name}{borrowed}")


def cluster(data_dir: Path) -> Finding:
    """The embedded database: where it is, of which version, how large."""
    link = data_dir / CLUSTER
    if link.is_symlink() and not link.exists():
        target = link.readlink()
        return Finding(
            "cluster", FAILED, f"{link} points to {target}, which is gone", f"Bring it back, or: rm {link}"
        )
    if not link.exists():
        return Finding("cluster", OK, "No embedded database yet; the first start makes it")
    place = link.resolve()
    try:
        version = (place / "PG_VERSION").read_text().strip()
    except OSError as error:
        return Finding("cluster", WARNING, f"{place} cannot be read: {error.strerror}", "Run as its owner")
    return Finding("cluster", OK, f"PostgreSQL {version} in {place}, {_size(place) / 2**20:.0f} MiB")


def orphans(data_dir: Path) -> Iterator[Finding]:
    """Databases under /var/lib/lamina that this data directory's name once had and no longer links to.

    A cluster's name begins with the hash of its data directory (see `embedded.cluster`). What other data
    directories may still use is only counted.
    """
    place = SHARED_ROOT / "clusters"
    try:
        clusters = [path for path in place.iterdir() if path.is_dir()]
    except OSError:
        return
    used = (data_dir / CLUSTER).resolve()
    prefix = hashlib.sha256(os.fsencode(data_dir.resolve())).hexdigest()[:12]
    lost = [
        path for path in clusters if path.name.startswith(prefix) and path != used and not _is_served(path)
    ]
    others = len(clusters) - len(lost) - (used in clusters)
    if lost:
        names = " ".join(str(path) for path in lost)
        text = f"{len(lost)} databases of an earlier {data_dir.resolve()} are left over"
        yield Finding("orphans", WARNING, text, f"If nothing in them is needed: rm -r {names}")
    elif clusters:
        yield Finding("orphans", OK, f"{place} holds {others} databases of other data directories")


def _is_served(place: Path) -> bool:
    try:
        return bool(processes.serving(place, choose_account(None, place.stat().st_uid)))
    except LaminaError:
        return True


def _size(place: Path) -> int:
    """Bytes of all files; one that goes away meanwhile does not count."""
    total = 0
    for directory, _, names in os.walk(place):
        for name in names:
            try:
                total += Path(directory, name).lstat().st_size
            except OSError:
                continue
    return total
