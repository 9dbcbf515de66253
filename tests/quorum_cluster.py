"""Three PostgreSQL servers on loopback: a primary and two standbys, one of which must have every commit.

    with open_directory() as directory, QuorumCluster(directory).running() as cluster:
        database = await Database.connect(PoolOptions(cluster.dsn))
        ...
        cluster.primary.kill()
        cluster.fail_over()

The failover is done by hand and keeps the rule that makes it safe: with `ANY 1` an acknowledged commit is on
one of the two standbys, nobody knows which, so both must be asked and the more advanced one is promoted.
"""

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import asyncpg
from tests.postgres_server import START_TIMEOUT_S, children_of, execute, free_port, in_thread

from lamina.kernel.storage.embedded.account import choose_account
from lamina.kernel.storage.embedded.binaries import executable_binaries

ROLE = "lamina"
REPLICA = "replica"
NAMES = ("a", "b", "c")
CONNECTS_MAX = 3
CONNECT_PAUSE_S = 0.1
CONNECT_TIMEOUT_S = 2.0
# A real server's settings but for fsync: the tests kill processes, not the machine.
PARAMETERS = {
    "fsync": "off",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "shared_buffers": "32MB",
    "wal_keep_size": "256MB",
    "wal_retrieve_retry_interval": "200ms",
}
_ADVANCE = (
    "SELECT greatest(coalesce(pg_last_wal_receive_lsn(), '0/0'), coalesce(pg_last_wal_replay_lsn(), '0/0'))"
    " - '0/0'::pg_lsn"
)


class FailoverRefused(Exception):
    """Promoting a standby now might lose acknowledged commits."""


class Node:
    """One server: its directory, its port, its process."""

    def __init__(self, cluster: "QuorumCluster", name: str) -> None:
        self.name = name
        self.port = free_port()
        self.directory = cluster.directory / name
        self._cluster = cluster
        self._log = cluster.directory / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def dsn(self) -> str:
        """Leads to this server alone, whatever it is now."""
        return self._cluster.dsn_of([self])

    @property
    def log(self) -> str:
        """What the server wrote."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def start(self) -> "Node":
        """Start and wait until it accepts connections."""
        settings = [part for name, value in PARAMETERS.items() for part in ("-c", f"{name}={value}")]
        with self._log.open("ab") as log:
            self._process = self._cluster.popen(
                "postgres", "-D", str(self.directory), "-p", str(self.port), *settings, output=log
            )
        wait_until(self.answers, f"server {self.name} serves", lambda: self.log)
        return self

    def answers(self) -> bool:
        """Whether it accepts connections; one that hangs does not."""
        try:
            self.value("SELECT 1")
        except (OSError, TimeoutError, asyncpg.CannotConnectNowError, asyncpg.ConnectionDoesNotExistError):
            return False
        return True

    def kill(self) -> None:
        """SIGKILL the postmaster; its children notice by themselves."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """End it at once, if it runs; frozen or not."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)
            self.thaw()
            self._process.wait()

    def freeze(self) -> None:
        """Stop every process of it, as a paused machine would: it holds its connections and answers nothing."""
        for pid in self._pids():
            os.kill(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        for pid in self._pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def value(self, query: str) -> Any:
        """The first column of the first row of an answer."""
        return in_thread(_value(self.dsn, query))

    def execute(self, *statements: str) -> None:
        """Run statements one by one, each in a transaction of its own."""
        execute(self.dsn, *statements)

    def set(self, **parameters: str) -> None:
        """Change parameters for good, and at once."""
        self.execute(
            *(f"ALTER SYSTEM SET {name} = {_quoted(value)}" for name, value in parameters.items()),
            "SELECT pg_reload_conf()",
        )

    def make_slot(self, name: str) -> None:
        """Keep the log for a standby of that name."""
        self.execute(
            f"SELECT pg_create_physical_replication_slot('{name}') WHERE NOT EXISTS "
            f"(SELECT FROM pg_replication_slots WHERE slot_name = '{name}')"
        )

    def follow(self, primary: "Node") -> None:
        """Receive from a primary, through a slot of this node's name there."""
        self.set(primary_conninfo=self._cluster.conninfo(primary, self.name), primary_slot_name=self.name)

    def stop_receiving(self) -> None:
        """Receive nothing any more: from now on this node confirms no commit to any primary."""
        self.set(primary_conninfo="")
        wait_until(
            lambda: not self.value("SELECT count(*) FROM pg_stat_wal_receiver"), f"receiver of {self.name}"
        )

    def waiting(self) -> int:
        """How many commits wait for a standby."""
        return self.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")

    def cancel_waiting(self, count: int) -> None:
        """Do what operators must never do, once so many commits wait: cancel their waits."""
        wait_until(lambda: self.waiting() == count, f"{count} waiting commits")
        self.execute("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")

    def is_standby(self) -> bool:
        """Whether it replays somebody else's log."""
        return self.value("SELECT pg_is_in_recovery()")

    def _pids(self) -> list[int]:
        assert self._process is not None
        return [self._process.pid, *children_of(self._process.pid)]


class QuorumCluster:
    """The cluster, its set-up and its failover.

    Attributes:
        primary: the node that takes writes.
        standbys: the others.
        dsn: names all three, as an application's configuration would.
    """

    def __init__(self, directory: Path, *, synchronous: bool = True) -> None:
        """Plan the cluster, without making it.

        Args:
            directory: where to make it; PostgreSQL's account must be able to get there.
            synchronous: whether commits wait for one standby; without, acknowledged commits can be lost.
        """
        self.directory = directory
        self._synchronous = synchronous
        self._account = choose_account(None, None)
        self._binaries = executable_binaries(self._account)
        self._password = secrets.token_hex(16)
        self.nodes = tuple(Node(self, name) for name in NAMES)
        self.primary, *rest = self.nodes
        self.standbys: list[Node] = rest

    @property
    def dsn(self) -> str:
        return self.dsn_of(self.nodes)

    def dsn_of(self, nodes: Sequence[Node]) -> str:
        """The address of some of the nodes; with several, of the one that takes writes."""
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in nodes)
        chosen = "&target_session_attrs=read-write" if len(nodes) > 1 else ""
        return f"postgresql://{ROLE}:{self._password}@{hosts}/postgres?sslmode=disable{chosen}"

    def conninfo(self, primary: Node, name: str) -> str:
        """How a standby reaches a primary."""
        return (
            f"host=127.0.0.1 port={primary.port} user={REPLICA} application_name={name} "
            f"passfile={self.directory / 'passwords'} sslmode=disable connect_timeout=2"
        )

    @contextlib.contextmanager
    def running(self) -> Generator["QuorumCluster"]:
        """Make and start it; stop it in the end."""
        try:
            self._create()
            yield self
        finally:
            for node in self.nodes:
                node.stop()

    def popen(
        self, program: str, *arguments: str, output: Any = subprocess.DEVNULL
    ) -> subprocess.Popen[bytes]:
        """Start one of PostgreSQL's programs as its account."""
        return subprocess.Popen(
            [self._binaries / program, *arguments],
            stdout=output, stderr=output, cwd="/", start_new_session=True, **self._account.identity,
        )  # fmt: skip

    def fail_over(self) -> Node:
        """Promote the more advanced standby once the primary is dead; the other one follows it.

        Raises:
            FailoverRefused: the primary answers, or a standby does not.
        """
        for _ in range(CONNECTS_MAX):
            if self.primary.answers():
                raise FailoverRefused(f"the primary {self.primary.name} answers")
            time.sleep(CONNECT_PAUSE_S)
        silent = [node.name for node in self.standbys if not node.answers()]
        if silent:
            raise FailoverRefused(
                f"standby {silent[0]} does not answer: it may be the one that has everything"
            )
        return self.promote()

    def promote(self) -> Node:
        """Promote the more advanced standby, whatever became of the primary: it finds no quorum any more."""
        with ThreadPoolExecutor() as threads:
            list(threads.map(Node.stop_receiving, self.standbys))
        chosen = max(self.standbys, key=lambda node: node.value(_ADVANCE))
        others = [node for node in self.standbys if node is not chosen]
        for node in others:
            chosen.make_slot(node.name)
        if self._synchronous:
            chosen.set(synchronous_standby_names=_any_of(others))
        assert chosen.value("SELECT pg_promote(true, 10)"), chosen.log
        for node in others:
            node.follow(chosen)
        self.primary, self.standbys = chosen, others
        return chosen

    def mend(self) -> None:
        """Start what was stopped and let every standby follow; roles stay as they are."""
        for node in (self.primary, *self.standbys):
            if not node.answers():
                node.start()
        for node in self.standbys:
            node.follow(self.primary)
        self.wait_for_quorum()

    def rejoin(self, node: Node) -> None:
        """Bring an old primary that has ended back as a standby: a new copy of the present one."""
        self.primary.execute(
            f"SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '{node.name}'"
        )
        shutil.rmtree(node.directory)
        self._make_directory(node)
        assert self._copy(node).wait() == 0
        node.start()
        self.standbys.append(node)
        if self._synchronous:
            node.set(synchronous_standby_names="")
            self.primary.set(synchronous_standby_names=_any_of(self.standbys))

    def wait_for_quorum(self, count: int | None = None) -> None:
        """Wait until as many standbys (all, if not given) stream and may confirm commits."""
        state = "quorum" if self._synchronous else "async"
        query = f"SELECT count(*) FROM pg_stat_replication WHERE sync_state = '{state}'"
        wanted = len(self.standbys) if count is None else count
        wait_until(
            lambda: self.primary.value(query) >= wanted, f"{wanted} standbys follow", lambda: self.primary.log
        )

    def _create(self) -> None:
        self._initialise()
        self.primary.start()
        self.primary.execute(f"CREATE ROLE {REPLICA} LOGIN REPLICATION PASSWORD '{self._password}'")
        copies = [self._copy(node) for node in self.standbys]
        assert [copy.wait() for copy in copies] == [0] * len(copies)
        with ThreadPoolExecutor() as threads:
            list(threads.map(Node.start, self.standbys))
        if self._synchronous:
            self.primary.set(synchronous_standby_names=_any_of(self.standbys))
        self.wait_for_quorum()

    def _initialise(self) -> None:
        passwords = self._private("passwords", f"*:*:*:*:{self._password}\n")
        first = self._private("password", self._password)
        for node in self.nodes:
            self._make_directory(node)
        initdb = self.popen(
            "initdb", "-D", str(self.primary.directory), "-U", ROLE, "-A", "scram-sha-256", "--no-sync",
            "-E", "UTF8", "--locale", "C", "--pwfile", str(first),
        )  # fmt: skip
        assert initdb.wait() == 0
        first.unlink()
        assert passwords.stat().st_mode & 0o077 == 0

    def _make_directory(self, node: Node) -> None:
        node.directory.mkdir(mode=0o700)
        self._give(node.directory)

    def _copy(self, node: Node) -> subprocess.Popen[bytes]:
        return self.popen(
            "pg_basebackup", "-D", str(node.directory), "-X", "stream", "-c", "fast", "--no-sync",
            "-R", "-C", "-S", node.name, "-d", self.conninfo(self.primary, node.name),
        )  # fmt: skip

    def _private(self, name: str, text: str) -> Path:
        path = self.directory / name
        path.touch(mode=0o600)
        path.write_text(text)
        self._give(path)
        return path

    def _give(self, path: Path) -> None:
        if self._account.borrowed:
            os.chown(path, self._account.uid, self._account.gid)


def wait_until(is_so: Callable[[], bool], what: str, log: Callable[[], str] = str) -> None:
    """Wait for something that nobody announces."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while not is_so():
        assert time.monotonic() < deadline, f"not within {START_TIMEOUT_S} s: {what}\n{log()}"
        time.sleep(0.02)


async def _value(dsn: str, query: str) -> Any:
    connection = await asyncpg.connect(dsn, timeout=CONNECT_TIMEOUT_S)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


def _any_of(nodes: Sequence[Node]) -> str:
    return f"ANY 1 ({','.join(node.name for node in nodes)})"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
