"""A real Lamina for tests: a process of its own, on free ports, reached only through its public doors."""

import asyncio
import contextlib
import fcntl
import json
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import httpx
from tests import plain_http
from tests.first_start import put_cluster

READY_TIMEOUT_S = 60.0
_DEFAULT_PORTS = (9984, 9985, 8088, 8080, 9000, 9001, 1984)
OFFSET_STEP = 27
OFFSETS = 472
OFFSETS_HELD = 16
_locks: deque[int] = deque()


def free_port_offset() -> int:
    """An offset at which every default port is free now, and that no other test process is given meanwhile.

    Offsets are multiples of 27, which divides no difference of two default ports, so that none becomes
    another one's. All ports are below 32768, where Linux begins to take ports for outgoing connections. An
    offset stays this process's until it has taken a few more: by then its platform has bound the ports.
    """
    for number in random.sample(range(OFFSETS), OFFSETS):
        offset = 10_000 + OFFSET_STEP * number
        lock = _lock(offset)
        if lock is None:
            continue
        if all(_is_free(port + offset) for port in _DEFAULT_PORTS):
            _locks.append(lock)
            if len(_locks) > OFFSETS_HELD:
                os.close(_locks.popleft())
            return offset
        os.close(lock)
    raise RuntimeError("no free ports")


def _lock(offset: int) -> int | None:
    """A lock of all test processes of this machine on an offset; None when another one has it."""
    file = os.open(
        Path(tempfile.gettempdir()) / f"lamina-test-offset-{offset}", os.O_CREAT | os.O_RDWR, 0o666
    )
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        return None
    return file


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


@contextlib.contextmanager
def open_directory() -> Iterator[Path]:
    """A directory that PostgreSQL's account can reach when tests run as root (pytest's own is private)."""
    directory = Path(tempfile.mkdtemp(prefix="lamina-test-"))
    directory.chmod(0o755)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def fresh_database(server: str) -> str:
    """Make an empty database on an external server; returns its DSN."""
    name = f"lamina_{secrets.token_hex(6)}"

    async def create() -> None:
        connection = await asyncpg.connect(server)
        await connection.execute(f"CREATE DATABASE {name}")
        await connection.close()

    with ThreadPoolExecutor(1) as thread:  # the caller may be inside an event loop
        thread.submit(asyncio.run, create()).result()
    parts = urlsplit(server)
    return urlunsplit(parts._replace(path=f"/{name}"))


class RunningPlatform:
    """`lamina up` on a data directory, started, killed and started again as a test wants."""

    def __init__(
        self,
        data_dir: Path,
        *,
        environment: dict[str, str] | None = None,
        args: Sequence[str] = (),
        verb: Sequence[str] = ("up",),
    ) -> None:
        self.data_dir = data_dir
        self.offset = free_port_offset()
        self.log = data_dir.parent / f"{data_dir.name}.log"
        self._environment = environment or {}
        self._args = (*verb, *args)
        self.process: subprocess.Popen[bytes] | None = None
        server = os.environ.get("LAMINA_TEST_DSN")
        self.dsn = None if server is None else fresh_database(server)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{9984 + self.offset}"

    @property
    def stream_url(self) -> str:
        return f"ws://127.0.0.1:{9985 + self.offset}/api/v1/streams/valid_transactions"

    @property
    def admin_url(self) -> str:
        return f"http://127.0.0.1:{8088 + self.offset}"

    @property
    def telemetry_port(self) -> int:
        return 8080 + self.offset

    @property
    def telemetry_url(self) -> str:
        return f"http://127.0.0.1:{self.telemetry_port}"

    @property
    def command(self) -> list[str]:
        return [
            sys.executable,
            "-m",
            "lamina",
            "--data-dir",
            str(self.data_dir),
            "--port-offset",
            str(self.offset),
        ]

    def environment(self) -> dict[str, str]:
        """The tests' environment less whatever would configure Lamina, then what this platform needs."""
        dsn = self.dsn
        clean = {
            k: v for k, v in os.environ.items() if not k.startswith(("LAMINA_", "BIGCHAINDB_", "PROMETHEUS_"))
        }
        # The ledger alone starts faster; who wants more says so.
        own = {"LAMINA_PLATFORM__SERVICES": "ledger", **({"LAMINA_POSTGRES__DSN": dsn} if dsn else {})}
        return {**clean, **own, **self._environment}

    def start(self) -> "RunningPlatform":
        """Start and wait until ready."""
        self.launch()
        self.wait_ready()
        return self

    def launch(self) -> None:
        """Start, and wait for nothing."""
        environment = self.environment()
        if "LAMINA_POSTGRES__DSN" not in environment:
            put_cluster(self.data_dir)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.command, "--log-format", "json", *self._args],
                env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip

    def wait_ready(self, timeout_s: float = READY_TIMEOUT_S) -> float:
        """Wait until `/readyz` answers 200; returns the seconds it took."""
        started = time.monotonic()
        while time.monotonic() - started < timeout_s:
            if self.process is not None and self.process.poll() is not None:
                raise AssertionError(f"lamina ended with {self.process.returncode}:\n{self.log_tail()}")
            try:
                if plain_http.get(f"{self.admin_url}/readyz", timeout=2).status_code == 200:
                    return time.monotonic() - started
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        raise AssertionError(f"lamina is not ready after {timeout_s} s:\n{self.log_tail()}")

    def status(self) -> dict[str, Any]:
        """The admin listener's status document."""
        return plain_http.get(f"{self.admin_url}/status", timeout=5).json()

    def admin(self, path: str) -> Any:
        """A guarded admin document."""
        token = (self.data_dir / "admin.token").read_text().strip()
        answer = plain_http.get(
            f"{self.admin_url}/lamina/{path}",
            headers={"Authorization": f"Bearer {token}"}, timeout=10,
        )  # fmt: skip
        assert answer.status_code == 200, answer.text
        return answer.json()

    def postmaster_pid(self) -> int:
        """The embedded server's pid."""
        return int((self.data_dir / "postgres" / "postmaster.pid").read_text().split()[0])

    def run(self, *args: str, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a `lamina` command against this platform."""
        return subprocess.run(
            [*self.command, *args],
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def kill(self) -> None:
        """SIGKILL the platform's own process, as a power cut of that process would."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self, timeout_s: float = 30) -> int:
        """SIGTERM, and wait for the drain; returns the exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise
        return self.process.returncode

    def log_tail(self, lines: int = 40) -> str:
        """The end of its log."""
        return (
            "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:]) if self.log.exists() else ""
        )

    def log_events(self) -> list[dict[str, Any]]:
        """The log's JSON lines."""
        return [
            json.loads(line)
            for line in self.log.read_text(errors="replace").splitlines()
            if line.startswith("{")
        ]
