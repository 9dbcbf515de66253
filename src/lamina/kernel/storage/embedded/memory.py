"""How much memory there is for a page cache: the machine's, or the container's where that is less."""

import os
from pathlib import Path

_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
SHARE = 8
CACHE_MB_MIN, CACHE_MB_MAX = 128, 2048


def default_shared_buffers_mb() -> int:
    """MiB of page cache: an eighth of the memory, between 128 and 2048.

    PostgreSQL's own advice is a quarter of a machine it has to itself; this one serves and checks signatures
    too. Pages are taken only as they are used.
    """
    mib = _memory_bytes() // (SHARE * 2**20)
    return min(max(mib, CACHE_MB_MIN), CACHE_MB_MAX)


def _memory_bytes() -> int:
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([machine, *(limit for path in _LIMITS if (limit := _read(path)) is not None)])


def _read(path: Path) -> int | None:
    """A limit in bytes; None where there is none ("max") or no such file."""
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
