"""A federation to measure: made by `lamina ledger federation new`, and as durable as an operator's."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import httpx
from tests.faults.promises import database_dsn
from tests.running_platform import RunningPlatform, open_directory

from bench.ledger.target import Target, platform_target

SETTLED_WITHIN_S = 60.0
LOG_ROLE = "log postgres"
LAMINA = (sys.executable, "-m", "lamina")
_COPY = "SELECT (SELECT count(*) FROM ledger.tx_index WHERE status = 1), seq - 1, tip FROM ledger.log_head"


class Cluster:
    """Nodes that run, and the server of their log if they have one.

    Attributes:
        nodes: as running platforms.
        target: for the load; the roles are those of all nodes together.
    """

    def __init__(self, nodes: Sequence[RunningPlatform], log_pid: int | None, scratch: Path) -> None:
        self.nodes = nodes
        self.target = _target(nodes, log_pid, scratch)

    def wait_agreed(self) -> tuple[int, int]:
        """Wait until all nodes have as many valid transactions and the same end.

        Returns:
            The valid transactions, and the blocks after the first.

        Raises:
            TimeoutError: they do not come to that.
        """
        deadline = time.monotonic() + SETTLED_WITHIN_S
        while len(found := {asyncio.run(_copy(node)) for node in self.nodes}) > 1:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the nodes' copies differ: {found}")
            time.sleep(0.1)
        valid, blocks, _ = found.pop()
        return valid, blocks


@contextlib.contextmanager
def solo_cluster() -> Generator[Cluster]:
    """A node on its own, set up as the nodes of a federation are."""
    environment = {"LAMINA_LEDGER__WORKERS": "1", "LAMINA_POSTGRES__SHARED_BUFFERS_MB": "64"}
    with open_directory() as directory:
        node = RunningPlatform(directory / "node1", environment=environment)
        try:
            yield Cluster([node.start()], None, directory)
        finally:
            node.stop()


@contextlib.contextmanager
def federation_cluster(count: int) -> Generator[Cluster]:
    """A federation of so many."""
    with open_directory() as scratch:
        directory = scratch / "federation"
        _lamina("ledger", "federation", "new", str(count), str(directory))
        nodes = [
            RunningPlatform(
                directory / f"node{number}",
                environment={"LAMINA_CONFIG": str(directory / f"node{number}" / "lamina.toml")},
            )
            for number in range(1, count + 1)
        ]
        with _running_log(directory):
            try:
                with ThreadPoolExecutor(count) as threads:
                    list(threads.map(RunningPlatform.start, nodes))
                yield Cluster(nodes, _log_pid(directory), scratch)
            finally:
                for node in nodes:
                    if node.process is not None:
                        node.stop()


@contextlib.contextmanager
def _running_log(directory: Path) -> Generator[None]:
    command = [*LAMINA, "--json", "ledger", "federation", "log", str(directory)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=_environment())
    try:
        assert process.stdout is not None
        if not process.stdout.readline():
            raise RuntimeError("the log's database does not start")
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate()


def _log_pid(directory: Path) -> int:
    return int((directory / "log" / "postgres" / "postmaster.pid").read_text().split()[0])


def _lamina(*args: str) -> None:
    subprocess.run([*LAMINA, *args], env=_environment(), stdout=subprocess.DEVNULL, check=True)


def _environment() -> dict[str, str]:
    return {name: text for name, text in os.environ.items() if not name.startswith("LAMINA_")}


def _target(nodes: Sequence[RunningPlatform], log_pid: int | None, scratch: Path) -> Target:
    roles: dict[str, list[int]] = {} if log_pid is None else {LOG_ROLE: [log_pid]}
    for node in nodes:
        for role, pids in platform_target(node, scratch).roles.items():
            roles.setdefault(role, []).extend(pids)
    first, *others = [9984 + node.offset for node in nodes]
    return Target(first, roles, scratch, 9985 + nodes[0].offset, others)


async def _copy(node: RunningPlatform) -> tuple[int, int, str]:
    """How many transactions are valid at a node, in how many blocks, and where its chain ends."""
    connection = await asyncpg.connect(database_dsn(node))
    try:
        return tuple(await connection.fetchrow(_COPY))
    finally:
        await connection.close()


def transaction_seconds(nodes: Sequence[RunningPlatform]) -> Mapping[str, float]:
    """Seconds that all nodes together have spent in each named database transaction, waiting included."""
    found: dict[str, float] = {}
    for node in nodes:
        text = httpx.get(f"{node.admin_url}/metrics", timeout=15, trust_env=False).text
        for line in text.splitlines():
            head, _, value = line.rpartition(" ")
            if head.startswith("lamina_storage_transaction_seconds_sum{"):
                name = json.loads(head[head.index("=") + 1 : head.index("}")])
                found[name] = found.get(name, 0.0) + float(value)
    return found
