"""SIGKILL at random moments under load: every 202 is kept, nothing happens twice, and it is ready again soon.

`LAMINA_KILLS` sets how often each process is killed, and says that the machine does nothing else: only then are
5 s the limit. `LAMINA_SEED` replays the moments of another run.
"""

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import httpx
import pytest
from tests import plain_http
from tests.faults.ledger_load import Load
from tests.faults.promises import database_dsn, problems
from tests.ledger_audit import audit
from tests.postgres_server import children_of, in_thread
from tests.running_platform import RunningPlatform, open_directory

KILLS = int(os.environ.get("LAMINA_KILLS", "2"))
READY_AGAIN_S = 5.0 if "LAMINA_KILLS" in os.environ else 30.0
LOAD_BETWEEN_KILLS_S = (0.5, 2.0)


@pytest.fixture(scope="module")
def running() -> Iterator[RunningPlatform]:
    with open_directory() as directory:
        platform = RunningPlatform(directory / "data").start()
        yield platform
        assert platform.stop() == 0


@pytest.fixture
def seed() -> int:
    seed = int(os.environ.get("LAMINA_SEED", random.randrange(2**32)))
    print(f"LAMINA_SEED={seed}")
    return seed


def kill_worker(platform: RunningPlatform, moments: random.Random) -> Callable[[], bool]:
    """Kill one of the platform's processes; returns whether another runs in its place."""
    victim = moments.choice(platform.status()["processes"])
    os.kill(victim["pid"], signal.SIGKILL)

    def is_replaced() -> bool:
        now = {process["name"]: process for process in platform.status()["processes"]}[victim["name"]]
        return now["ready"] and now["pid"] != victim["pid"]

    return is_replaced


def kill_postmaster(platform: RunningPlatform, _moments: random.Random) -> Callable[[], bool]:
    """Kill the embedded server; returns whether another one runs."""
    pid = platform.postmaster_pid()
    os.kill(pid, signal.SIGKILL)
    return lambda: platform.postmaster_pid() != pid


def kill_backend(platform: RunningPlatform, moments: random.Random) -> Callable[[], bool]:
    """Kill a process that serves one connection; the server then ends all others and recovers by itself."""
    postmaster = platform.postmaster_pid()
    backends = [
        pid for pid in children_of(postmaster) if b"lamina" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    os.kill(moments.choice(backends), signal.SIGKILL)
    return lambda: not set(backends) & set(children_of(postmaster))


def kill_platform(platform: RunningPlatform, _moments: random.Random) -> Callable[[], bool]:
    """Kill the parent of everything and start again at once; returns whether the old processes are gone."""
    pids = [process["pid"] for process in platform.status()["processes"]]
    if platform.dsn is None:
        pids.append(platform.postmaster_pid())
    platform.kill()
    platform.start()
    return lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids)


def ready_again_s(
    platform: RunningPlatform, load: Load, is_replaced: Callable[[], bool], since: float
) -> float:
    """Seconds until the platform says it is ready and accepts a transaction."""
    while time.monotonic() - since < 60:
        try:
            ready = plain_http.get(f"{platform.admin_url}/readyz", timeout=5).status_code == 200
            if ready and is_replaced() and load.post_one():
                return time.monotonic() - since
        except (httpx.TransportError, OSError, IndexError):
            pass  # no admin listener, or no whole pid file, at this moment
        time.sleep(0.02)
    raise AssertionError(f"not ready after 60 s:\n{platform.log_tail()}")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kill", [kill_worker, kill_backend, kill_postmaster, kill_platform])
def test_kills_under_load_lose_and_double_nothing(
    running: RunningPlatform, seed: int, kill: Callable[[RunningPlatform, random.Random], Callable[[], bool]]
) -> None:
    if kill in {kill_postmaster, kill_backend} and running.dsn is not None:
        pytest.skip("an external server is not ours to kill")
    moments = random.Random(seed)
    times: list[float] = []
    load = Load(running.url, seed)
    with load.running():
        for _ in range(KILLS):
            time.sleep(moments.uniform(*LOAD_BETWEEN_KILLS_S))
            since = time.monotonic()
            is_replaced = kill(running, moments)
            times.append(ready_again_s(running, load, is_replaced, since))
        time.sleep(LOAD_BETWEEN_KILLS_S[0])
    print(f"{kill.__name__}: ready again after {[round(each, 2) for each in times]} s; {dict(load.answers)}")
    assert load.surprises == []
    assert load.answers["accepted"] > 20 * KILLS
    assert problems(running, load.accepted) == []
    assert max(times) <= READY_AGAIN_S


TAMPERINGS = {
    "a block is gone": "DELETE FROM ledger.log WHERE seq = (SELECT max(seq) - 1 FROM ledger.log)",
    "the last block is gone": "DELETE FROM ledger.log WHERE seq = (SELECT max(seq) FROM ledger.log)",
    "a block's bytes changed": "UPDATE ledger.log SET body = convert_to(replace(convert_from(body, 'UTF8'), "
    '\'"amount":"1"\', \'"amount":"2"\'), \'UTF8\') WHERE seq = (SELECT max(seq) FROM ledger.log)',
    "an index row is gone": "DELETE FROM ledger.tx_index WHERE seq = (SELECT max(seq) FROM ledger.tx_index)",
    "a claim is gone": "DELETE FROM ledger.claims WHERE ctid = (SELECT min(ctid) FROM ledger.claims)",
    "a rejection is gone": "DELETE FROM ledger.rejected WHERE rejected_at = (SELECT max(rejected_at) FROM ledger.rejected)",
    "a decision is gone": "DELETE FROM ledger.decisions WHERE position = 1",
    "a vote is gone": "DELETE FROM ledger.votes WHERE ctid = (SELECT min(ctid) FROM ledger.votes)",
}


@pytest.mark.timeout(120)
def test_the_audit_notices_what_it_is_there_to_notice(running: RunningPlatform, seed: int) -> None:
    load = Load(running.url, seed)
    with load.running():
        while load.answers["accepted"] < 150 or not has_rejection(running, load):
            time.sleep(0.2)
    assert problems(running, load.accepted) == []
    never_posted = "0" * 64
    assert len(problems(running, [*load.accepted, never_posted])) == 2  # by the API and in the tables
    unnoticed = [name for name, sql in TAMPERINGS.items() if not in_thread(tampered(running, load, sql))]
    assert unnoticed == []


def has_rejection(platform: RunningPlatform, load: Load) -> bool:
    """Whether the newest rejection is of this load."""
    newest = platform.admin("ledger/rejected?limit=1")
    return bool(newest) and newest[0]["transaction_id"] in load.accepted


async def tampered(platform: RunningPlatform, load: Load, sql: str) -> list[str]:
    """What the audit says of a change that is taken back afterwards."""
    connection = await asyncpg.connect(database_dsn(platform))
    transaction = connection.transaction()
    await transaction.start()
    try:
        assert await connection.execute(sql) != "UPDATE 0"
        return await audit(connection, load.accepted)
    finally:
        await transaction.rollback()
        await connection.close()
