"""The operating-system account PostgreSQL runs as.

PostgreSQL refuses uid 0, so root lends it an account that exists already; accounts are never created.
"""

import contextlib
import ctypes
import os
import pwd
from collections.abc import Generator
from dataclasses import dataclass
from typing import TypedDict

from lamina.kernel.storage.embedded.errors import AccountUnusable, ClusterUnusable

_LIBC = ctypes.CDLL(None, use_errno=True)

CANDIDATES = ("lamina", "postgres", "nobody")


class Identity(TypedDict, total=False):
    """The identity arguments of `subprocess.Popen`; empty keeps the caller's."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, slots=True)
class Account:
    """A user and its primary group; `borrowed` when root switches to it."""

    name: str
    uid: int
    gid: int
    borrowed: bool

    @property
    def identity(self) -> Identity:
        """How a child becomes this account, with no supplementary groups."""
        if not self.borrowed:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


@contextlib.contextmanager
def sight_of(account: Account) -> Generator[None]:
    """See files and processes as `account` does, in this thread only (setfsuid(2)).

    A container that withholds CAP_SYS_PTRACE hides /proc/<pid>/cwd of other users even from root.
    """
    if not account.borrowed:
        yield
        return
    _LIBC.setfsgid(account.gid)
    _LIBC.setfsuid(account.uid)
    try:
        yield
    finally:
        _LIBC.setfsuid(os.geteuid())
        _LIBC.setfsgid(os.getegid())


def caller_name() -> str:
    """Return the name of the user this process runs as.

    Raises:
        AccountUnusable: the user has no name; `peer` authentication and initdb both need one.
    """
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError as error:
        raise AccountUnusable(
            f"User id {os.geteuid()} has no entry in the user database, which PostgreSQL requires",
            hint="Run as a user listed in /etc/passwd, or use an external PostgreSQL (LAMINA_POSTGRES__DSN)",
        ) from error


def choose_account(run_as: str | None, owner_uid: int | None) -> Account:
    """Choose who PostgreSQL runs as: the caller, or for root `run_as`, the cluster's owner or a usual name.

    Args:
        run_as: the operator's choice; only root can honour it, others run it themselves.
        owner_uid: who owns the existing cluster, which PostgreSQL insists on; None before it exists.

    Raises:
        AccountUnusable: no such account, or it is root.
        ClusterUnusable: the existing cluster belongs to somebody else.
    """
    account = _wanted(run_as, owner_uid) if os.geteuid() == 0 else caller()
    if owner_uid is not None and owner_uid != account.uid:
        raise ClusterUnusable(
            f"The database cluster belongs to user id {owner_uid}, not to {account.name} ({account.uid})",
            hint="Start Lamina as its owner, correct postgres.run_as, or choose another --data-dir",
        )
    return account


def caller() -> Account:
    """Return who this process runs as.

    Raises:
        AccountUnusable: the user has no name.
    """
    return Account(caller_name(), os.geteuid(), os.getegid(), borrowed=False)


def _wanted(run_as: str | None, owner_uid: int | None) -> Account:
    if run_as is not None:
        return _borrow(_named(run_as))
    if owner_uid is not None:
        return _borrow(_owner(owner_uid))
    for name in CANDIDATES:
        try:
            return _borrow(pwd.getpwnam(name))
        except KeyError:
            continue
    raise AccountUnusable(f"None of the accounts {', '.join(CANDIDATES)} exists to run PostgreSQL as")


def _named(name: str) -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(name)
    except KeyError as error:
        raise AccountUnusable(f"The account {name!r} to run PostgreSQL as does not exist") from error


def _owner(uid: int) -> pwd.struct_passwd:
    try:
        return pwd.getpwuid(uid)
    except KeyError as error:
        raise AccountUnusable(f"The owner of the cluster, user id {uid}, has no account here") from error


def _borrow(entry: pwd.struct_passwd) -> Account:
    if entry.pw_uid == 0:
        raise AccountUnusable(f"PostgreSQL refuses to run as {entry.pw_name!r}, which is root")
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, borrowed=True)
