"""Reads from a standby, and a read-only unit on one: a real primary and a real standby."""

import time
from collections.abc import Callable, Iterator

import pytest
from tests.quorum_cluster import Node, QuorumCluster
from tests.running_platform import open_directory
from tests.scheduler_unit import Unit, message, scheduler_running, signer, spawn

pytestmark = pytest.mark.timeout(240)
WAIT_S = 30
_READS = """
    SELECT count(*) FROM pg_stat_activity
     WHERE application_name = 'lamina scheduler reads' AND query LIKE '%scheduler.messages%'
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[QuorumCluster]:
    with open_directory() as directory, QuorumCluster(directory, synchronous=False).running() as running:
        yield running


def wait(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def reads_at(standby: Node, unit: Unit, process_id: str) -> bool:
    """Whether the standby is where a list is read now."""
    unit.edges(process_id)
    return standby.value(_READS) > 0


def test_reads_go_to_a_standby_that_has_everything_written_here(cluster: QuorumCluster) -> None:
    standby, by = cluster.standbys[0], signer()
    process = spawn(by)
    settings = {"postgres__dsn": cluster.primary.dsn, "postgres__read_dsn": standby.dsn}
    with scheduler_running(**settings) as unit:
        assert unit.post(process.to_bytes()).status_code == 200
        wait(lambda: reads_at(standby, unit, process.id))
        standby.execute("SELECT pg_wal_replay_pause()")
        try:
            for number in range(5):
                item = message(by, process, b"%d" % number)
                assert unit.post(item.to_bytes()).status_code == 200
                assert unit.edges(process.id)[-1]["message"]["id"] == item.id
                assert unit.get(f"/{item.id}")["message"]["id"] == item.id
                assert unit.get(f"/{process.id}/latest")["message"]["id"] == item.id
            assert standby.value("SELECT count(*) FROM scheduler.messages") == 0, "it really was behind"
        finally:
            standby.execute("SELECT pg_wal_replay_resume()")
        wait(lambda: standby.value("SELECT count(*) FROM scheduler.messages") == 5)
        standby.execute("SELECT pg_stat_clear_snapshot()")
        assert len(unit.edges(process.id)) == 5
        standby.kill()
        assert len(unit.edges(process.id)) == 5, "without it the primary answers"
        assert unit.post(message(by, process, b"after").to_bytes()).status_code == 200
        assert len(unit.edges(process.id)) == 6


def test_a_read_only_unit_is_well_on_a_standby(cluster: QuorumCluster) -> None:
    standby, by = cluster.standbys[1], signer()
    process = spawn(by)
    with scheduler_running(postgres__dsn=cluster.primary.dsn) as unit:
        assert unit.post(process.to_bytes()).status_code == 200
        for number in range(3):
            assert unit.post(message(by, process, b"%d" % number).to_bytes()).status_code == 200
    settings = {"postgres__dsn": standby.dsn, "read_only": True, "postgres__read_only": True}
    with scheduler_running(**settings) as unit:
        wait(lambda: len(unit.edges(process.id)) == 3)
        answer = unit.post(message(by, process, b"refused").to_bytes())
        assert (answer.status_code, answer.json()) == (403, {"error": "This SU is read only"})
        assert unit.get(f"/processes/{process.id}")["process_id"] == process.id
        events = unit.platform.log_events()
        assert [event for event in events if event["level"] in {"error", "critical"}] == []
