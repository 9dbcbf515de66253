"""Stopping in order, and refusing to run twice."""

import asyncio
import signal
import time
from collections.abc import Iterator

import asyncpg
import httpx
import pytest
from tests import plain_http
from tests.faults.ledger_load import Load
from tests.faults.promises import database_dsn, problems
from tests.ledger_transactions import Wallet, id_of
from tests.postgres_server import ExternalServer, in_thread
from tests.running_platform import RunningPlatform, open_directory

EXIT_WITHIN_S = 10.0
REFUSED = 4
IN_FLIGHT = 40


@pytest.fixture(scope="module")
def running() -> Iterator[RunningPlatform]:
    with open_directory() as directory:
        platform = RunningPlatform(directory / "data").start()
        yield platform
        assert platform.stop() == 0


def test_sigterm_under_load_ends_in_time_and_loses_nothing(running: RunningPlatform) -> None:
    load = Load(running.url, 1)
    with load.running():
        time.sleep(1.5)
        started = time.monotonic()
        assert running.stop() == 0
        assert time.monotonic() - started <= EXIT_WITHIN_S
        running.start()
        time.sleep(0.5)
    assert load.surprises == []
    assert load.answers["accepted"] > 20
    assert problems(running, load.accepted) == []


def test_requests_in_flight_are_answered_before_the_end(running: RunningPlatform) -> None:
    documents = [Wallet().create() for _ in range(IN_FLIGHT)]
    answers = in_thread(answers_across_a_stop(running, documents))
    assert running.process is not None
    assert running.process.wait(EXIT_WITHIN_S) == 0
    assert [answer.status_code for answer in answers] == [202] * IN_FLIGHT
    running.start()
    assert problems(running, [id_of(each) for each in documents]) == []


async def answers_across_a_stop(
    platform: RunningPlatform, documents: list[dict[str, object]]
) -> list[httpx.Response]:
    """Post while the backlog is locked, ask the platform to stop, and only then let it write."""
    assert platform.process is not None
    connection = await asyncpg.connect(database_dsn(platform))
    async with plain_http.AsyncClient(base_url=platform.url, timeout=20) as client:
        async with connection.transaction():
            await connection.execute("LOCK TABLE ledger.backlog IN ACCESS EXCLUSIVE MODE")
            posts = [
                asyncio.ensure_future(client.post("/api/v1/transactions", json=each)) for each in documents
            ]
            await asyncio.sleep(1)
            platform.process.send_signal(signal.SIGTERM)
            await asyncio.sleep(0.5)
            assert not any(post.done() for post in posts)
        await connection.close()
        return await asyncio.gather(*posts)


def accepted_total(platform: RunningPlatform) -> float:
    """The accepted transactions that `/metrics` counts."""
    text = plain_http.get(f"{platform.admin_url}/metrics", timeout=10).text
    lines = [
        line for line in text.splitlines() if line.startswith("lamina_ledger_transactions_accepted_total")
    ]
    return sum(float(line.split()[-1]) for line in lines)


def test_a_second_platform_is_refused_and_leaves_the_first_alone(running: RunningPlatform) -> None:
    assert Load(running.url, 1).post_one()
    before = accepted_total(running)
    assert before >= 1
    other_ports = RunningPlatform(running.data_dir)
    for second in (running, other_ports):
        result = second.run("up")
        assert result.returncode == REFUSED, result.stderr
        assert "already_running" in result.stderr
    assert Load(running.url, 2).post_one()
    assert accepted_total(running) == before + 1


def test_a_second_platform_is_refused_with_an_external_database_too() -> None:
    with open_directory() as directory:
        server = ExternalServer(directory, password="only-for-this-test").start()
        environment = {"LAMINA_POSTGRES__DSN": server.dsn}
        first = RunningPlatform(directory / "data", environment=environment)
        try:
            first.start()
            result = RunningPlatform(directory / "data", environment=environment).run("up", timeout_s=20)
            assert result.returncode == REFUSED, result.stderr
        finally:
            assert first.stop() == 0
            server.stop()
