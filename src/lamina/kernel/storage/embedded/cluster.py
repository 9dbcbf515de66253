"""The database cluster: where it lives, how it is made once, and who may connect to it.

It is made under another name and renamed when complete: an interrupted first start leaves nothing half made.
"""

import contextlib
import hashlib
import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from lamina.kernel.storage.embedded import child, processes, sockets
from lamina.kernel.storage.embedded.account import Account, caller_name, choose_account
from lamina.kernel.storage.embedded.binaries import executable_binaries, shared_directory
from lamina.kernel.storage.embedded.errors import ClusterUnusable

ROLE = "lamina"
DATABASE = "lamina"
_LINK = "postgres"
# The builtin provider needs neither ICU (the wheel has none) nor a locale of the operating system.
_INITDB = (
    *("--username", ROLE, "--encoding", "UTF8", "--data-checksums"),
    *("--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--locale", "C"),
    *("--auth-local", "peer", "--auth-host", "reject"),
)
_HBA = f"local all {ROLE} peer map={ROLE}\nlocal replication {ROLE} peer map={ROLE}\n"


@dataclass(frozen=True, slots=True)
class ClusterLocation:
    """Where the programs, the cluster, the socket and the log are, and whose the server is."""

    binaries: Path
    cluster: Path
    socket_dir: Path
    log: Path
    account: Account


def prepare(data_dir: Path, run_as: str | None) -> ClusterLocation:
    """Make everything a server needs: programs, account, cluster, socket directory, authentication.

    Raises:
        LaminaError: a subclass names what cannot be used and what to do.
    """
    try:
        return _prepare(data_dir, run_as)
    except OSError as error:
        raise ClusterUnusable(f"The database cluster of {data_dir} cannot be set up: {error}") from error


def vacate(location: ClusterLocation) -> None:
    """End what a dead owner left running and remove its lock files.

    Call it only as the owner of the data directory. PostgreSQL takes any process of its user that now has
    the pid in a lock file, even a zombie, for a running server; here the processes themselves were looked at.

    Raises:
        ClusterUnusable: a process of a previous start does not end.
    """
    processes.retire(location.cluster, location.account)
    (location.cluster / "postmaster.pid").unlink(missing_ok=True)
    sockets.clear(location.socket_dir)


def _prepare(data_dir: Path, run_as: str | None) -> ClusterLocation:
    link = data_dir / _LINK
    account = choose_account(run_as, _owner_uid(link))
    binaries = executable_binaries(account)
    if not link.exists():
        _create(data_dir, binaries, account)
    cluster = link.resolve()
    if not sockets.reachable(binaries, account, cluster):
        raise ClusterUnusable(
            f"The account {account.name} cannot reach the database cluster in {cluster}",
            hint=f"Let it pass: chmod o+x on every directory above {cluster}",
        )
    _authenticate(cluster, account)
    socket_dir = sockets.socket_directory(data_dir, cluster, binaries, account)
    return ClusterLocation(binaries, cluster, socket_dir, data_dir / "postgres.log", account)


def _owner_uid(link: Path) -> int | None:
    """Who owns the cluster; None when there is none yet."""
    try:
        return link.stat().st_uid
    except FileNotFoundError:
        if link.is_symlink():
            raise ClusterUnusable(
                f"The database cluster is gone: {link} points to {link.readlink()}",
                hint=f"Bring it back, or remove the link to start empty: rm {link}",
            ) from None
        return None


def _create(data_dir: Path, binaries: Path, account: Account) -> None:
    """Make the cluster in the data directory, or behind a link when `account` cannot get in there."""
    if sockets.reachable(binaries, account, data_dir):
        _initialise(data_dir / f"{_LINK}.partial", data_dir / _LINK, binaries, account)
        return
    if not account.borrowed:
        raise ClusterUnusable(f"The data directory {data_dir} cannot be entered")
    clusters = shared_directory("clusters")
    name = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]
    # A new suffix each time: a data directory deleted and made again must not find its old cluster.
    cluster = clusters / f"{name}-{secrets.token_hex(4)}"
    _initialise(clusters / f"{name}.partial", cluster, binaries, account)
    (data_dir / _LINK).symlink_to(cluster)


def _initialise(partial: Path, final: Path, binaries: Path, account: Account) -> None:
    processes.retire(partial, account)
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(partial)
    sockets.make_private(partial, account)
    _run([binaries / "initdb", "--pgdata", partial, *_INITDB], account)
    _run(
        [binaries / "postgres", "--single", "-D", partial, "postgres"],
        account,
        f"CREATE DATABASE {DATABASE} OWNER {ROLE}\n",
    )
    partial.rename(final)
    _sync(final.parent)


def _run(argv: list[str | Path], account: Account, text: str = "") -> None:
    result = child.run(argv, account, text=text)
    if result.returncode != 0 or "ERROR:" in result.stdout:
        last = "\n".join(result.stdout.strip().splitlines()[-10:])
        raise ClusterUnusable(f"The database cluster cannot be made: {last}")


def _authenticate(cluster: Path, account: Account) -> None:
    """Let in our operating-system user alone, known by the kernel and not by a password (never `trust`)."""
    _replace(cluster / "pg_hba.conf", _HBA, account)
    _replace(cluster / "pg_ident.conf", f'{ROLE} "{caller_name()}" {ROLE}\n', account)


def _replace(path: Path, text: str, account: Account) -> None:
    """Write a file of the account's directory without ever following a link it may have put there."""
    fresh = path.with_name(f"{path.name}.lamina")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        if account.borrowed:
            os.fchown(file.fileno(), account.uid, account.gid)
    fresh.rename(path)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
