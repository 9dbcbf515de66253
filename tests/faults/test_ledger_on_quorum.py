"""A ledger on a quorum cluster: it promises nothing while both standbys are gone, and outlives its primary."""

import time
from collections.abc import Iterator

import httpx
import pytest
from tests import plain_http
from tests.faults.ledger_load import Load
from tests.faults.promises import problems
from tests.ledger_transactions import Wallet, id_of
from tests.quorum_cluster import QuorumCluster
from tests.running_platform import RunningPlatform, open_directory

ANSWER_WITHIN_S = 5.0
NOTICED_WITHIN_S = 5.0
RECOVERED_WITHIN_S = 5.0
WITHOUT_QUORUM_S = 6.0
READY_AGAIN_S = 10.0
# Each process may have begun two batches before it knew, and asked once more after each.
WAITING_MAX = 16


@pytest.fixture(scope="module")
def cluster() -> Iterator[QuorumCluster]:
    with open_directory() as directory, QuorumCluster(directory).running() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def running(cluster: QuorumCluster) -> Iterator[RunningPlatform]:
    with open_directory() as directory:
        platform = RunningPlatform(
            directory / "data", environment={"LAMINA_POSTGRES__DSN": cluster.dsn}, verb=("ledger", "serve")
        )
        platform.dsn = cluster.dsn
        yield platform.start()
        assert platform.stop() == 0


def readiness(platform: RunningPlatform) -> httpx.Response:
    return plain_http.get(f"{platform.admin_url}/readyz", timeout=5)


@pytest.mark.timeout(120)
def test_a_ledger_without_its_quorum(running: RunningPlatform, cluster: QuorumCluster) -> None:
    wallet, promised = Wallet(), []
    with plain_http.Client(base_url=running.url, timeout=20) as client:

        def post() -> httpx.Response:
            document = wallet.create()
            answer = client.post("/api/v1/transactions", json=document)
            if answer.status_code == 202:
                promised.append(id_of(document))
            return answer

        assert post().status_code == 202
        while client.get(f"/api/v1/transactions/{promised[0]}").status_code != 200:
            time.sleep(0.02)
        for node in cluster.standbys:
            node.stop()

        lost_since = time.monotonic()
        while time.monotonic() - lost_since < WITHOUT_QUORUM_S:
            started = time.monotonic()
            answer = post()
            assert answer.status_code == 503, answer.text
            assert answer.headers["retry-after"]
            assert time.monotonic() - started <= ANSWER_WITHIN_S
        while (answer := readiness(running)).status_code != 503:
            assert time.monotonic() - lost_since < WITHOUT_QUORUM_S + NOTICED_WITHIN_S
        reasons = answer.json()["reasons"]
        assert all("degraded: quorum lost: " in each for sentences in reasons.values() for each in sentences)
        assert plain_http.get(f"{running.admin_url}/livez", timeout=5).status_code == 200
        assert client.get(f"/api/v1/transactions/{promised[0]}").status_code == 200
        assert cluster.primary.waiting() <= WAITING_MAX
        assert len(promised) == 1

        cluster.standbys[0].start()
        back = time.monotonic()
        while post().status_code != 202 or readiness(running).status_code != 200:
            assert time.monotonic() - back < RECOVERED_WITHIN_S, readiness(running).text
    assert problems(running, promised) == []


@pytest.mark.timeout(120)
def test_a_ledger_keeps_every_promise_through_a_failover(
    running: RunningPlatform, cluster: QuorumCluster
) -> None:
    cluster.mend()
    running.wait_ready()
    pids = [process["pid"] for process in running.status()["processes"]]
    load = Load(running.url, seed=7)
    with load.running():
        time.sleep(1.5)
        before = load.answers["accepted"]
        cluster.primary.kill()
        cluster.fail_over()
        ready_s = running.wait_ready(READY_AGAIN_S)
        while not load.post_one():
            time.sleep(0.05)
        time.sleep(1)
    print(f"ready {ready_s:.2f} s after the failover; {dict(load.answers)}")
    assert load.surprises == []
    assert load.answers["accepted"] > before > 20
    assert problems(running, load.accepted) == []
    assert [process["pid"] for process in running.status()["processes"]] == pids
