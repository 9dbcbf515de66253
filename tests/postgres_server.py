"""PostgreSQL servers for tests, made from the embedded programs.

`SharedServer` is the embedded server itself, one per test session; `ExternalServer` stands for somebody
else's: with a password, on a TCP port, and stopped, frozen and thawed as a test wants.
"""

import asyncio
import contextlib
import os
import secrets
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

from lamina.kernel.storage.embedded import EmbeddedOptions, EmbeddedPostgres
from lamina.kernel.storage.embedded.account import choose_account
from lamina.kernel.storage.embedded.binaries import executable_binaries

T = TypeVar("T")
START_TIMEOUT_S = 20.0

# Commits wait for a standby that never comes, but only where a transaction asks for it.
WAITS_FOR_STANDBY = {"synchronous_standby_names": "nobody", "synchronous_commit": "local"}


def in_thread(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end, even when the caller is inside an event loop."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


def execute(dsn: str, *statements: str) -> None:
    """Run statements one by one, each in a transaction of its own."""

    async def work() -> None:
        connection = await asyncpg.connect(dsn)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    in_thread(work())


def fetch(dsn: str, query: str) -> list[asyncpg.Record]:
    """The rows of one query."""

    async def work() -> list[asyncpg.Record]:
        connection = await asyncpg.connect(dsn)
        try:
            return await connection.fetch(query)
        finally:
            await connection.close()

    return in_thread(work())


def sibling(dsn: str, database: str) -> str:
    """The DSN of another database on the same server."""
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{database}"))


def new_database(dsn: str, template: str = "template1") -> str:
    """Make a database from a template; returns its DSN."""
    name = f"lamina_{secrets.token_hex(6)}"
    execute(dsn, f"CREATE DATABASE {name} TEMPLATE {template}")
    return sibling(dsn, name)


def drop_database(dsn: str, database_dsn: str) -> None:
    """Remove a database, whoever is still connected."""
    execute(dsn, f"DROP DATABASE {urlsplit(database_dsn).path[1:]} WITH (FORCE)")


class SharedServer:
    """An embedded server whose event loop lives in a thread of its own, as it outlives every test's loop."""

    def __init__(self, directory: Path) -> None:
        self._server = EmbeddedPostgres(
            EmbeddedOptions(directory, shared_buffers_mb=64, parameters={"fsync": "off", **WAITS_FOR_STANDBY})
        )
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="postgres", daemon=True)

    def start(self) -> str:
        """Start; returns the DSN."""
        self._thread.start()
        self._call(self._server.start())
        return self._server.dsn

    def stop(self) -> None:
        """Stop without a checkpoint: nothing in it is needed again."""
        self._call(self._server.stop(immediate=True))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(START_TIMEOUT_S)


class ExternalServer:
    """A cluster of its own on a TCP port of this machine, entered with a password."""

    def __init__(self, directory: Path, *, password: str) -> None:
        """Make the cluster, without starting it.

        Args:
            directory: where to make it; PostgreSQL's account must be able to get there.
            password: of the role `lamina`.
        """
        self._account = choose_account(None, None)
        self._binaries = executable_binaries(self._account)
        self._cluster = directory / "external"
        self._log = directory / "external.log"
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.dsn = f"postgresql://lamina:{quote(password, safe='')}@127.0.0.1:{self._port}/postgres"
        self._initialise(password)

    def _initialise(self, password: str) -> None:
        self._cluster.mkdir(mode=0o700)
        secret = self._cluster.with_suffix(".password")
        secret.touch(mode=0o600)
        secret.write_text(password)
        if self._account.borrowed:
            for path in (self._cluster, secret):
                os.chown(path, self._account.uid, self._account.gid)
        command = [
            self._binaries / "initdb", "-D", self._cluster, "-U", "lamina", "-A", "scram-sha-256",
            "--no-sync", "-E", "UTF8", "--locale", "C", "--pwfile", secret,
        ]  # fmt: skip
        subprocess.run(command, check=True, cwd="/", stdout=subprocess.DEVNULL, **self._account.identity)
        secret.unlink()

    def start(self) -> "ExternalServer":
        """Start and wait until it accepts connections."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._binaries / "postgres", "-D", self._cluster, "-p", str(self._port), "-c", "fsync=off",
                 "-c", "unix_socket_directories=", "-c", "listen_addresses=127.0.0.1",
                 "-c", "shared_buffers=32MB"],
                stdout=log, stderr=log, cwd="/", start_new_session=True, **self._account.identity,
            )  # fmt: skip
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise
        return self

    def _wait(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not _serves(self.dsn):
            assert time.monotonic() < deadline, self._log.read_text()
            time.sleep(0.02)

    def stop(self) -> None:
        """End it at once, if it runs; frozen or not."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)
            self.thaw()
            self._process.wait()

    def freeze(self) -> None:
        """Stop every process of it, as a paused machine would: nothing answers, nothing ends."""
        for pid in self._pids():
            os.kill(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        for pid in self._pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def _pids(self) -> list[int]:
        assert self._process is not None
        return [self._process.pid, *children_of(self._process.pid)]


def children_of(pid: int) -> list[int]:
    """The live child processes of a process."""
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and _parent(entry) == pid:
                found.append(int(entry.name))
    return found


def _parent(process: Path) -> int:
    # The command stands in parentheses and may hold anything; the parent is second behind it (proc(5)).
    return int((process / "stat").read_text().rpartition(")")[2].split()[1])


def _serves(dsn: str) -> bool:
    try:
        execute(dsn, "SELECT 1")
    except (OSError, asyncpg.CannotConnectNowError):
        return False
    return True


def free_port() -> int:
    """A TCP port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
