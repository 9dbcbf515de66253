"""What processes consume, read from Linux's /proc."""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

Role = tuple[str, str]

_LABELS = ("service", "role")
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Consumption:
    """What one process holds now, and the processor time it has used since it began."""

    resident_bytes: int
    open_fds: int
    cpu_s: float


def consumption(pid: int) -> Consumption | None:
    """Read one process; None when it is gone or not ours to look at."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        open_fds = len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208 (half the time of iterdir)
    except OSError:
        return None
    # proc(5) counts fields from 1. The second, in brackets, may hold blanks; after it comes field 3.
    fields = stat.rpartition(")")[2].split()
    ticks = int(fields[14 - 3]) + int(fields[15 - 3])
    return Consumption(int(fields[24 - 3]) * _PAGE_BYTES, open_fds, ticks / _TICKS_PER_SECOND)


class ProcessCollector:
    """Metrics per service and role; the processor time of processes that ended stays in the sum."""

    def __init__(self, processes: Callable[[], Mapping[int, Role]]) -> None:
        """Collect for these processes.

        Args:
            processes: the present ones: pid to (service, role).
        """
        self._processes = processes
        self._cpu_s: dict[int, tuple[Role, float]] = {}
        self._ended_cpu_s: dict[Role, float] = {}

    def collect(self) -> Iterable[Metric]:
        """One sample per role of each metric."""
        running = self._running()
        instances = GaugeMetricFamily("lamina_process_instances", "Processes that run", labels=_LABELS)
        resident = GaugeMetricFamily(
            "lamina_process_resident_bytes", "Memory, shared pages included", labels=_LABELS
        )
        open_fds = GaugeMetricFamily("lamina_process_open_fds", "Open file descriptors", labels=_LABELS)
        cpu = CounterMetricFamily(
            "lamina_process_cpu_seconds", "Processor time, also of ended processes", labels=_LABELS
        )
        for role, members in _by_role(running).items():
            instances.add_metric(role, len(members))
            resident.add_metric(role, sum(each.resident_bytes for each in members))
            open_fds.add_metric(role, sum(each.open_fds for each in members))
        for role, seconds in self._cpu_by_role(running).items():
            cpu.add_metric(role, seconds)
        return [instances, resident, open_fds, cpu]

    def _running(self) -> dict[int, tuple[Role, Consumption]]:
        read = {pid: (role, consumption(pid)) for pid, role in self._processes().items()}
        return {pid: (role, each) for pid, (role, each) in read.items() if each is not None}

    def _cpu_by_role(self, running: Mapping[int, tuple[Role, Consumption]]) -> Mapping[Role, float]:
        """A process's last known time joins its role's sum once it is gone or its number given away."""
        for pid, (role, seconds) in self._cpu_s.items():
            if pid not in running or running[pid][1].cpu_s < seconds:
                self._ended_cpu_s[role] = self._ended_cpu_s.get(role, 0.0) + seconds
        self._cpu_s = {pid: (role, each.cpu_s) for pid, (role, each) in running.items()}
        total = dict(self._ended_cpu_s)
        for role, seconds in self._cpu_s.values():
            total[role] = total.get(role, 0.0) + seconds
        return total


def _by_role(running: Mapping[int, tuple[Role, Consumption]]) -> dict[Role, list[Consumption]]:
    members: dict[Role, list[Consumption]] = {}
    for role, each in running.values():
        members.setdefault(role, []).append(each)
    return members
