"""PostgreSQL processes left over by a previous owner of a cluster.

Only a process that is `postgres` and works inside that very directory is ever signalled.
"""

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lamina.kernel.storage.embedded.account import Account, sight_of
from lamina.kernel.storage.embedded.errors import ClusterUnusable

SHUTDOWN_WAIT_S = 30.0
ORPHAN_WAIT_S = 2.0
QUIT_WAIT_S = 10.0
_POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class ServerProcess:
    """A live postmaster, or one of its children."""

    pid: int
    postmaster: bool


def start_ticks(pid: int) -> int | None:
    """Return when a process started, in clock ticks since boot; None when it is gone or a zombie.

    Source: proc(5), /proc/<pid>/stat fields 3 (state) and 22 (starttime), counted after the command's ')'.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(b")")[2].split()
    return None if fields[0] in {b"Z", b"X"} else int(fields[19])


def serving(cluster: Path, account: Account) -> list[ServerProcess]:
    """List the live processes of the server that works in this directory, as its account sees them."""
    try:
        where = cluster.stat()
    except FileNotFoundError:
        return []
    with sight_of(account):
        found = [_inspect(pid, (where.st_dev, where.st_ino)) for pid in _pids()]
    return [process for process in found if process is not None]


def retire(cluster: Path, account: Account) -> None:
    """End what a dead owner left running in `cluster`: a fast shutdown first, an immediate one after a bound.

    Raises:
        ClusterUnusable: something of it is still there after both bounds.
    """
    left = serving(cluster, account)
    bound_s = SHUTDOWN_WAIT_S if any(process.postmaster for process in left) else ORPHAN_WAIT_S
    for number, wait_s in ((signal.SIGINT, bound_s), (signal.SIGQUIT, QUIT_WAIT_S)):
        for process in left:
            _signal(process, cluster, account, number)
        left = _remaining(cluster, account, wait_s)
        if not left:
            return
    pids = " ".join(str(process.pid) for process in left)
    raise ClusterUnusable(
        f"PostgreSQL of a previous start does not end (pid {pids})",
        hint=f"See what blocks it, then end it by hand: kill -QUIT {pids}",
    )


def _remaining(cluster: Path, account: Account, bound_s: float) -> list[ServerProcess]:
    """Return what is left once nothing is, or when the bound is over."""
    deadline = time.monotonic() + bound_s
    while (left := serving(cluster, account)) and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    return left


def _signal(process: ServerProcess, cluster: Path, account: Account, number: signal.Signals) -> None:
    """Signal through a pidfd opened before the last look, so a reused pid is never hit."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return
    try:
        if process in serving(cluster, account):
            signal.pidfd_send_signal(descriptor, number)
    except ProcessLookupError:
        return
    finally:
        os.close(descriptor)


def _pids() -> Iterator[int]:
    return (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())


def _inspect(pid: int, directory: tuple[int, int]) -> ServerProcess | None:
    """Recognise a server process of that directory; a zombie has neither directory nor program any more."""
    process = Path(f"/proc/{pid}")
    try:
        working = (process / "cwd").stat()
        program = (process / "exe").readlink()
        command = (process / "cmdline").read_bytes()
    except OSError:
        return None
    if (working.st_dev, working.st_ino) != directory or not _is_postgres(program):
        return None
    return ServerProcess(pid, postmaster=not command.startswith(b"postgres: "))


def _is_postgres(program: Path) -> bool:
    """Whether that is the server, even when its file was replaced by a newer installation."""
    return program.name.removesuffix(" (deleted)") == "postgres"
