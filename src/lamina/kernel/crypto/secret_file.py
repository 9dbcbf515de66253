"""Files that hold a secret: created 0600, replaced whole, read only when no other account could read them.

The rules are those of distribution-and-reliability.md section 15. What a file means is the caller's affair.
"""

import contextlib
import errno
import os
import shlex
import stat
from collections.abc import Generator
from pathlib import Path
from typing import BinaryIO

from lamina.kernel.crypto import durable_file
from lamina.kernel.errors import SecretFileError

SECRET_BYTES_MAX = 1 << 20
SECRET_MODE = 0o600
_OTHERS_READ = stat.S_IRGRP | stat.S_IROTH
_OTHERS_ALL = stat.S_IRWXG | stat.S_IRWXO


def write_secret(path: Path, content: bytes) -> None:
    """Put a secret at `path`, replacing what is there; a crash leaves the old file or the new one.

    Raises:
        SecretFileError: the directory is missing or may not be written.
    """
    with _worded(path):
        durable_file.replace(path, content, SECRET_MODE)


def create_secret(path: Path, content: bytes) -> bool:
    """Put a secret at `path` unless something is there; of several processes exactly one wins.

    Returns:
        Whether this call made the file. False means that another one did, whole and durable.

    Raises:
        SecretFileError: the directory is missing or may not be written.
    """
    with _worded(path):
        return durable_file.create(path, content, SECRET_MODE)


def read_secret(path: Path, *, allow_readable: bool = False) -> bytes:
    """Read a secret that only its owner can read.

    The checks are made on the opened file, so it cannot be swapped between check and read.

    Args:
        path: a regular file of ours or root's, mode 0600 or stricter. A symbolic link is followed only where
            the link itself belongs to us or root, as in a Kubernetes secret volume.
        allow_readable: accept a file that group or others may read; never one that they may write.

    Raises:
        SecretFileError: missing, not a regular file, someone else's, too open, or larger than 1 MiB.
    """
    with _opened(path, allow_readable=allow_readable) as file:
        content = file.read(SECRET_BYTES_MAX + 1)
    if len(content) > SECRET_BYTES_MAX:
        raise SecretFileError(
            f"{path} is larger than a secret can be ({SECRET_BYTES_MAX} bytes)",
            hint="Check that the path is the right one",
        )
    return content


def check_secret_file(path: Path, *, allow_readable: bool = False) -> None:
    """Apply the checks of `read_secret` to a file that is read by other means.

    Raises:
        SecretFileError: as `read_secret`.
    """
    with _opened(path, allow_readable=allow_readable):
        pass


@contextlib.contextmanager
def _worded(path: Path) -> Generator[None]:
    """Say what could not be written and what to do about it."""
    try:
        yield
    except OSError as error:
        raise SecretFileError(
            f"{path} cannot be written: {error.strerror}",
            hint=f"Make {path.parent} a directory that this account may write",
        ) from error


@contextlib.contextmanager
def _opened(path: Path, *, allow_readable: bool) -> Generator[BinaryIO]:
    """The open file, checked."""
    try:
        descriptor = _open_trusted(path)
    except OSError as error:
        raise SecretFileError(f"{path} cannot be read: {error.strerror}", hint=f"Check {path}") from error
    try:
        _check_status(path, os.fstat(descriptor), allow_readable=allow_readable)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            yield file
    finally:
        os.close(descriptor)


def _open_trusted(path: Path) -> int:
    """Open for reading; a link is followed only when nobody else could have planted it."""
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK  # a pipe in place of the file must not hang the start
    try:
        return os.open(path, flags | os.O_NOFOLLOW)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
    if not _is_trusted(path.lstat()):
        raise SecretFileError(f"{path} is a link that belongs to another account", hint=f"rm {_quoted(path)}")
    return os.open(path, flags)


def _check_status(path: Path, status: os.stat_result, *, allow_readable: bool) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise SecretFileError(f"{path} is not a regular file", hint="Give the path of the file itself")
    if not _is_trusted(status):
        raise SecretFileError(
            f"{path} belongs to another account (uid {status.st_uid})",
            hint=f"chown {os.geteuid()} {_quoted(path)}",
        )
    mode = stat.S_IMODE(status.st_mode)
    if mode & (_OTHERS_ALL & ~_OTHERS_READ if allow_readable else _OTHERS_ALL):
        raise SecretFileError(
            f"{path} holds a secret and its mode is {mode:04o}; other accounts can use it",
            hint=f"chmod 600 {_quoted(path)}",
        )


def _is_trusted(status: os.stat_result) -> bool:
    return status.st_uid in {0, os.geteuid()}


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
