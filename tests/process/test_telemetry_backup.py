"""A backup of telemetry: what it holds, that it proves itself, and that a restored platform answers alike."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.running_platform import RunningPlatform, open_directory
from tests.telemetry_load import new_node
from tests.telemetry_service import Telemetry, connected

SERVICES = ("--services", "telemetry")


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    with open_directory() as directory:
        yield directory


def platform(data_dir: Path) -> RunningPlatform:
    running = RunningPlatform(data_dir, args=SERVICES, environment={"LAMINA_PLATFORM__SERVICES": "telemetry"})
    running.dsn = None
    return running


def answers(telemetry: Telemetry, peers: list[str]) -> list[object]:
    """Everything that a reader may ask."""
    return [
        telemetry.get("/nodes"), telemetry.get("/benchmarks"), telemetry.get("/host_systems"),
        *(telemetry.get("/nodes/logs", peer_id=peer, limit=1000, end_time="9999-01-01T00:00:00") for peer in peers),
        *(telemetry.stats(peer) for peer in peers),
    ]  # fmt: skip


@pytest.mark.timeout(180)
def test_a_backup_is_made_proved_and_restored(directory: Path) -> None:
    first = platform(directory / "data").start()
    telemetry = Telemetry(first)
    now = datetime.now(UTC)
    expiring, audit = new_node(), new_node(1)
    telemetry.send([*expiring.talk(60), connected(expiring.peer_id, (now + timedelta(days=30)).isoformat()),
                    connected(expiring.peer_id, now.isoformat())])  # fmt: skip
    telemetry.send(audit.talk(60), "/audit")
    peers = [expiring.peer_id, audit.peer_id]
    telemetry.wait_stored(peers[0], 62)
    telemetry.wait_stored(peers[1], 60)
    telemetry.http.post("/benchmarks", json={"setup": {"tetcore": {"peerId": peers[0]}}})
    before = answers(telemetry, peers)

    made = first.run("backup", "create", "--to", str(directory / "kept"))
    assert made.returncode == 0, made.stderr
    backup = made.stdout.strip()
    telemetry.send([connected(peers[0])])
    telemetry.wait_stored(peers[0], 63)
    (listed,) = json.loads(first.run("--json", "backup", "list", "--from", str(directory / "kept")).stdout)[
        "backups"
    ]
    assert listed["services"]["telemetry"] | {"position": 0} == {
        "position": 0, "messages": 122, "connections": 2, "benchmarks": 1,
    }  # fmt: skip
    proved = first.run("--json", "backup", "verify", backup)
    assert proved.returncode == 0, proved.stderr
    assert json.loads(proved.stdout)["services"]["telemetry"]["checked"]["messages"] == 122, proved.stdout
    telemetry.http.close()
    assert first.stop() == 0

    second = platform(directory / "restored")
    restored = second.run("backup", "restore", backup)
    assert restored.returncode == 0, restored.stderr
    second.start()
    telemetry = Telemetry(second)
    try:
        assert answers(telemetry, peers) == before
        names = (
            "tetcore_logs",
            "substrate_logs",
            "peer_connections",
            "benchmarks",
            "benchmark_events",
            "host_systems",
        )
        counts = [telemetry.query(f"SELECT count(*) AS count FROM {name}")[0]["count"] for name in names]
        assert counts == [122, 122, 2, 1, 0, 0]
        node = new_node()
        telemetry.send(node.talk(30))
        telemetry.wait_stored(node.peer_id, 30)
        ids = telemetry.query("SELECT count(*) AS count, count(DISTINCT id) AS ids FROM tetcore_logs")[0]
        assert ids == {"count": 152, "ids": 152}
    finally:
        telemetry.http.close()
        assert second.stop() == 0
