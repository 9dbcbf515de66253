"""The stream of valid transactions: each event once per subscriber and in chain order, whatever is lost."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
from tests.ledger_transactions import Wallet, id_of
from tests.storage.ledger_node import LedgerNode

from lamina.kernel.storage.database import Database, PoolOptions
from lamina.kernel.storage.wakeup import Wakeups
from lamina.services.ledger.feeds import ValidTransactions
from lamina.services.ledger.settings import LedgerSettings
from lamina.services.ledger.store import decisions

SETTINGS = LedgerSettings(poll_busy_ms=50, poll_idle_ms=100)
OTHERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
LISTENERS = OTHERS + " AND query LIKE 'LISTEN%'"


class Subscriber:
    """One websocket client, at the ASGI boundary."""

    def __init__(self) -> None:
        self.events: list[dict[str, str]] = []
        self.accepted = asyncio.Event()
        self._left = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        await self._left.wait()
        return {"type": "websocket.disconnect", "code": 1000}

    async def send(self, message: Any) -> None:
        if message["type"] == "websocket.accept":
            self.accepted.set()
        elif message["type"] == "websocket.send":
            self.events.append(json.loads(message["text"]))

    def leave(self) -> None:
        self._left.set()

    async def wait_for(self, count: int) -> None:
        """Wait until so many events came, and a little longer for one too many."""
        async with asyncio.timeout(15):
            while len(self.events) < count:
                await asyncio.sleep(0.02)
        await asyncio.sleep(0.3)


@pytest.fixture
async def cx(ledger_dsn: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(ledger_dsn)
    yield connection
    await connection.close()


@pytest.fixture
async def node(database: Database) -> LedgerNode:
    return await LedgerNode(database).begin()


@asynccontextmanager
async def streaming(dsn: str, *, hints: bool = True) -> AsyncGenerator[ValidTransactions]:
    """A web worker's stream on a pool of its own."""
    database = await Database.connect(PoolOptions(dsn, connections_max=3))
    wakeups = Wakeups(database, (decisions.CHANNEL,), enabled=hints)
    feed = ValidTransactions(database, wakeups, SETTINGS, queue_events_max=10_000)
    tasks = [asyncio.create_task(wakeups.run()), asyncio.create_task(feed.run())]
    try:
        yield feed
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await database.close()


@asynccontextmanager
async def subscribed(feed: ValidTransactions) -> AsyncGenerator[Subscriber]:
    """A client that is on the stream."""
    subscriber = Subscriber()
    serving = asyncio.create_task(feed.serve({"type": "websocket"}, subscriber.receive, subscriber.send))
    await subscriber.accepted.wait()
    try:
        yield subscriber
    finally:
        subscriber.leave()
        await serving


async def chain_order(cx: asyncpg.Connection) -> list[str]:
    """Ids of all valid transactions as the chain holds them."""
    rows = await cx.fetch("SELECT tx_id FROM ledger.tx_index WHERE status = 1 ORDER BY seq, position")
    return [row["tx_id"].hex() for row in rows]


@pytest.mark.parametrize("hints", [True, False])
async def test_every_valid_transaction_is_told_once_and_in_chain_order(
    node: LedgerNode, ledger_dsn: str, cx: asyncpg.Connection, hints: bool
) -> None:
    async with streaming(ledger_dsn, hints=hints) as feed, subscribed(feed) as one, subscribed(feed) as two:
        for size in (1, 30, 300):
            await node.make_valid([Wallet().create() for _ in range(size)])
        wallet = Wallet()
        source = wallet.create()
        moved = wallet.transfer(source)
        await node.make_valid([source])
        await node.make_valid([moved])
        await two.wait_for(333)
        assert one.events == two.events
        assert [event["transaction_id"] for event in one.events] == await chain_order(cx)
        assert one.events[-1] == {
            "transaction_id": id_of(moved),
            "asset_id": id_of(source),
            "block_id": await cx.fetchval("SELECT tip FROM ledger.log_head"),
        }


async def test_nothing_is_lost_or_told_twice_while_connections_die(
    node: LedgerNode, ledger_dsn: str, cx: asyncpg.Connection
) -> None:
    async with streaming(ledger_dsn) as feed, subscribed(feed) as subscriber:
        for round_number in range(12):
            await node.enqueue([Wallet().create() for _ in range(5)])
            await cx.execute(LISTENERS if round_number % 2 else OTHERS)
            await node.build_all()
        await subscriber.wait_for(60)
        assert [event["transaction_id"] for event in subscriber.events] == await chain_order(cx)


async def test_a_subscriber_hears_what_became_valid_after_it_came_and_nothing_before(
    node: LedgerNode, ledger_dsn: str, cx: asyncpg.Connection
) -> None:
    await node.make_valid([Wallet().create()])
    async with streaming(ledger_dsn) as feed:
        async with subscribed(feed) as first:
            await node.make_valid([Wallet().create()])
            await first.wait_for(1)
        await node.make_valid([Wallet().create()])
        async with subscribed(feed) as second:
            await node.make_valid([Wallet().create()])
            await second.wait_for(1)
        order = await chain_order(cx)
        assert [event["transaction_id"] for event in first.events] == order[1:2]
        assert [event["transaction_id"] for event in second.events] == order[3:4]


async def test_a_subscriber_that_comes_during_the_load_misses_nothing_after_its_first_event(
    node: LedgerNode, ledger_dsn: str, cx: asyncpg.Connection
) -> None:
    async with streaming(ledger_dsn) as feed, subscribed(feed) as witness:
        load = asyncio.create_task(keep_building(node, blocks=40))
        while len(witness.events) < 5:
            await asyncio.sleep(0.01)
        async with subscribed(feed) as late:
            await load
            await witness.wait_for(80)
            order = await chain_order(cx)
            told = [event["transaction_id"] for event in late.events]
            assert told == order[len(order) - len(told) :]
            assert 0 < len(told) <= 80


async def keep_building(node: LedgerNode, *, blocks: int) -> None:
    for _ in range(blocks):
        await node.make_valid([Wallet().create(), Wallet().create()])


async def test_refused_transactions_are_not_told(node: LedgerNode, ledger_dsn: str) -> None:
    wallet = Wallet()
    source = wallet.create()
    await node.make_valid([source])
    async with streaming(ledger_dsn) as feed, subscribed(feed) as subscriber:
        await node.make_valid([wallet.transfer(source), wallet.transfer(source), wallet.transfer(source)])
        await subscriber.wait_for(1)
        assert len(subscriber.events) == 1
