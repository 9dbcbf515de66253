import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from lamina.kernel.observability.processes import ProcessCollector, Role, consumption

BURN = "import os,sys\nwhile sum(os.times()[:2]) < 0.3: pass\nprint('x', flush=True)\nsys.stdin.read()"


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        [sys.executable, "-c", BURN], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as started:
        assert started.stdout is not None
        started.stdout.readline()
        yield started


def samples(collector: ProcessCollector) -> dict[tuple[str, Role], float]:
    return {
        (sample.name, (sample.labels["service"], sample.labels["role"])): sample.value
        for family in collector.collect()
        for sample in family.samples
    }


def test_a_process_is_measured() -> None:
    own = consumption(os.getpid())
    assert own is not None
    assert own.resident_bytes > 10_000_000
    assert own.cpu_s == pytest.approx(sum(os.times()[:2]), abs=0.1)
    descriptor = os.open("/dev/null", os.O_RDONLY)
    more = consumption(os.getpid())
    os.close(descriptor)
    assert more is not None
    assert more.open_fds == own.open_fds + 1


def test_a_process_that_is_gone_is_none() -> None:
    with subprocess.Popen(["true"]) as ended:
        ended.wait()
    assert consumption(ended.pid) is None


def test_metrics_are_summed_by_role_and_keep_the_time_of_the_dead(child: subprocess.Popen[bytes]) -> None:
    web, worker = ("ledger", "web"), ("ledger", "worker")
    processes: dict[int, Role] = {os.getpid(): web, child.pid: worker}
    collector = ProcessCollector(lambda: processes)
    before = samples(collector)
    assert before["lamina_process_instances", worker] == 1
    assert before["lamina_process_resident_bytes", worker] > 1_000_000
    assert before["lamina_process_open_fds", worker] >= 3
    burnt = before["lamina_process_cpu_seconds_total", worker]
    assert burnt >= 0.2
    child.kill()
    child.wait()
    after = samples(collector)
    assert ("lamina_process_instances", worker) not in after
    assert after["lamina_process_cpu_seconds_total", worker] == burnt
    processes[child.pid] = web
    assert samples(collector)["lamina_process_instances", web] == 1


def test_two_processes_of_a_role_are_one_sample(child: subprocess.Popen[bytes]) -> None:
    role = ("ledger", "web")
    collector = ProcessCollector(lambda: {os.getpid(): role, child.pid: role})
    assert samples(collector)["lamina_process_instances", role] == 2
