"""Child processes of the embedded PostgreSQL: a clean environment, the right account, tied to our life.

Programs are executed directly, so the account needs no Python interpreter it can reach.
"""

import ctypes
import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from lamina.kernel.storage.embedded.account import Account

# Resolved before any fork: between fork and exec a child of a threaded process may not load libraries.
_PRCTL = ctypes.CDLL(None, use_errno=True).prctl
_PR_SET_PDEATHSIG = 1


def run(
    argv: Sequence[str | Path], account: Account, *, enter: Path | None = None, text: str = ""
) -> "subprocess.CompletedProcess[str]":
    """Run a program to its end as `account`.

    Args:
        argv: the program's path and its arguments.
        account: who it runs as.
        enter: a directory the account must be able to enter first.
        text: its standard input.

    Returns:
        The exit status, and standard output and error together in `stdout`.

    Raises:
        OSError: it cannot be executed, or the account cannot be assumed.
        subprocess.SubprocessError: the account cannot enter `enter`.
    """
    return subprocess.run(  # noqa: S603 -- the programs of our own wheel
        argv,
        input=text,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
        cwd="/",
        env=_environment(),
        umask=0o077,
        preexec_fn=follow_parent(signal.SIGTERM, enter),
        **account.identity,
    )


def spawn(argv: Sequence[str | Path], account: Account, *, output: int) -> "subprocess.Popen[bytes]":
    """Start the server as a direct child in a session of its own, so that Ctrl-C reaches only us.

    It is told to shut down (SIGINT) when the *thread* that calls this ends: call it from a thread that
    lives as long as the process.

    Args:
        argv: the program's path and its arguments.
        account: who it runs as.
        output: file descriptor for its standard output and error.

    Raises:
        OSError: it cannot be executed, or the account cannot be assumed.
    """
    return subprocess.Popen(  # noqa: S603 -- the programs of our own wheel
        argv,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        cwd="/",
        env=_environment(),
        umask=0o077,
        start_new_session=True,
        preexec_fn=follow_parent(signal.SIGINT, None),  # noqa: PLW1509 -- must come after the uid change
        **account.identity,
    )


def _environment() -> dict[str, str]:
    """Nothing of ours but the time zone: no PG* variable, no secret."""
    kept = {name: value for name, value in os.environ.items() if name == "TZ"}
    return {"PATH": os.defpath, "LC_ALL": "C", **kept}


def follow_parent(death_signal: signal.Signals, enter: Path | None) -> Callable[[], None]:
    """Make a hook between fork and exec: the child gets `death_signal` when the thread that forks it ends.

    It runs after the uid change, which would clear the death signal.

    Args:
        death_signal: what the child is sent.
        enter: a directory to enter first.
    """
    parent_pid = os.getpid()
    number = int(death_signal)

    def hook() -> None:
        if _PRCTL(_PR_SET_PDEATHSIG, number, 0, 0, 0) != 0 or os.getppid() != parent_pid:
            os._exit(1)
        if enter is not None:
            os.chdir(enter)

    return hook
