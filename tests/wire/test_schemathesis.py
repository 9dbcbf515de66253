"""Schemathesis searches the served OpenAPI document: no server fault, no answer that it does not tell of."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.running_platform import RunningPlatform, open_directory
from tests.wire.searching import SEED, Search, requests_by_status

from lamina.sdk.ledger import KeyPair, LedgerClient


@dataclass(frozen=True)
class Run:
    """Which phases, and how many cases of an operation in the last of them."""

    phases: str
    examples: int
    posts: int


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


def search(url: str, mode: str, directory: Path) -> Search:
    """One of the runs; what is positive knows of the chain."""
    run = RUNS[mode]
    known = {"SCHEMATHESIS_HOOKS": HOOKS, KNOWN_FILE: str(directory / "known.json")}
    return Search(
        url,
        mode,
        directory,
        phases=run.phases,
        examples=run.examples,
        configuration=CONFIGURATION.format(posts=run.posts),
        environment=known if mode == "positive" else None,
    )


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
        search(platform.url, "positive", tmp_path) as positive,
        search(platform.url, "negative", tmp_path) as negative,
    ):
        for each in (positive, negative):
            assert each.exit_code(deadline) == 0, each.report()
    asked = requests_by_status(platform, "ledger.http")
    print(f"seed {SEED}: {asked}")
    assert sum(asked.values()) >= REQUESTS_MIN, asked
    assert [status for status, count in asked.items() if count and status >= "500"] == []
    assert asked["202"] > 100, "the search met too few acceptable transactions"
    with LedgerClient(platform.url) as client:
        client.wait_valid(client.create(KeyPair.generate(), None)["id"])
