"""What the nodes of a chain run on and how fast that is."""

from bisect import bisect_right

from lamina.services.telemetry.live.benchmark import HardwareBenchmark
from lamina.services.telemetry.live.details import NodeDetails
from lamina.services.telemetry.live.ranking import Bucket, Key, Ranking, RankingObject

_SCORE_BOUNDS_PERCENT = (0, 10, 30, 50, 70, 90, 110, 130, 150, 200, 300, 400, 500)
_MEMORY_BOUNDS_GB = (1, 2, 4, 6, 8, 10, 16, 24, 32, 48, 56, 64, 128)
_CPU_REFERENCE = 1028
_MEMORY_REFERENCE = 14899
_SEQUENTIAL_WRITE_REFERENCE = 485
_RANDOM_WRITE_REFERENCE = 222
_VENDORS = {"intel": "Intel", "amd": "AMD", "arm": "ARM", "apple": "Apple"}

_MOST_FREQUENT = (
    "version",
    "target_os",
    "target_arch",
    "cpu",
    "core_count",
    "linux_kernel",
    "linux_distro",
    "cpu_vendor",
    "cpu_hashrate_score",
    "parallel_cpu_hashrate_score",
)
_ORDERED = (
    "memory",
    "is_virtual_machine",
    "memory_memcpy_score",
    "disk_sequential_write_score",
    "disk_random_write_score",
)


class ChainStatistics:
    """Rankings kept up to date node by node, so that taking them costs no look at the nodes."""

    def __init__(self) -> None:
        self._rankings = {name: Ranking() for name in (*_MOST_FREQUENT, *_ORDERED)}

    def add(self, details: NodeDetails, benchmark: HardwareBenchmark | None) -> None:
        """Count a node."""
        for name, value in _values(details, benchmark).items():
            self._rankings[name].add(value)

    def remove(self, details: NodeDetails, benchmark: HardwareBenchmark | None) -> None:
        """Count it no more; with the values it was counted with."""
        for name, value in _values(details, benchmark).items():
            self._rankings[name].remove(value)

    def rankings(self) -> dict[str, RankingObject]:
        """All rankings, by property."""
        frequent = {name: self._rankings[name].most_frequent() for name in _MOST_FREQUENT}
        return frequent | {name: self._rankings[name].ordered() for name in _ORDERED}


def _values(details: NodeDetails, benchmark: HardwareBenchmark | None) -> dict[str, Key | None]:
    return {
        "version": details.version,
        "target_os": details.target_os,
        "target_arch": details.target_arch,
        **_machine_values(details),
        **_benchmark_values(benchmark),
    }


def _machine_values(details: NodeDetails) -> dict[str, Key | None]:
    machine = details.sysinfo
    return {
        "cpu": machine and machine.cpu,
        "cpu_vendor": None if machine is None or machine.cpu is None else _vendor(machine.cpu),
        "memory": None if machine is None or machine.memory is None else _memory(machine.memory),
        "core_count": machine and machine.core_count,
        "linux_kernel": None
        if machine is None or machine.linux_kernel is None
        else _kernel(machine.linux_kernel),
        "linux_distro": machine and machine.linux_distro,
        "is_virtual_machine": machine and machine.is_virtual_machine,
    }


def _benchmark_values(benchmark: HardwareBenchmark | None) -> dict[str, Key | None]:
    found = benchmark
    return {
        "cpu_hashrate_score": _score(found and found.cpu_hashrate_score, _CPU_REFERENCE),
        "parallel_cpu_hashrate_score": _score(found and found.parallel_cpu_hashrate_score, _CPU_REFERENCE),
        "memory_memcpy_score": _score(found and found.memory_memcpy_score, _MEMORY_REFERENCE),
        "disk_sequential_write_score": _score(
            found and found.disk_sequential_write_score, _SEQUENTIAL_WRITE_REFERENCE
        ),
        "disk_random_write_score": _score(found and found.disk_random_write_score, _RANDOM_WRITE_REFERENCE),
    }


def _score(score: int | None, reference: int) -> Bucket | None:
    return None if score is None else _bucket(score * 100 // reference, _SCORE_BOUNDS_PERCENT)


def _memory(size_bytes: int) -> Bucket:
    return _bucket(size_bytes // 1_048_576 // 1000, _MEMORY_BOUNDS_GB)


def _bucket(value: int, bounds: tuple[int, ...]) -> Bucket:
    above = max(1, bisect_right(bounds, value))
    return bounds[above - 1], bounds[above] if above < len(bounds) else None


def _kernel(kernel: str) -> str:
    return kernel.partition("-" if "-" in kernel else "+")[0]


def _vendor(cpu: str) -> str:
    lower = cpu.lower()
    return next((vendor for part, vendor in _VENDORS.items() if part in lower), "Other")
