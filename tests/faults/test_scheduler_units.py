"""Several units on one database and one wallet: one chain, whoever is asked (spec/scheduler.md 15)."""

import asyncio
import contextlib
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Generator, Sequence
from pathlib import Path

import asyncpg
import httpx
import pytest
from tests import plain_http
from tests.postgres_server import drop_database, in_thread, new_database
from tests.running_platform import RunningPlatform, open_directory
from tests.scheduler_audit import audit
from tests.scheduler_unit import message, signer, spawn
from tests.uploads import Uploads

from lamina.formats.ans104.signed_item import SignedItem

CONNECTIONS = 32
PATIENCE_S = 240
TRIES = 20


@contextlib.contextmanager
def units_running(dsn: str, directory: Path, count: int, workers: int) -> Generator[list[RunningPlatform]]:
    """So many platforms on one database, with the wallet that the first one made."""
    with Uploads().running() as uploads, contextlib.ExitStack() as stack:
        platforms: list[RunningPlatform] = []
        for number in range(count):
            environment = {
                "LAMINA_SCHEDULER__GATEWAY_URL": uploads.url,
                "LAMINA_SCHEDULER__WORKERS": str(workers),
                "LAMINA_SCHEDULER__PATIENCE_S": str(PATIENCE_S),
            }
            data_dir = directory / f"data{number}"
            if platforms:
                wallet = data_dir.with_suffix(".jwk.json")
                shutil.copy(platforms[0].data_dir / "scheduler.wallet.json", wallet)
                environment["LAMINA_SCHEDULER__WALLET_PATH"] = str(wallet)
            platform = RunningPlatform(data_dir, environment=environment, args=("--services", "scheduler"))
            platform.dsn = dsn
            stack.callback(_end, platform)
            platforms.append(platform.start())
        yield platforms


def _end(platform: RunningPlatform) -> None:
    assert platform.stop() == 0, platform.log_tail()


@contextlib.asynccontextmanager
async def clients(platforms: Sequence[RunningPlatform]) -> AsyncIterator[list[httpx.AsyncClient]]:
    """Connections to all units in turns."""
    async with contextlib.AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(
                plain_http.AsyncClient(
                    base_url=f"http://127.0.0.1:{9000 + platforms[number % len(platforms)].offset}",
                    timeout=PATIENCE_S + 20,
                )
            )
            for number in range(CONNECTIONS)
        ]  # fmt: skip


async def _post(client: httpx.AsyncClient, item: SignedItem) -> str:
    """Post until it is known what became of it."""
    for _ in range(TRIES):
        answer = await client.post("/", content=item.to_bytes())
        if answer.status_code == 200:
            assert answer.json()["id"] == item.id
            return "accepted"
        if answer.status_code == 400:
            return answer.json()["error"]
        assert answer.status_code == 503, answer.text
        await asyncio.sleep(0.5)
    return "given up"


async def post_all(
    platforms: Sequence[RunningPlatform], process: SignedItem, items: Sequence[SignedItem], doors: int
) -> Counter[str]:
    """Post each item through so many doors at once, all items as fast as connections allow."""
    answers: Counter[str] = Counter()
    async with clients(platforms) as connections:
        assert await _post(connections[0], process) == "accepted"
        remaining = list(items)

        async def work(number: int) -> None:
            while remaining:
                item = remaining.pop()
                several = [connections[(number + door) % CONNECTIONS] for door in range(doors)]
                answers.update(await asyncio.gather(*(_post(each, item) for each in several)))

        await asyncio.gather(*map(work, range(CONNECTIONS)))
    return answers


async def _audited(dsn: str, answered: Sequence[str]) -> tuple[list[str], int]:
    connection = await asyncpg.connect(dsn)
    try:
        wrong = await audit(connection, answered)
        return wrong, await connection.fetchval("SELECT count(*) FROM scheduler.messages")
    finally:
        await connection.close()


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("platforms", "workers", "count"),
    [
        pytest.param(1, 1, 200, id="one"),
        pytest.param(1, 2, 200, id="two workers"),
        pytest.param(2, 1, 200, id="two"),
        pytest.param(1, 1, 1000, id="one, a thousand", marks=pytest.mark.soak),
        pytest.param(1, 2, 1000, id="two workers, a thousand", marks=pytest.mark.soak),
        pytest.param(2, 1, 1000, id="two, a thousand", marks=pytest.mark.soak),
    ],
)
def test_many_messages_at_once(postgres: str, platforms: int, workers: int, count: int) -> None:
    dsn = new_database(postgres)
    by = signer()
    process = spawn(by)
    items = [message(by, process, b"%d" % number) for number in range(count)]
    with open_directory() as directory, units_running(dsn, directory, platforms, workers) as units:
        answers = in_thread(post_all(units, process, items, 1))
        assert answers == {"accepted": count}
    wrong, stored = in_thread(_audited(dsn, [process.id, *(item.id for item in items)]))
    drop_database(postgres, dsn)
    assert wrong == []
    assert stored == count


@pytest.mark.timeout(300)
def test_the_same_message_through_every_door_is_accepted_once(postgres: str) -> None:
    dsn = new_database(postgres)
    by = signer()
    process = spawn(by)
    items = [message(by, process, b"%d" % number) for number in range(60)]
    with open_directory() as directory, units_running(dsn, directory, 2, 2) as units:
        answers = in_thread(post_all(units, process, items, 5))
    wrong, stored = in_thread(_audited(dsn, [process.id, *(item.id for item in items)]))
    drop_database(postgres, dsn)
    assert answers == {"accepted": 60, 'MessageExists("Message already exists")': 240}
    assert (wrong, stored) == ([], 60)
