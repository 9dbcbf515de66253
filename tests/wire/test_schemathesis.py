"""Schemathesis searches the served OpenAPI document: no server fault, no answer that it does not tell of."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.running_platform import RunningPlatform, open_directory
from tests.shared_data import PROJECT_ROOT

from lamina.sdk.ledger import KeyPair, LedgerClient


@dataclass(frozen=True)
class Run:
    """Which phases, and how many cases of an operation in the last of them."""

    phases: str
    examples: int
    posts: int


SEED = 20_171_005
REQUESTS_MIN = 3000
TIMEOUT_S = 280
HOOKS = "tests.wire.schemathesis_hooks"
KNOWN_FILE = "LAMINA_TEST_KNOWN"

# Schemathesis spends most of the time itself, in one thread: two runs keep two cores busy. Bodies are cheap to
# make with our hooks and very costly from the schema.
RUNS = {
    "positive": Run("examples,coverage,fuzzing", examples=200, posts=700),
    "negative": Run("coverage,fuzzing", examples=90, posts=40),
}

# Not checked: that what the schema admits is accepted, where JSON Schema cannot say what is (the hash of a
# body; exactly one of two parameters).
CONFIGURATION = """
[[operations]]
include-operation-id = "getStatus"
checks.positive_data_acceptance.enabled = false

[[operations]]
include-operation-id = "postTransaction"
checks.positive_data_acceptance.enabled = false
generation.max-examples = {posts}
"""


def known_chain(client: LedgerClient) -> dict[str, Any]:
    """A chain with something to find, and the keys that may spend it."""
    seeds = [bytes([number]) * 32 for number in (101, 102, 103)]
    keys = [KeyPair.from_seed(seed) for seed in seeds]
    mint = client.create(
        keys, {"name": "fresh mint tea"}, recipients=[(key.public, 1) for key in keys for _ in range(30)]
    )
    client.wait_valid(mint["id"])
    moved = client.transfer(mint, [(keys[1].public, 1)], signers=keys[0], indices=[0])
    client.wait_valid(moved["id"])
    blocks = [block_id for tx in (mint, moved) for block_id in client.blocks(tx["id"])]
    genesis = client.votes(blocks[0])[0]["vote"]["previous_block"]
    return {
        "seeds": [seed.hex() for seed in seeds],
        "mint": mint,
        "transaction_ids": [mint["id"], moved["id"]],
        "block_ids": [*blocks, genesis],
    }


class Search:
    """One run of schemathesis, in a process that ends with its block."""

    def __init__(self, url: str, mode: str, directory: Path) -> None:
        environment = {**os.environ, "NO_PROXY": "*", "PYTHONPATH": str(PROJECT_ROOT)}
        if mode == "positive":
            environment |= {"SCHEMATHESIS_HOOKS": HOOKS, KNOWN_FILE: str(directory / "known.json")}
        run = RUNS[mode]
        configuration = directory / f"{mode}.toml"
        configuration.write_text(CONFIGURATION.format(posts=run.posts))
        self._log = directory / f"{mode}.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    sys.executable, "-m", "schemathesis.cli", "--config-file", str(configuration),
                    "run", f"{url}/lamina/openapi.json", "--mode", mode, "--phases", run.phases,
                    "--max-examples", str(run.examples), "--seed", str(SEED),
                    "--generation-database", "none", "--no-color",
                ],
                cwd=directory, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def exit_code(self, deadline: float) -> int | None:
        """How it ended; None when it takes too long."""
        try:
            return self._process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            return None

    def report(self) -> str:
        """What it found, with a command for each failure."""
        return self._log.read_text(errors="replace")


def requests_by_status(platform: RunningPlatform) -> dict[str, float]:
    """What the ledger itself counted."""
    text = httpx.get(f"{platform.admin_url}/metrics", timeout=10, trust_env=False).text
    counts: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if (
                sample.name == "lamina_http_request_seconds_count"
                and sample.labels["listener"] == "ledger.http"
            ):
                status = sample.labels["status"]
                counts[status] = counts.get(status, 0) + sample.value
    return counts


@pytest.fixture
def platform() -> Iterator[RunningPlatform]:
    """One of its own: whatever the search leaves behind must not reach other tests."""
    with open_directory() as directory:
        running = RunningPlatform(directory / "data").start()
        yield running
        assert running.stop() == 0


@pytest.mark.timeout(TIMEOUT_S + 60)
def test_no_request_breaks_the_ledger_or_gets_an_undocumented_answer(
    platform: RunningPlatform, tmp_path: Path
) -> None:
    with LedgerClient(platform.url) as client:
        (tmp_path / "known.json").write_text(json.dumps(known_chain(client)))
    deadline = time.monotonic() + TIMEOUT_S
    with (
        Search(platform.url, "positive", tmp_path) as positive,
        Search(platform.url, "negative", tmp_path) as negative,
    ):
        for search in (positive, negative):
            assert search.exit_code(deadline) == 0, search.report()
    asked = requests_by_status(platform)
    print(f"seed {SEED}: {asked}")
    assert sum(asked.values()) >= REQUESTS_MIN, asked
    assert [status for status, count in asked.items() if count and status >= "500"] == []
    assert asked["202"] > 100, "the search met too few acceptable transactions"
    with LedgerClient(platform.url) as client:
        client.wait_valid(client.create(KeyPair.generate(), None)["id"])
