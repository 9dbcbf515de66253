"""Checks of the machine alone: interpreter, clock, limits."""

import ctypes
import platform
import resource
import sys

from lamina.cli.doctor.finding import FAILED, OK, WARNING, Finding

PYTHON_MIN = (3, 11)
OPEN_FILES_MIN = 1024
OPEN_FILES_WANTED = 4096
_TIMEX_BYTES = 208  # struct timex of Linux with room to spare
_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised


def python() -> Finding:
    """The interpreter is new enough."""
    version = platform.python_version()
    if sys.version_info < PYTHON_MIN:
        return Finding("python", FAILED, f"Python {version} is too old", "Install Python 3.11 or newer")
    return Finding("python", OK, f"Python {version} at {sys.executable}")


def clock() -> Finding:
    """The clock is synchronised: blocks and votes carry its time (spec/ledger.md 8, item 7)."""
    return clock_in(_clock_state())


def clock_in(state: int | None) -> Finding:
    """The finding for an answer of adjtimex(2); None where the kernel did not answer.

    The kernel's state is the host's, so a container cannot mend it. Every NTP client that keeps the clock
    sets it: chrony with `rtcsync`, systemd-timesyncd, ntpd.
    """
    if state is None:
        remedy = "Look on the host: timedatectl, or chronyc tracking"
        return Finding("clock", WARNING, "Whether the clock is synchronised cannot be told", remedy)
    if state == _TIME_ERROR:
        remedy = "Run an NTP client: timedatectl set-ntp true, or chrony; for a container on its host"
        return Finding("clock", WARNING, "The clock is not synchronised", remedy)
    return Finding("clock", OK, "The clock is synchronised")


def _clock_state() -> int | None:
    """What adjtimex(2) answers when it is asked to change nothing; None where it may not be asked."""
    buffer = ctypes.create_string_buffer(_TIMEX_BYTES)
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(buffer)
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state


def open_files() -> Finding:
    """The limit of open files leaves room for connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    remedy = f"ulimit -n {OPEN_FILES_WANTED}, or LimitNOFILE={OPEN_FILES_WANTED} in the systemd unit"
    text = f"{soft} open files allowed (hard limit {hard})"
    if soft != resource.RLIM_INFINITY and soft < OPEN_FILES_MIN:
        return Finding("open files", FAILED, f"Only {text}", remedy)
    if soft != resource.RLIM_INFINITY and soft < OPEN_FILES_WANTED:
        return Finding("open files", WARNING, text, remedy)
    return Finding("open files", OK, text)
