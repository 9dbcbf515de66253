"""What the nodes of a chain run on, as rankings."""

from typing import Any

import pytest
from tests.live_documents import GENESIS, T0, connected, hear, kinds

from lamina.services.telemetry.live.limits import LiveLimits
from lamina.services.telemetry.live.view import LiveView

GB = 1_048_576 * 1000


@pytest.fixture
def view() -> LiveView:
    return LiveView(LiveLimits())


def ranking(view: LiveView, name: str, now_ms: int = T0) -> Any:
    view.tick(now_ms)
    return view.chains[GENESIS].statistics[name]


def benchmark(**scores: object) -> dict[str, object]:
    return {"msg": "sysinfo.hwbench", "cpu_hashrate_score": 1028, "memory_memcpy_score": 14899, **scores}


def test_all_keys_are_there_from_the_beginning(view: LiveView) -> None:
    hear(view, T0, 1, connected())
    statistics = view.chains[GENESIS].statistics
    assert list(statistics) == [
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
        "memory",
        "is_virtual_machine",
        "memory_memcpy_score",
        "disk_sequential_write_score",
        "disk_random_write_score",
    ]
    assert set(map(str, statistics.values())) == {"{'list': [], 'other': 0, 'unknown': 0}"}


def test_the_ten_most_frequent_are_listed_and_the_rest_summed(view: LiveView) -> None:
    number = 0
    for version in range(12):
        for _ in range(version + 1):
            hear(view, T0, number, connected(version=f"v{version}"))
            number += 1
    found = ranking(view, "version")
    assert found["list"][:2] == [("v11", 12), ("v10", 11)]
    assert (len(found["list"]), found["other"], found["unknown"]) == (10, 1 + 2, 0)


def test_equally_frequent_ones_are_in_order(view: LiveView) -> None:
    for number, cores in enumerate([16, 4, 8]):
        hear(view, T0, number, connected(sysinfo={"core_count": cores}))
    assert ranking(view, "core_count")["list"] == [(4, 1), (8, 1), (16, 1)]


def test_nodes_without_a_value_are_unknown(view: LiveView) -> None:
    hear(view, T0, 1, connected(sysinfo={"cpu": "AMD EPYC", "is_virtual_machine": True}))
    hear(view, T0, 2, connected(sysinfo={"cpu": 5, "is_virtual_machine": False}))
    hear(view, T0, 3, connected(sysinfo="none"))
    assert ranking(view, "cpu") == {"list": [("AMD EPYC", 1)], "other": 0, "unknown": 2}
    assert ranking(view, "is_virtual_machine") == {"list": [(False, 1), (True, 1)], "other": 0, "unknown": 1}


@pytest.mark.parametrize(
    ("kernel", "shown"),
    [("5.10.0-8-amd64", "5.10.0"), ("5.10.0+82453", "5.10.0"), ("5.1+2-3", "5.1+2"), ("5.10.0", "5.10.0")],
)
def test_kernels_are_ranked_by_version(view: LiveView, kernel: str, shown: str) -> None:
    hear(view, T0, 1, connected(sysinfo={"linux_kernel": kernel}))
    assert ranking(view, "linux_kernel")["list"] == [(shown, 1)]


@pytest.mark.parametrize(
    ("cpu", "vendor"),
    [
        ("Intel(R) Xeon(R)", "Intel"),
        ("AMD EPYC 7B13", "AMD"),
        ("arm Neoverse-N1", "ARM"),
        ("Apple M1", "Apple"),
        ("RISC-V", "Other"),
    ],
)
def test_vendors_are_recognised(view: LiveView, cpu: str, vendor: str) -> None:
    hear(view, T0, 1, connected(sysinfo={"cpu": cpu}))
    assert ranking(view, "cpu_vendor")["list"] == [(vendor, 1)]


@pytest.mark.parametrize(
    ("size_bytes", "bucket"),
    [
        (0, (1, 2)),
        (2 * GB - 1, (1, 2)),
        (2 * GB, (2, 4)),
        (64 * GB, (64, 128)),
        (128 * GB, (128, None)),
        (2**64 - 1, (128, None)),
    ],
)
def test_memory_is_ranked_in_buckets_of_gb(view: LiveView, size_bytes: int, bucket: tuple[int, int]) -> None:
    hear(view, T0, 1, connected(sysinfo={"memory": size_bytes}))
    assert ranking(view, "memory")["list"] == [(bucket, 1)]


def test_buckets_are_in_order(view: LiveView) -> None:
    for number, size in enumerate([300, 3, 40, 3]):
        hear(view, T0, number, connected(sysinfo={"memory": size * GB}))
    assert ranking(view, "memory")["list"] == [((2, 4), 2), ((32, 48), 1), ((128, None), 1)]


@pytest.mark.parametrize(
    ("name", "score", "bucket"),
    [
        ("cpu_hashrate_score", 1028, (90, 110)),
        ("cpu_hashrate_score", 0, (0, 10)),
        ("cpu_hashrate_score", 102, (0, 10)),
        ("cpu_hashrate_score", 103, (10, 30)),
        ("cpu_hashrate_score", 5140, (500, None)),
        ("cpu_hashrate_score", 5139, (400, 500)),
        ("memory_memcpy_score", 14899, (90, 110)),
        ("disk_sequential_write_score", 485, (90, 110)),
        ("disk_random_write_score", 222, (90, 110)),
        ("parallel_cpu_hashrate_score", 1028 * 4, (400, 500)),
    ],
)
def test_scores_are_ranked_in_percent_of_the_reference(
    view: LiveView, name: str, score: int, bucket: tuple[int, int | None]
) -> None:
    hear(view, T0, 1, connected())
    hear(view, T0, 1, benchmark(**{name: score}))
    assert ranking(view, name) == {"list": [(bucket, 1)], "other": 0, "unknown": 0}


def test_a_later_benchmark_replaces_the_first(view: LiveView) -> None:
    hear(view, T0, 1, connected())
    assert kinds(hear(view, T0, 1, benchmark())) == ["BenchmarkChanged"]
    assert not hear(view, T0, 1, benchmark())
    hear(view, T0, 1, benchmark(cpu_hashrate_score=0))
    assert ranking(view, "cpu_hashrate_score")["list"] == [((0, 10), 1)]


def test_a_benchmark_without_its_main_scores_is_ignored(view: LiveView) -> None:
    hear(view, T0, 1, connected())
    assert not hear(view, T0, 1, benchmark(cpu_hashrate_score=None))
    assert not hear(view, T0, 1, benchmark(memory_memcpy_score=-1))


def test_they_are_taken_at_most_every_five_seconds_and_told_when_they_changed(view: LiveView) -> None:
    hear(view, T0, 1, connected(version="v1"))
    assert kinds(view.tick(T0)) == ["StatisticsChanged"]
    hear(view, T0, 2, connected(version="v1"))
    assert not view.tick(T0 + 4999)
    assert view.chains[GENESIS].statistics["version"]["list"] == [("v1", 1)]
    assert kinds(view.tick(T0 + 5000)) == ["StatisticsChanged"]
    assert not view.tick(T0 + 20_000)
    hear(view, T0 + 20_001, 3, connected(version="v1"))
    view.leave(3)
    assert not view.tick(T0 + 20_002)


def test_a_node_that_leaves_is_counted_no_more(view: LiveView) -> None:
    hear(view, T0, 1, connected(version="v1"))
    hear(view, T0, 2, connected(version="v2", sysinfo={"cpu": "x", "memory": GB}))
    hear(view, T0, 2, benchmark())
    view.leave(2)
    assert ranking(view, "version")["list"] == [("v1", 1)]
    assert ranking(view, "memory") == {"list": [], "other": 0, "unknown": 1}
    assert ranking(view, "cpu_hashrate_score") == {"list": [], "other": 0, "unknown": 1}
