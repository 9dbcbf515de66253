"""The private directory of the server's UNIX socket: mode 0700, owned by the server's account."""

import contextlib
import hashlib
import os
import stat
import subprocess
import tempfile
from pathlib import Path

from lamina.kernel.storage.embedded import child
from lamina.kernel.storage.embedded.account import Account
from lamina.kernel.storage.embedded.errors import ClusterUnusable

PORT = 5432
_SOCKET = f".s.PGSQL.{PORT}"
_PATH_BYTES_MAX = 107  # sun_path holds 108 with its final NUL (unix(7))
_LIST_SYNTAX = frozenset(',"')  # unix_socket_directories and a DSN's host are lists


def reachable(binaries: Path, account: Account, directory: Path) -> bool:
    """Whether `account` can enter `directory`, found out by letting a child of that account do it."""
    try:
        return child.run([binaries / "postgres", "--version"], account, enter=directory).returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False


def make_private(directory: Path, account: Account) -> None:
    """Make `directory` for `account` alone, or check that it is exactly that.

    Raises:
        ClusterUnusable: something else has taken its name, or others may use it.
        OSError: it cannot be made.
    """
    try:
        directory.mkdir(mode=0o700)
    except FileExistsError:
        _check_private(directory, account)
    else:
        give(directory, account)


def give(directory: Path, account: Account) -> None:
    """Hand a directory root has just made to `account`, never following a link put in its place."""
    if not account.borrowed:
        return
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if os.fstat(descriptor).st_uid == os.geteuid():
            os.fchown(descriptor, account.uid, account.gid)
    finally:
        os.close(descriptor)


def socket_directory(data_dir: Path, cluster: Path, binaries: Path, account: Account) -> Path:
    """Choose and make the socket's directory: `<data-dir>/run`, else one under a temporary directory.

    Raises:
        ClusterUnusable: no candidate is short enough, reachable and private.
        OSError: it cannot be made.
    """
    private = f"lamina-{hashlib.sha256(os.fsencode(cluster)).hexdigest()[:16]}"
    temporary = dict.fromkeys((Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")))  # noqa: S108 -- checked
    for directory in (data_dir / "run", *(parent / private for parent in temporary)):
        if (
            _fits(directory)
            and _undisturbed(directory.parent)
            and reachable(binaries, account, directory.parent)
        ):
            make_private(directory, account)
            return directory
    raise ClusterUnusable(
        "No directory is short enough for a UNIX socket and reachable by PostgreSQL",
        hint="Choose a --data-dir with a shorter path, or set TMPDIR to a short, writable directory",
    )


def clear(directory: Path) -> None:
    """Remove what a dead server left: its lock file would stop a new one if the pid is in use again."""
    for name in (_SOCKET, f"{_SOCKET}.lock"):
        (directory / name).unlink(missing_ok=True)


def discard(directory: Path, data_dir: Path) -> None:
    """Remove the socket directory of a stopped server when it is a temporary one."""
    if directory.parent != data_dir:
        with contextlib.suppress(OSError):
            directory.rmdir()


def _fits(directory: Path) -> bool:
    path = os.fsencode(directory / _SOCKET)
    return len(path) <= _PATH_BYTES_MAX and not _LIST_SYNTAX.intersection(str(directory))


def _undisturbed(parent: Path) -> bool:
    """Whether nobody else can rename what we make there: not writable by others, or sticky."""
    try:
        mode = parent.stat().st_mode
    except OSError:
        return False
    return not mode & stat.S_IWOTH or bool(mode & stat.S_ISVTX)


def _check_private(directory: Path, account: Account) -> None:
    state = directory.lstat()
    private = stat.S_ISDIR(state.st_mode) and not state.st_mode & 0o077
    if not private or state.st_uid != account.uid:
        raise ClusterUnusable(
            f"{directory} must be a directory of mode 0700 owned by {account.name}, and is not",
            hint=f"See who made it, then remove it: rm -r {directory}",
        )
