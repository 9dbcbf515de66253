"""CPU time and memory of a target's processes by role, from /proc; and what the rest of the machine took."""

import os
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import NamedTuple

_TICKS = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")


class _Stat(NamedTuple):
    parent: int
    own_s: float
    reaped_s: float


def cpu_s(roles: Mapping[str, Sequence[int]]) -> dict[str, float]:
    """Seconds of CPU each role has used: its processes, their descendants, and children already ended."""
    stats, roots = _stats(), _roots(roles)
    return {role: sum(_tree_s(pid, stats, roots) for pid in pids) for role, pids in roles.items()}


def machine_s() -> float:
    """Seconds of CPU that all processes of the machine have used, over all cores."""
    fields = [int(field) for field in (_PROC / "stat").read_text().split("\n", 1)[0].split()[1:]]
    idle, iowait = fields[3], fields[4]
    return (sum(fields[:8]) - idle - iowait) / _TICKS


def rss_mib(roles: Mapping[str, Sequence[int]]) -> dict[str, float]:
    """Private resident memory (anonymous pages) of each role's processes and their descendants, MiB."""
    stats, roots = _stats(), _roots(roles)
    return {
        role: round(sum(_anonymous_kib(each) for pid in pids for each in _tree(pid, stats, roots)) / 1024, 1)
        for role, pids in roles.items()
    }


def pss_mib(roles: Mapping[str, Sequence[int]]) -> dict[str, float]:
    """Proportional resident memory (shared pages divided among those that share them) by role, MiB."""
    stats, roots = _stats(), _roots(roles)
    return {
        role: round(sum(_pss_kib(each) for pid in pids for each in _tree(pid, stats, roots)) / 1024, 1)
        for role, pids in roles.items()
    }


def _stats() -> dict[int, _Stat]:
    return {
        int(entry.name): stat for entry in _PROC.iterdir() if entry.name.isdigit() and (stat := _stat(entry))
    }


def _stat(entry: Path) -> _Stat | None:
    try:
        fields = (entry / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    own, reaped = int(fields[11]) + int(fields[12]), int(fields[13]) + int(fields[14])
    return _Stat(int(fields[1]), own / _TICKS, reaped / _TICKS)


def _roots(roles: Mapping[str, Sequence[int]]) -> frozenset[int]:
    return frozenset(pid for pids in roles.values() for pid in pids)


def _tree(root: int, stats: Mapping[int, _Stat], roots: AbstractSet[int]) -> list[int]:
    """A role's process and its descendants, without those of another role."""
    found = [root]
    for pid in found:
        found += [child for child, stat in stats.items() if stat.parent == pid and child not in roots]
    return found


def _tree_s(root: int, stats: Mapping[int, _Stat], roots: AbstractSet[int]) -> float:
    members = [stats[pid] for pid in _tree(root, stats, roots) if pid in stats]
    return sum(stat.own_s + stat.reaped_s for stat in members)


def _anonymous_kib(pid: int) -> int:
    try:
        status = (_PROC / str(pid) / "status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon")), 0)


def _pss_kib(pid: int) -> int:
    try:
        rollup = (_PROC / str(pid) / "smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")), 0)
