"""A database that is stopped, killed or hangs: alive, not ready, writes refused in time, well again soon."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from tests import plain_http
from tests.faults.ledger_load import Load
from tests.faults.promises import problems
from tests.ledger_transactions import Wallet, id_of
from tests.postgres_server import ExternalServer
from tests.running_platform import RunningPlatform, open_directory

ANSWER_WITHIN_S = 5.0
RECOVERED_WITHIN_S = 5.0
NOTICED_WITHIN_S = 10.0

Act = Callable[[ExternalServer], object]


@pytest.fixture(scope="module")
def server() -> Iterator[ExternalServer]:
    with open_directory() as directory:
        server = ExternalServer(directory, password="only-for-this-test").start()
        yield server
        server.stop()


@pytest.fixture(scope="module")
def running(server: ExternalServer) -> Iterator[RunningPlatform]:
    with open_directory() as directory:
        platform = RunningPlatform(directory / "data", environment={"LAMINA_POSTGRES__DSN": server.dsn})
        platform.dsn = server.dsn
        yield platform.start()
        assert platform.stop() == 0


@pytest.fixture
def client(running: RunningPlatform) -> Iterator[httpx.Client]:
    with plain_http.Client(base_url=running.url, timeout=40) as client:
        yield client


def wait_for_readiness(platform: RunningPlatform, status: int, within_s: float) -> httpx.Response:
    """Wait until `/readyz` answers with a status."""
    deadline = time.monotonic() + within_s
    while True:
        answer = plain_http.get(f"{platform.admin_url}/readyz", timeout=5)
        if answer.status_code == status:
            return answer
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.05)


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("take", "give_back"),
    [(ExternalServer.stop, ExternalServer.start), (ExternalServer.freeze, ExternalServer.thaw)],
    ids=["stopped", "hanging"],
)
def test_without_a_database(
    running: RunningPlatform, server: ExternalServer, client: httpx.Client, take: Act, give_back: Act
) -> None:
    wallet, accepted = Wallet(), []
    source = wallet.create([1] * 4)
    assert client.post("/api/v1/transactions", json=source).status_code == 202
    while client.get(f"/api/v1/transactions/{id_of(source)}").status_code != 200:
        time.sleep(0.05)
    pids = [process["pid"] for process in running.status()["processes"]]

    take(server)
    try:
        for document in (wallet.create(), wallet.transfer(source, [0])):
            started = time.monotonic()
            answer = client.post("/api/v1/transactions", json=document)
            assert answer.status_code == 503, answer.text
            assert answer.headers["retry-after"]
            assert time.monotonic() - started <= ANSWER_WITHIN_S
        assert client.get("/").status_code == 200
        assert plain_http.get(f"{running.admin_url}/livez", timeout=5).status_code == 200
        reasons = wait_for_readiness(running, 503, NOTICED_WITHIN_S).json()["reasons"]
        assert reasons
        assert all(each and "only-for-this-test" not in str(each) for each in reasons.values())
        assert client.get("/api/v1/statuses", params={"transaction_id": id_of(source)}).status_code == 503
    finally:
        give_back(server)

    started = time.monotonic()
    while client.post("/api/v1/transactions", json=(document := wallet.create())).status_code != 202:
        assert time.monotonic() - started <= RECOVERED_WITHIN_S
    accepted.append(id_of(document))
    wait_for_readiness(running, 200, RECOVERED_WITHIN_S - (time.monotonic() - started))
    assert [process["pid"] for process in running.status()["processes"]] == pids
    assert problems(running, [*accepted, id_of(source)]) == []


@pytest.mark.timeout(120)
def test_a_process_that_dies_meanwhile_waits_for_the_database(
    running: RunningPlatform, server: ExternalServer
) -> None:
    victim = running.status()["processes"][0]
    server.stop()
    try:
        os.kill(victim["pid"], signal.SIGKILL)
        deadline = time.monotonic() + NOTICED_WITHIN_S
        while not waits_in_place_of(victim["pid"], first_process(running)):
            assert time.monotonic() < deadline, first_process(running)
            time.sleep(0.05)
        time.sleep(2)
        assert first_process(running)["restarts"] == victim["restarts"] + 1
    finally:
        server.start()
    wait_for_readiness(running, 200, RECOVERED_WITHIN_S)


def waits_in_place_of(pid: int, process: dict[str, Any]) -> bool:
    """Whether another process than that one says that the database does not answer."""
    return process["pid"] != pid and any("does not answer" in reason for reason in process["reasons"])


def first_process(platform: RunningPlatform) -> dict[str, Any]:
    """What the status says of the first process."""
    return platform.status()["processes"][0]


@pytest.mark.timeout(120)
def test_a_load_survives_a_database_that_comes_and_goes(
    running: RunningPlatform, server: ExternalServer
) -> None:
    load = Load(running.url, 3)
    with load.running():
        for take, give_back in ((server.stop, server.start), (server.freeze, server.thaw)):
            time.sleep(1)
            take()
            time.sleep(1)
            give_back()
            time.sleep(1)
    assert load.surprises == []
    assert load.answers["accepted"] > 20
    assert problems(running, load.accepted) == []
