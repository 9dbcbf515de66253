"""A federation for tests: real platforms, each with its own key and private database, on one shared log."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
from tests import plain_http
from tests.postgres_server import ExternalServer, new_database
from tests.running_platform import RunningPlatform, open_directory

from lamina.formats.base58 import encode
from lamina.formats.signatures import KeyPair, new_seed

AGREED_WITHIN_S = 30.0


class RunningFederation:
    """`count` nodes and the server with their log; started by `start`, one by one at will."""

    def __init__(self, directory: Path, count: int, *, environment: dict[str, str] | None = None) -> None:
        self.server = ExternalServer(directory, password="shared/log:secret").start()
        self.log_dsn = new_database(self.server.dsn)
        seeds = [new_seed() for _ in range(count)]
        self.keys = [KeyPair.from_seed(seed).public for seed in seeds]
        self.nodes = [
            RunningPlatform(
                directory / f"node{number}",
                environment=self._environment(number, encode(seed), environment or {}),
            )
            for number, seed in enumerate(seeds)
        ]

    def _environment(self, number: int, private_key: str, more: dict[str, str]) -> dict[str, str]:
        others = [key for key in self.keys if key != self.keys[number]]
        return {
            "LAMINA_LEDGER__KEYPAIR_PUBLIC": self.keys[number],
            "LAMINA_LEDGER__KEYPAIR_PRIVATE": private_key,
            "LAMINA_LEDGER__KEYRING": ",".join(others),
            "LAMINA_LEDGER__LOG_DSN": self.log_dsn,
            "LAMINA_LEDGER__WORKERS": "1",
            "LAMINA_POSTGRES__SHARED_BUFFERS_MB": "32",
            **more,
        }

    def start(self) -> "RunningFederation":
        """Start every node, all at once."""
        with ThreadPoolExecutor(len(self.nodes)) as threads:
            list(threads.map(RunningPlatform.start, self.nodes))
        return self

    def stop(self) -> None:
        """Stop every node that runs, then the log."""
        with ThreadPoolExecutor(len(self.nodes)) as threads:
            list(threads.map(_stop, self.nodes))
        self.server.stop()


@contextlib.contextmanager
def running_federation(
    count: int, *, environment: dict[str, str] | None = None
) -> Iterator[RunningFederation]:
    """A started federation, stopped at the end."""
    with open_directory() as directory:
        federation = RunningFederation(directory, count, environment=environment)
        try:
            yield federation.start()
        finally:
            federation.stop()


def _stop(node: RunningPlatform) -> None:
    if node.process is not None and node.process.poll() is None:
        node.stop()


def post(node: RunningPlatform, document: dict[str, Any]) -> httpx.Response:
    """Post one transaction to a node."""
    return plain_http.post(f"{node.url}/api/v1/transactions", json=document, timeout=15)


def get(node: RunningPlatform, path: str, **parameters: str) -> httpx.Response:
    """Ask a node's API."""
    return plain_http.get(f"{node.url}/api/v1/{path}", params=parameters, timeout=15)


def status_of(node: RunningPlatform, tx_id: str) -> str | None:
    """What a node says of a transaction; None where it knows none."""
    answer = get(node, "statuses", transaction_id=tx_id)
    return answer.json()["status"] if answer.status_code == 200 else None


def wait_for(holds: Callable[[], bool], what: str, timeout_s: float = AGREED_WITHIN_S) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}"
        time.sleep(0.05)


def wait_valid(nodes: Sequence[RunningPlatform], tx_ids: Sequence[str]) -> None:
    """Wait until every transaction is valid on every node."""
    for node in nodes:
        for tx_id in tx_ids:
            wait_for(lambda n=node, t=tx_id: status_of(n, t) == "valid", f"{tx_id} valid at {node.url}")
