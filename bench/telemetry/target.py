"""What is measured: a running platform or the floor's database, and a sender or a copy beside it."""

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path

import msgspec
from tests.running_platform import RunningPlatform, open_directory
from tests.telemetry_service import Telemetry, database_dsn

from bench import usage
from bench.ledger.target import end_process
from bench.telemetry import corpus
from bench.telemetry.corpus import Frame
from bench.telemetry.floor import BATCH, Copied
from bench.telemetry.sender import Job, Result, write_frames

STORED_WITHIN_S = 300.0
POLL_S = 0.02
COPY, RECEIVER, POSTGRES, SENDER = "copy", "web", "postgres", "sender"
_STORED = "SELECT coalesce(sum(last_id - first_id + 1), 0)::bigint AS count FROM telemetry.batches"


class Cost(msgspec.Struct):
    """Messages in seconds, CPU seconds by role, and cores that others took meanwhile."""

    messages: int
    seconds: float
    cpu_s: dict[str, float]
    others_cores: float

    @property
    def per_s(self) -> float:
        """Messages a second."""
        return self.messages / self.seconds

    def cpu_us(self, role: str) -> float:
        """Microseconds of a role's CPU for each message."""
        return self.cpu_s.get(role, 0.0) / self.messages * 1e6

    @property
    def server_us(self) -> float:
        """Microseconds of CPU of all roles but the sender for each message."""
        return sum(self.cpu_us(role) for role in self.cpu_s if role != SENDER)


class Meter:
    """CPU of some roles and of the rest of the machine between `start` and `stop`."""

    def __init__(self, roles: Mapping[str, Sequence[int]]) -> None:
        self._roles = roles

    def start(self) -> None:
        """Begin."""
        self._before, self._machine_s, self._begun = (
            usage.cpu_s(self._roles),
            usage.machine_s(),
            time.monotonic(),
        )

    def stop(self, messages: int, seconds: float, more: Mapping[str, float]) -> Cost:
        """End.

        Args:
            messages: how many were taken.
            seconds: in which they were.
            more: CPU seconds of roles that measured themselves.
        """
        after, passed_s = usage.cpu_s(self._roles), time.monotonic() - self._begun
        used = {role: round(after[role] - self._before[role], 2) for role in self._roles} | dict(more)
        others = (usage.machine_s() - self._machine_s - sum(used.values())) / passed_s
        return Cost(messages, round(seconds, 3), used, round(others, 2))


class Floor:
    """The floor's database."""

    def __init__(self, pid: int, dsn: str, scratch: Path) -> None:
        self._roles = {POSTGRES: [pid]}
        self._dsn = dsn
        self._scratch = scratch

    def copy(self, frames: Sequence[Frame], rows: int = BATCH) -> Cost:
        """COPY the messages of these frames, so many in a transaction."""
        path = write_frames(self._scratch / "frames", frames)
        command = [sys.executable, "-m", "bench.telemetry.floor", "copy", self._dsn, str(path), str(rows)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()  # everything is encoded
        meter = Meter(self._roles)
        meter.start()
        answer, _ = process.communicate(b"\n")
        copied = msgspec.json.decode(answer, type=Copied)
        path.unlink()
        return meter.stop(copied.rows, copied.seconds, {COPY: copied.cpu_s})


@contextlib.contextmanager
def floor_running() -> Generator[Floor]:
    """A fresh floor."""
    with open_directory() as directory:
        command = [sys.executable, "-m", "bench.telemetry.floor", "serve", f"{directory}/data"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        try:
            assert process.stdout is not None
            ready = json.loads(process.stdout.readline())
            yield Floor(ready["pid"], ready["dsn"], directory)
        finally:
            end_process(process)


class Sending:
    """A sender process whose sockets are open."""

    def __init__(self, job: Job, scratch: Path) -> None:
        path = scratch / "job.json"
        path.write_bytes(msgspec.json.encode(job))
        command = [sys.executable, "-m", "bench.telemetry.sender", str(path)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        if self._process.stdout.readline() != b"open\n":
            raise RuntimeError("the sender could not open its sockets")

    def start(self) -> None:
        """Let it send."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()

    def result(self) -> Result:
        """Wait until it has sent everything; its sockets stay open."""
        assert self._process.stdout is not None
        return msgspec.json.decode(self._process.stdout.readline(), type=Result)

    def end(self) -> None:
        """Let it close its sockets."""
        self._process.communicate()


class Whole:
    """A running platform with telemetry alone."""

    def __init__(self, platform: RunningPlatform, scratch: Path) -> None:
        assert platform.process is not None, "it is started"
        self.telemetry = Telemetry(platform)
        self.platform = platform
        self.port = platform.telemetry_port
        self.dsn = database_dsn(platform)
        self.scratch = scratch
        receivers = [each["pid"] for each in platform.status()["processes"]]
        self.roles = {
            RECEIVER: receivers, POSTGRES: [platform.postmaster_pid()], "platform": [platform.process.pid],
        }  # fmt: skip

    def send(self, frames: Sequence[Frame], job: Job) -> tuple[Cost, Result]:
        """Send frames, until all of them are stored; that none is lost is found out by the totals over HTTP.

        Raises:
            AssertionError: a total differs.
            TimeoutError: they are not stored in time.
        """
        before = self.stored()
        job.frames = str(write_frames(self.scratch / "frames", frames))
        sending = Sending(job, self.scratch)
        greetings = job.sockets + (2 if job.is_probed else 0)
        self._wait_stored(before + greetings)
        meter = Meter(self.roles)
        meter.start()
        sending.start()
        result = sending.result()
        ended = self._wait_stored(before + greetings + len(frames))
        cost = meter.stop(len(frames), ended - result.begun, {SENDER: result.cpu_s})
        sending.end()
        self._check_totals(job.label, frames, job.sockets)
        return cost, result

    def pss_mib(self) -> float:
        """Memory of the receivers."""
        return usage.pss_mib({RECEIVER: self.roles[RECEIVER]})[RECEIVER]

    def rest(self, seconds: float) -> float:
        """Wait; returns the receivers' seconds of CPU meanwhile."""
        before = usage.cpu_s(self.roles)[RECEIVER]
        time.sleep(seconds)
        return usage.cpu_s(self.roles)[RECEIVER] - before

    def stored(self) -> int:
        """How many messages are committed."""
        return self.telemetry.query(_STORED)[0]["count"]

    def _wait_stored(self, count: int) -> float:
        deadline = time.monotonic() + STORED_WITHIN_S
        while (found := self.stored()) < count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{found} of {count} messages are stored")
            time.sleep(POLL_S)
        return time.monotonic()

    def _check_totals(self, label: str, frames: Sequence[Frame], sockets: int) -> None:
        sent = dict.fromkeys(range(sockets), 1)  # each has greeted
        for frame in frames:
            sent[frame.socket] += 1
        for socket, count in sent.items():
            stats = self.telemetry.stats(corpus.peer_id(label, socket))
            assert sum(stats.values()) == count, (label, socket, count, stats)


@contextlib.contextmanager
def whole_running(data_dir: Path | None = None) -> Generator[Whole]:
    """`lamina up --services telemetry`, fresh or on a data directory that exists."""
    with open_directory() as directory:
        platform = RunningPlatform(data_dir or directory / "data", args=("--services", "telemetry"))
        try:
            platform.start()
            whole = Whole(platform, directory)
            try:
                yield whole
            finally:
                whole.telemetry.http.close()
        finally:
            if platform.process is not None:
                end_process(platform.process)
