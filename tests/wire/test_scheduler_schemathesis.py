"""Schemathesis searches the scheduler's OpenAPI document: no server fault, no answer that it does not tell of."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests import plain_http
from tests.scheduler_unit import Unit, message, scheduler_running, signer, spawn
from tests.wire.searching import SEED, Search, requests_by_status

REQUESTS_MIN = 500
TIMEOUT_S = 150
HOOKS = "tests.wire.scheduler_hooks"
KNOWN_FILE = "LAMINA_TEST_KNOWN"

# Not checked: that what is wrong is refused, since unknown parameters are ignored and most have any value; that
# what the schema admits is accepted, since it cannot say which bytes are a signed item;
# and that a wrong method is a 405: the original answers 404, and the document says so.
CONFIGURATION = """
[checks]
negative_data_rejection.enabled = false
positive_data_acceptance.enabled = false
unsupported_method.enabled = false

[[operations]]
include-operation-id = "postItem"
generation.max-examples = {posts}
"""
MODES = {"positive": ("examples,coverage,fuzzing", 60, 200), "negative": ("coverage,fuzzing", 20, 20)}
"""Phases, and how many cases in the last of them: of an operation, and of the POST."""


@pytest.fixture
def unit() -> Iterator[Unit]:
    """One of its own: whatever the search leaves behind must not reach other tests."""
    with scheduler_running(metrics=True) as running:
        yield running


def known_processes(unit: Unit) -> dict[str, object]:
    """A process with messages, items that may be posted, and one that only the network knows."""
    by = signer()
    process, elsewhere = spawn(by), spawn(by)
    plain_http.post(f"{unit.gateway_url}/tx/arweave", content=elsewhere.to_bytes())
    stored = [process, *(message(by, process, b"%d" % number) for number in range(3))]
    for item in stored:
        assert unit.post(item.to_bytes()).status_code == 200
    new = [message(by, process, b"new %d" % number) for number in range(40)]
    return {
        "process": process.id,
        "elsewhere": elsewhere.id,
        "ids": [item.id for item in stored],
        "items": [item.to_bytes().hex() for item in (*new, *stored)],
    }


def search(unit: Unit, mode: str, directory: Path) -> Search:
    """One of the runs; what is positive knows what there is."""
    phases, examples, posts = MODES[mode]
    known = {"SCHEMATHESIS_HOOKS": HOOKS, KNOWN_FILE: str(directory / "known.json")}
    return Search(
        unit.url, mode, directory,
        phases=phases, examples=examples, configuration=CONFIGURATION.format(posts=posts),
        environment=known if mode == "positive" else None,
    )  # fmt: skip


@pytest.mark.timeout(TIMEOUT_S + 60)
def test_no_request_breaks_the_scheduler_or_gets_an_undocumented_answer(unit: Unit, tmp_path: Path) -> None:
    known = known_processes(unit)
    (tmp_path / "known.json").write_text(json.dumps(known))
    deadline = time.monotonic() + TIMEOUT_S
    with search(unit, "positive", tmp_path) as positive, search(unit, "negative", tmp_path) as negative:
        for each in (positive, negative):
            assert each.exit_code(deadline) == 0, each.report()
    asked = requests_by_status(unit.platform, "scheduler.http")
    print(f"seed {SEED}: {asked}")
    assert sum(asked.values()) >= REQUESTS_MIN, asked
    assert {status for status, count in asked.items() if count and status >= "500"} <= {"503"}
    assert len(unit.edges(str(known["process"]))) > 3, "the search met no acceptable message"
