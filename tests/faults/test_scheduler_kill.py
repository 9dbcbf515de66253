"""SIGKILL at random moments under load: what a scheduler answered is there once, in its place, and is uploaded.

`LAMINA_KILLS` sets how often each process is killed (1), `LAMINA_SEED` replays the moments of another run. The soak
kills ten times in one run, unit, platform and database in turns.
"""

import asyncio
import contextlib
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import httpx
import pytest
from tests import plain_http
from tests.faults.promises import database_dsn
from tests.faults.scheduler_load import Load
from tests.faults.test_kill import kill_backend, kill_platform, kill_postmaster, kill_worker
from tests.postgres_server import in_thread
from tests.running_platform import RunningPlatform, open_directory
from tests.scheduler_audit import audit
from tests.uploads import Uploads

KILLS = int(os.environ.get("LAMINA_KILLS", "1"))
SOAK_KILLS = 10
ACCEPTED_BETWEEN_KILLS = (10, 60)
UPLOADED_WITHIN_S = 90.0
Kill = Callable[[RunningPlatform, random.Random], Callable[[], bool]]


@pytest.fixture(scope="module")
def uploads() -> Iterator[Uploads]:
    with Uploads().running() as running:
        yield running


@pytest.fixture(scope="module")
def running(uploads: Uploads) -> Iterator[RunningPlatform]:
    with open_directory() as directory:
        platform = RunningPlatform(
            directory / "data",
            environment={"LAMINA_SCHEDULER__GATEWAY_URL": uploads.url},
            args=("--services", "scheduler"),
        ).start()
        yield platform
        assert platform.stop() == 0


@pytest.fixture
def seed() -> int:
    seed = int(os.environ.get("LAMINA_SEED", random.randrange(2**32)))
    print(f"LAMINA_SEED={seed}")
    return seed


def unit_url(platform: RunningPlatform) -> str:
    return f"http://127.0.0.1:{9000 + platform.offset}"


def wait_ready_again(platform: RunningPlatform, is_replaced: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            ready = plain_http.get(f"{platform.admin_url}/readyz", timeout=5).status_code == 200
            if ready and is_replaced() and plain_http.get(unit_url(platform)).is_success:
                return
        except (httpx.TransportError, OSError, IndexError):
            pass  # no listener, or no whole pid file, at this moment
        time.sleep(0.05)
    raise AssertionError(f"not ready after 60 s:\n{platform.log_tail()}")


async def audited(platform: RunningPlatform, load: Load, uploads: Uploads) -> list[str]:
    connection = await asyncpg.connect(database_dsn(platform))
    try:
        # What was under way to the uploader when it was killed would be tried again two minutes later.
        await connection.execute("UPDATE scheduler.outbox SET next_at = now()")
        deadline = time.monotonic() + UPLOADED_WITHIN_S
        while await connection.fetchval("SELECT count(*) FROM scheduler.outbox"):
            if time.monotonic() > deadline:
                return ["uploads still wait"]
            await asyncio.sleep(0.2)
        arrived = await asyncio.to_thread(uploads.ids)
        missing = [f"{each} was never uploaded" for each in load.promised() if each not in arrived]
        return await audit(connection, load.promised()) + missing
    finally:
        await connection.close()


def check(platform: RunningPlatform, load: Load, uploads: Uploads) -> None:
    print(f"{dict(load.answers)}, {len(uploads.bodies)} uploads")
    assert load.check_answers() == []
    assert load.read_again() == []
    assert in_thread(audited(platform, load, uploads)) == []


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kill", [kill_worker, kill_backend, kill_postmaster, kill_platform])
def test_kills_under_load(running: RunningPlatform, uploads: Uploads, seed: int, kill: Kill) -> None:
    if kill in {kill_postmaster, kill_backend} and running.dsn is not None:
        pytest.skip("an external server is not ours to kill")
    moments = random.Random(seed)
    load = Load(unit_url(running), seed)
    load.begin()
    with load.running():
        for _ in range(KILLS):
            load.wait_accepted(moments.randint(*ACCEPTED_BETWEEN_KILLS))
            wait_ready_again(running, kill(running, moments))
        load.wait_accepted(ACCEPTED_BETWEEN_KILLS[0])
    check(running, load, uploads)


def signing_processes(platform: RunningPlatform) -> set[int]:
    """Those of every unit, found as an operator's `ps` shows them."""
    units = {process["pid"] for process in platform.status()["processes"]}
    found = set[int]()
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            if parent in units and b"signing_entry" in (entry / "cmdline").read_bytes():
                found.add(int(entry.name))
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")
@pytest.mark.timeout(300)
def test_a_signing_process_that_is_killed_costs_nobody_an_answer(
    running: RunningPlatform, uploads: Uploads, seed: int
) -> None:
    load = Load(unit_url(running), seed)
    load.begin()
    with load.running():
        load.wait_accepted(10)
        before = signing_processes(running)
        assert before
        for pid in before:
            os.kill(pid, signal.SIGKILL)
            load.wait_accepted(10)
        assert len(signing_processes(running) - before) == len(before)
    assert set(load.answers) <= {"accepted", "exists"}, dict(load.answers)
    check(running, load, uploads)


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_ten_kills_in_one_run(running: RunningPlatform, uploads: Uploads, seed: int) -> None:
    moments = random.Random(seed)
    kills: list[Kill] = [kill_worker, kill_platform]
    if running.dsn is None:
        kills += [kill_postmaster, kill_backend]
    load = Load(unit_url(running), seed)
    load.begin()
    with load.running():
        for number in range(SOAK_KILLS):
            load.wait_accepted(moments.randint(*ACCEPTED_BETWEEN_KILLS))
            uploads.refusing = moments.randrange(20)
            wait_ready_again(running, kills[number % len(kills)](running, moments))
        load.wait_accepted(ACCEPTED_BETWEEN_KILLS[0])
    check(running, load, uploads)


TAMPERINGS = {
    "a message is gone": "DELETE FROM scheduler.messages WHERE nonce = 1",
    "the last message is gone": "DELETE FROM scheduler.messages m USING scheduler.heads h "
    "WHERE m.process_id = h.process_id AND m.nonce = h.nonce",
    "times are equal": "UPDATE scheduler.heads SET ts = 0; UPDATE scheduler.messages SET ts = 1 WHERE nonce = 1",
    "a message's bytes changed": "UPDATE scheduler.messages SET item = set_byte(item, 200, 7) WHERE nonce = 1",
    "an assignment's bytes changed": "UPDATE scheduler.messages SET assignment = set_byte(assignment, 40, 7) "
    "WHERE nonce = 1",
    "the head is another": "UPDATE scheduler.heads SET nonce = nonce + 1",
}


@pytest.mark.timeout(120)
def test_the_audit_notices_what_it_is_there_to_notice(
    running: RunningPlatform, uploads: Uploads, seed: int
) -> None:
    load = Load(unit_url(running), seed)
    load.begin()
    with load.running():
        load.wait_accepted(20)
    check(running, load, uploads)
    never_posted = "x" * 43

    async def noticed(sql: str) -> bool:
        connection = await asyncpg.connect(database_dsn(running))
        transaction = connection.transaction()
        await transaction.start()
        try:
            await connection.execute(sql)
            return bool(await audit(connection, load.promised()))
        finally:
            await transaction.rollback()
            await connection.close()

    async def lost() -> list[str]:
        connection = await asyncpg.connect(database_dsn(running))
        try:
            return await audit(connection, [never_posted])
        finally:
            await connection.close()

    assert in_thread(lost()) == [f"{never_posted} was answered and is not there"]
    assert [name for name, sql in TAMPERINGS.items() if not in_thread(noticed(sql))] == []
