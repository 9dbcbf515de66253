"""How fast a node found its machine to be."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lamina.services.telemetry.live.fields import natural


@dataclass(frozen=True, slots=True)
class HardwareBenchmark:
    """The fields of `sysinfo.hwbench`; scores in MiB a second."""

    cpu_hashrate_score: int
    memory_memcpy_score: int
    disk_sequential_write_score: int | None
    disk_random_write_score: int | None
    parallel_cpu_hashrate_score: int | None
    parallel_cpu_cores: int | None


def read_benchmark(document: Mapping[str, Any]) -> HardwareBenchmark | None:
    """What a `sysinfo.hwbench` says; None without the scores of processor and memory."""
    cpu, memory = natural(document.get("cpu_hashrate_score")), natural(document.get("memory_memcpy_score"))
    if cpu is None or memory is None:
        return None
    return HardwareBenchmark(
        cpu_hashrate_score=cpu,
        memory_memcpy_score=memory,
        disk_sequential_write_score=natural(document.get("disk_sequential_write_score")),
        disk_random_write_score=natural(document.get("disk_random_write_score")),
        parallel_cpu_hashrate_score=natural(document.get("parallel_cpu_hashrate_score")),
        parallel_cpu_cores=natural(document.get("parallel_cpu_cores")),
    )
