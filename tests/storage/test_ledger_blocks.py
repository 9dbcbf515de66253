"""Block rounds on a real database: races, forgeries, unreadable rows, lost commits; always a clean audit."""

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import msgspec
import pytest
from tests.cutting_proxy import CuttingProxy, Fault
from tests.ledger_audit import audit
from tests.ledger_transactions import Document, Wallet, id_of
from tests.storage.ledger_node import LedgerNode

from lamina.formats.signatures import KeyPair
from lamina.kernel.clock import SystemClock
from lamina.kernel.errors import CommitUnknown
from lamina.kernel.storage.database import Database, PoolOptions
from lamina.services.ledger.errors import ForeignChain
from lamina.services.ledger.pipeline.genesis import ensure_genesis
from lamina.services.ledger.pipeline.seal import Seal
from lamina.services.ledger.settings import LedgerSettings
from lamina.services.ledger.store import log, transactions
from lamina.services.ledger.store.rejected import Rejections

OUTPUTS, SPENDERS = 200, 4
ENQUEUE = "INSERT INTO ledger.backlog (tx_id, body, seal, assignee) VALUES ($1, $2, $3, $4)"


@pytest.fixture
async def cx(ledger_dsn: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(ledger_dsn)
    yield connection
    await connection.close()


@pytest.fixture
async def node(database: Database) -> LedgerNode:
    return await LedgerNode(database).begin()


async def rejections(database: Database) -> dict[str, str]:
    """Rejected ids and their reasons."""
    return {entry.tx_id: entry.reason for entry in await Rejections(database).page(before=None, limit=10_000)}


async def valid(database: Database, documents: list[Document]) -> set[str]:
    """Ids of those that are valid."""
    return set(await transactions.find_valid(database, [id_of(each) for each in documents]))


async def drain(builder_step: Any) -> None:
    """Build until two rounds in a row found nothing: another builder may hold rows it will give back."""
    idle = 0
    while idle < 2:
        idle = 0 if (await builder_step()).taken else idle + 1


async def test_of_many_spenders_raced_by_two_builders_exactly_one_wins_each_output(
    database: Database, ledger_dsn: str, cx: asyncpg.Connection
) -> None:
    settings = LedgerSettings(block_transactions_max=60)
    node = await LedgerNode(database, settings=settings).begin()
    wallet = Wallet()
    sources = [wallet.create([1] * 20) for _ in range(OUTPUTS // 20)]
    await node.make_valid(sources)
    outputs = [(source, index) for source in sources for index in range(20)]
    spenders = [wallet.transfer(source, [index]) for source, index in outputs for _ in range(SPENDERS)]
    random.Random(1).shuffle(spenders)
    await node.enqueue(spenders)

    others = [await Database.connect(PoolOptions(ledger_dsn, connections_max=2)) for _ in range(2)]
    await asyncio.gather(*(drain(node.builder(each).step) for each in others))

    won = await valid(database, spenders)
    lost = await rejections(database)
    assert len(won) == OUTPUTS
    assert len(lost) == OUTPUTS * (SPENDERS - 1)
    assert set(lost.values()) == {"DoubleSpend"}
    assert await audit(cx, [id_of(each) for each in sources + spenders]) == []
    for each in others:
        await each.close()


async def test_two_builders_share_the_work_and_take_nothing_twice(
    database: Database, ledger_dsn: str, cx: asyncpg.Connection
) -> None:
    node = await LedgerNode(database, settings=LedgerSettings(block_transactions_max=7)).begin()
    documents = [Wallet().create() for _ in range(150)]
    await node.enqueue(documents)
    other = await Database.connect(PoolOptions(ledger_dsn))
    await asyncio.gather(drain(node.builder().step), drain(node.builder(other).step))
    assert await valid(database, documents) == {id_of(each) for each in documents}
    assert await audit(cx, [id_of(each) for each in documents]) == []
    await other.close()


async def test_a_round_is_split_into_blocks_of_bounded_size(
    database: Database, cx: asyncpg.Connection, node: LedgerNode
) -> None:
    documents = [Wallet().create(metadata={"filler": "x" * 1_000_000}) for _ in range(12)]
    await node.enqueue(documents)
    done = await node.builder().step()
    assert [len(block.transactions) for block in done.blocks] == [8, 4]
    assert all(len(block.body) < 8_388_608 + 10_000 for block in done.blocks)
    assert await audit(cx, [id_of(each) for each in documents]) == []


async def test_a_transaction_larger_than_a_block_gets_one_of_its_own(
    database: Database, cx: asyncpg.Connection
) -> None:
    node = await LedgerNode(database, settings=LedgerSettings(block_bytes_max=2000)).begin()
    small, large = [Wallet().create() for _ in range(4)], Wallet().create(metadata={"filler": "x" * 5000})
    await node.enqueue([*small[:2], large, *small[2:]])
    done = await node.builder().step()
    assert [id_of(large)] in [[tx.id for tx in block.transactions] for block in done.blocks]
    assert sum(len(block.transactions) for block in done.blocks) == 5
    assert await audit(cx, [id_of(each) for each in [*small, large]]) == []


async def test_a_chain_is_begun_once_by_whoever_is_first(
    database: Database, ledger_dsn: str, cx: asyncpg.Connection
) -> None:
    key = KeyPair.generate()
    pools = [await Database.connect(PoolOptions(ledger_dsn, connections_max=2)) for _ in range(5)]
    begun = await asyncio.gather(*(ensure_genesis(pool, key, SystemClock()) for pool in pools))
    assert sum(begun) == 1
    assert len(await log.read(database, 0, 10)) == 1
    with pytest.raises(ForeignChain):
        await ensure_genesis(database, KeyPair.generate(), SystemClock())
    assert await audit(cx, []) == []
    for pool in pools:
        await pool.close()


def with_foreign_signature(document: Document) -> Document:
    """The same transaction with another one's signature."""
    other = Wallet().create()
    return {
        **document,
        "inputs": [{**document["inputs"][0], "fulfillment": other["inputs"][0]["fulfillment"]}],
    }


async def test_a_forged_seal_makes_the_builder_verify_signatures_again(
    database: Database, cx: asyncpg.Connection, node: LedgerNode
) -> None:
    good, bad, foreign = Wallet().create(), Wallet().create(), Wallet().create()
    forged = Seal(KeyPair.generate())
    rows = {
        id_of(good): (good, bytes(32)),
        id_of(bad): (with_foreign_signature(bad), bytes(32)),
        id_of(foreign): (with_foreign_signature(foreign), None),
    }
    for tx_id, (document, seal) in rows.items():
        body = msgspec.json.encode(document, order="sorted")
        await cx.execute(ENQUEUE, bytes.fromhex(tx_id), body, seal or forged.of(body), node.key.public)
    await node.build_all()
    assert await valid(database, [good, bad, foreign]) == {id_of(good)}
    assert await rejections(database) == {id_of(bad): "InvalidSignature", id_of(foreign): "InvalidSignature"}
    assert await audit(cx, rows) == []


UNREADABLE = [
    b"",
    b"garbage",
    b"\xff\xfe",
    b"[]",
    b"null",
    b"{}",
    b'{"id": 1}',
    b'{"operation": ["CREATE"]}',
    b"[" * 100_000,
    b"[" * 1000 + b"]" * 1000,
    b'{"asset":' * 150 + b"1" + b"}" * 150,
    b"9" * 10_000,
]


async def test_unreadable_rows_end_as_rejected_and_stop_nobody(
    database: Database, cx: asyncpg.Connection, node: LedgerNode
) -> None:
    whole = Wallet().create()
    text = msgspec.json.encode(whole)
    bodies = [
        *UNREADABLE,
        text[: len(text) // 2],
        text.replace(b"CREATE", b"GENESIS"),
        text.replace(b"1.0", b"2.0"),
    ]
    for number, body in enumerate(bodies):
        await cx.execute(ENQUEUE, bytes([number]) * 32, body, b"", node.key.public)
        await node.enqueue([Wallet().create()])
    neighbours = [row[0].hex() for row in await cx.fetch("SELECT tx_id FROM ledger.backlog WHERE seal <> ''")]
    await node.build_all()
    ended = await rejections(database)
    assert set(ended) == {(bytes([number]) * 32).hex() for number in range(len(bodies))}
    assert all(ended.values())
    assert set(await transactions.find_valid(database, neighbours)) == set(neighbours)
    assert await audit(cx, [*ended, *neighbours]) == []


async def test_a_sealed_body_under_another_id_is_not_lost(
    database: Database, cx: asyncpg.Connection, node: LedgerNode
) -> None:
    document = Wallet().create()
    await node.enqueue([document])
    await cx.execute("UPDATE ledger.backlog SET tx_id = $1", bytes(32))
    await node.build_all()
    assert await audit(cx, [bytes(32).hex()]) == []


async def test_an_unreadable_row_does_not_keep_its_outputs(
    database: Database, cx: asyncpg.Connection, node: LedgerNode
) -> None:
    wallet = Wallet()
    source = wallet.create()
    await node.make_valid([source])
    await node.enqueue([wallet.transfer(source)])
    await cx.execute("UPDATE ledger.backlog SET body = 'garbage'")
    await node.build_all()
    assert await cx.fetchval("SELECT count(*) FROM ledger.backlog_spends") == 0


@pytest.mark.parametrize("fault", [Fault.LOSE, Fault.LOSE_ANSWER])
async def test_a_round_whose_commit_is_unknown_happened_wholly_or_not_at_all(
    database: Database, ledger_dsn: str, cx: asyncpg.Connection, node: LedgerNode, fault: Fault
) -> None:
    wallet = Wallet()
    source = wallet.create([1, 1])
    await node.make_valid([source])
    posted = [wallet.transfer(source, [0]), wallet.transfer(source, [0]), wallet.transfer(source, [1])]
    await node.enqueue(posted)
    async with CuttingProxy(ledger_dsn).running() as proxy:
        broken = await Database.connect(PoolOptions(proxy.dsn))
        proxy.arm(fault)
        with pytest.raises(CommitUnknown):
            await node.builder(broken).step()
        assert await audit(cx, [id_of(each) for each in posted]) == []
        assert (await node.builder(broken).step()).taken == (3 if fault is Fault.LOSE else 0)
        await broken.close()
    assert len(await valid(database, posted)) == 2
    assert list((await rejections(database)).values()) == ["DoubleSpend"]
    assert await audit(cx, [id_of(each) for each in posted]) == []


async def test_a_copy_of_a_valid_transaction_is_dropped_and_stays_valid(
    database: Database, cx: asyncpg.Connection, node: LedgerNode
) -> None:
    wallet = Wallet()
    source = wallet.create()
    moved = wallet.transfer(source)
    await node.make_valid([source])
    await node.make_valid([moved])
    await node.make_valid([source, moved])
    assert await valid(database, [source, moved]) == {id_of(source), id_of(moved)}
    assert await rejections(database) == {}
    assert await cx.fetchval("SELECT count(*) FROM ledger.backlog_spends") == 0
    assert await audit(cx, [id_of(source), id_of(moved)]) == []


async def test_pages_of_rejections_leave_none_out(database: Database, node: LedgerNode) -> None:
    wallet = Wallet()
    source = wallet.create()
    await node.make_valid([source])
    for _ in range(3):
        await node.make_valid([wallet.transfer(source) for _ in range(25)])
    seen: list[str] = []
    before = None
    while page := await Rejections(database).page(before=before, limit=10):
        seen += [entry.tx_id for entry in page]
        before = page[-1].rejected_at
    assert len(seen) == len(set(seen)) == 3 * 25 - 1
