"""Schemathesis searches telemetry's OpenAPI document: no server fault, no answer that it does not tell of."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.running_platform import RunningPlatform, open_directory
from tests.wire.searching import SEED, Search, requests_by_status

from lamina.sdk.telemetry import Identity, TelemetryClient

REQUESTS_MIN = 1000
TIMEOUT_S = 280
HOOKS = "tests.wire.telemetry_hooks"
KNOWN_FILE = "LAMINA_TEST_KNOWN"
GENESIS = "0x" + "ab" * 32
STREAM = ("--exclude-path", "/live/stream")  # it has no end

# Not checked: that what is wrong is refused, since parameters that cannot be used are ignored; that what the
# schema admits is accepted, where JSON Schema cannot say what is (times that exist, numbers of rows, no U+0000);
# and a status of 500 where the original has one for a reference to nothing: its body is checked all the same.
CONFIGURATION = """
[checks]
negative_data_rejection.enabled = false
positive_data_acceptance.enabled = false

[[operations]]
include-operation-id = "postBenchmark"
checks.not_a_server_error.enabled = false

[[operations]]
include-operation-id = "postBenchmarkEvent"
checks.not_a_server_error.enabled = false
"""
MODES = {"positive": ("examples,coverage,fuzzing", 60), "negative": ("coverage,fuzzing", 20)}


@pytest.fixture
def platform() -> Iterator[RunningPlatform]:
    """One of its own: whatever the search leaves behind must not reach other tests."""
    with open_directory() as directory:
        running = RunningPlatform(directory / "data", args=("--services", "telemetry")).start()
        yield running
        assert running.stop() == 0


def search(url: str, mode: str, directory: Path) -> Search:
    """One of the runs; what is positive knows what there is."""
    phases, examples = MODES[mode]
    known = {"SCHEMATHESIS_HOOKS": HOOKS, KNOWN_FILE: str(directory / "known.json")}
    return Search(
        url, mode, directory,
        phases=phases, examples=examples, configuration=CONFIGURATION, options=STREAM,
        environment=known if mode == "positive" else None,
    )  # fmt: skip


@pytest.mark.timeout(TIMEOUT_S + 30)
def test_no_request_breaks_telemetry_or_gets_an_undocumented_answer(
    platform: RunningPlatform, tmp_path: Path
) -> None:
    peers = ["QmKnown", "a peer/with ?odd% \"letters' and 🦀"]
    with TelemetryClient(platform.telemetry_url) as client:
        identities = [Identity(peer, "Alice", "Searched", genesis_hash=GENESIS) for peer in peers]
        with client.send(identities[0]) as one, client.send(identities[1]) as other:
            for node in (one, other):
                node.send("system.interval", peers=3, height=1, best=f"0x{1:064x}")
                node.send("tracing.profiling", target="pallet_babe", name="x", time="17")
                nodes = {peer: {"connected": True, "reputation": -3} for peer in peers}
                node.send("system.network_state", state={"peerset": {"nodes": nodes}})
                node.flush()
            client.add_benchmark({"tetcore": {"peerId": peers[0]}})
            (tmp_path / "known.json").write_text(json.dumps({"peers": peers, "genesis": GENESIS}))
            deadline = time.monotonic() + TIMEOUT_S
            with (
                search(platform.telemetry_url, "positive", tmp_path) as positive,
                search(platform.telemetry_url, "negative", tmp_path) as negative,
            ):
                for each in (positive, negative):
                    assert each.exit_code(deadline) == 0, each.report()
        asked = requests_by_status(platform, "telemetry.http")
        print(f"seed {SEED}: {asked}")
        assert sum(asked.values()) >= REQUESTS_MIN, asked
        assert asked["200"] > REQUESTS_MIN / 2
        assert {peer["peer_id"] for peer in client.nodes()} >= set(peers)
    # The original's answer to a reference to nothing is a 500; a fault of ours is in the log.
    faults = [event for event in platform.log_events() if event.get("level") in {"error", "critical"}]
    assert faults == []
    assert [event for event in platform.log_events() if event.get("event") == "a query failed"] == []
