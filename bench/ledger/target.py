"""What is measured: a running server with its processes by role, and one round of load on it."""

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path

import httpx
import msgspec
from tests.running_platform import RunningPlatform, free_port_offset, open_directory

from bench import usage
from bench.ledger import floor
from bench.ledger.load import Job, Request, Result, write_requests

HOST = "127.0.0.1"
STREAM_PATH = "/api/v1/streams/valid_transactions"
START_TIMEOUT_S = 60.0
LOAD = "load"


class Target(msgspec.Struct):
    """Where to send requests, and whose CPU that costs; the event stream is that of the first port's node."""

    port: int
    roles: Mapping[str, Sequence[int]]
    scratch: Path
    stream_port: int | None = None
    more_ports: list[int] = []


class Round(msgspec.Struct):
    """One measured round: what the load saw, CPU seconds by role, cores that others took meanwhile."""

    load: Result
    cpu_s: dict[str, float]
    others_cores: float

    def cpu_us(self) -> dict[str, float]:
        """Microseconds of CPU by role for each answered request."""
        return {role: round(used / max(self.load.answered, 1) * 1e6, 1) for role, used in self.cpu_s.items()}

    def server_cpu_us(self) -> float:
        """Microseconds of CPU of all roles but the load generator for each answered request."""
        return round(sum(used for role, used in self.cpu_us().items() if role != LOAD), 1)


@contextlib.contextmanager
def floor_target(workers: int) -> Generator[Target]:
    """A fresh floor: its own database, its own port."""
    with open_directory() as directory:
        port = 9984 + free_port_offset()
        command = [sys.executable, "-m", "bench.ledger.floor", f"{directory}/data", str(port), str(workers)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        try:
            assert process.stdout is not None
            roles = json.loads(process.stdout.readline())
            _wait_answering(f"http://{HOST}:{port}{floor.BARE_PATH}")
            yield Target(port, roles, directory)
        finally:
            end_process(process)


@contextlib.contextmanager
def whole_target(
    data_dir: Path | None = None, *, environment: dict[str, str] | None = None
) -> Generator[Target]:
    """A running `lamina up`: fresh, or on a data directory that exists."""
    with open_directory() as directory:
        running = RunningPlatform(data_dir or directory / "data", environment=environment)
        try:
            running.start()
            yield platform_target(running, directory)
        finally:
            if running.process is not None:
                end_process(running.process)


def platform_target(running: RunningPlatform, scratch: Path) -> Target:
    """A started platform as a target."""
    assert running.process is not None, "it is started"
    roles: dict[str, list[int]] = {}
    for child in running.status()["processes"]:
        roles.setdefault(child["name"].split(".")[1], []).append(child["pid"])
    roles |= {"postgres": [running.postmaster_pid()], "platform": [running.process.pid]}
    return Target(9984 + running.offset, roles, scratch, 9985 + running.offset)


def run_round(
    target: Target,
    requests: Sequence[Request],
    *,
    connections: int,
    seconds: float,
    rate: float | None = None,
    follow: bool = False,
    is_cycled: bool = False,
    drain_s: float = 20.0,
) -> Round:
    """One load process against a target; bounded in time."""
    path = write_requests(target.scratch / "requests", requests)
    job = Job(
        str(path), HOST, target.port, connections, seconds,
        rate=rate, is_cycled=is_cycled, drain_s=drain_s, more_ports=target.more_ports,
    )  # fmt: skip
    if follow:
        assert target.stream_port is not None
        job.stream = (target.stream_port, STREAM_PATH)
    job_path = target.scratch / "job.json"
    job_path.write_bytes(msgspec.json.encode(job))
    before, machine, started = usage.cpu_s(target.roles), usage.machine_s(), time.monotonic()
    result = _run_load(job_path, timeout_s=seconds + drain_s + 100)
    after, elapsed_s = usage.cpu_s(target.roles), time.monotonic() - started
    used = {role: round(after[role] - before[role], 2) for role in target.roles}
    used[LOAD] = result.cpu_s
    others = (usage.machine_s() - machine - sum(used.values())) / elapsed_s
    path.unlink()
    return Round(result, used, round(others, 2))


def _run_load(job_path: Path, timeout_s: float) -> Result:
    command = [sys.executable, "-m", "bench.ledger.load", str(job_path)]
    answer = subprocess.run(command, stdout=subprocess.PIPE, timeout=timeout_s, check=True)
    return msgspec.json.decode(answer.stdout, type=Result)


def _wait_answering(url: str) -> None:
    end = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < end:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(url, timeout=2, trust_env=False).status_code == 200:
                return
        time.sleep(0.05)
    raise TimeoutError(f"{url} does not answer")


def end_process(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM, and what is needed after it."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
