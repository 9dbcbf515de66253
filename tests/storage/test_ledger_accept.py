"""Accepting posted transactions: durable before the answer, whatever becomes of the connection."""

import asyncio
import random
from collections.abc import AsyncIterator

import asyncpg
import pytest
from tests.cutting_proxy import CuttingProxy, Fault, is_execution
from tests.ledger_audit import audit
from tests.ledger_transactions import Document, Wallet, id_of
from tests.storage.ledger_node import LedgerNode, accept_all

from lamina.kernel.errors import CommitUnknown
from lamina.kernel.storage.database import Database, PoolOptions
from lamina.services.ledger.errors import DoubleSpend, InputDoesNotExist, InvalidSignature
from lamina.services.ledger.model.transaction import Transaction
from lamina.services.ledger.store import backlog, transactions

OUTPUTS, SPENDERS = 200, 4


@pytest.fixture
async def cx(ledger_dsn: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(ledger_dsn)
    yield connection
    await connection.close()


@pytest.fixture
async def node(database: Database) -> LedgerNode:
    return await LedgerNode(database).begin()


@pytest.fixture
async def other(ledger_dsn: str) -> AsyncIterator[Database]:
    """The pool of another worker."""
    database = await Database.connect(PoolOptions(ledger_dsn))
    yield database
    await database.close()


def accepted(documents: list[Document], outcomes: list[object]) -> list[str]:
    """Ids of those that would be answered 202."""
    return [
        id_of(each)
        for each, outcome in zip(documents, outcomes, strict=True)
        if isinstance(outcome, Transaction)
    ]


async def test_every_output_has_one_winner_when_workers_and_builder_race(
    node: LedgerNode, other: Database, cx: asyncpg.Connection
) -> None:
    wallet = Wallet()
    sources = [wallet.create([1] * 20) for _ in range(OUTPUTS // 20)]
    await node.make_valid(sources)
    spenders = [
        wallet.transfer(source, [index]) for source in sources for index in range(20) for _ in range(SPENDERS)
    ]
    random.Random(2).shuffle(spenders)
    halves = spenders[::2], spenders[1::2]
    builder = asyncio.create_task(node.builder().run())
    outcomes = await asyncio.gather(
        accept_all(node.intake(), halves[0]), accept_all(node.intake(other), halves[1])
    )
    while await backlog.count(node.database):
        await asyncio.sleep(0.02)
    builder.cancel()
    await asyncio.gather(builder, return_exceptions=True)

    refused = [each for half in outcomes for each in half if not isinstance(each, Transaction)]
    assert {type(each) for each in refused} <= {DoubleSpend}
    assert len(await transactions.find_valid(node.database, [id_of(each) for each in spenders])) == OUTPUTS
    promised = [*accepted(halves[0], outcomes[0]), *accepted(halves[1], outcomes[1])]
    assert await audit(cx, [*promised, *map(id_of, sources)]) == []


async def test_a_refused_transaction_does_not_fail_its_company(
    node: LedgerNode, cx: asyncpg.Connection
) -> None:
    wallet = Wallet()
    source = wallet.create([1, 1])
    await node.make_valid([source])
    forged = Wallet().create()
    forged["inputs"][0]["fulfillment"] = source["inputs"][0]["fulfillment"]
    documents = [
        wallet.create(),
        wallet.transfer(source, [0]),
        wallet.transfer(source, [0]),
        wallet.transfer(wallet.create()),
        forged,
        wallet.transfer(source, [1]),
    ]
    outcomes = await accept_all(node.intake(), documents)
    assert [type(outcome) for outcome in outcomes] == [
        Transaction,
        Transaction,
        DoubleSpend,
        InputDoesNotExist,
        InvalidSignature,
        Transaction,
    ]
    assert await audit(cx, accepted(documents, outcomes)) == []


async def test_a_transaction_posted_many_times_at_once_waits_once(
    node: LedgerNode, other: Database, cx: asyncpg.Connection
) -> None:
    document = Wallet().create()
    outcomes = await asyncio.gather(
        accept_all(node.intake(), [document] * 500), accept_all(node.intake(other), [document] * 500)
    )
    assert all(isinstance(each, Transaction) for half in outcomes for each in half)
    assert await backlog.count(node.database) == 1
    await node.build_all()
    assert await audit(cx, [id_of(document)]) == []


async def test_workers_that_get_the_same_transactions_in_another_order_do_not_block_each_other(
    node: LedgerNode, other: Database
) -> None:
    wallet = Wallet()
    for _ in range(8):
        documents = [wallet.create() for _ in range(200)]
        outcomes = await asyncio.gather(
            accept_all(node.intake(), documents), accept_all(node.intake(other), documents[::-1])
        )
        assert {type(each) for half in outcomes for each in half} == {Transaction}


async def test_a_row_whose_answer_was_lost_is_found_again_and_accepted(
    node: LedgerNode, ledger_dsn: str, cx: asyncpg.Connection
) -> None:
    document = Wallet().create()
    async with CuttingProxy(ledger_dsn).running() as proxy:
        database = await Database.connect(PoolOptions(proxy.dsn, connections_max=1))
        intake = node.intake(database)
        await accept_all(intake, [Wallet().create()])
        proxy.arm(Fault.LOSE_ANSWER, is_execution)
        assert [type(each) for each in await accept_all(intake, [document])] == [Transaction]
        assert proxy.broken == 1
        await database.close()
    assert await audit(cx, [id_of(document)]) == []


async def test_a_row_that_was_lost_is_not_accepted_and_can_be_posted_again(
    node: LedgerNode, ledger_dsn: str, cx: asyncpg.Connection
) -> None:
    document = Wallet().create()
    async with CuttingProxy(ledger_dsn).running() as proxy:
        database = await Database.connect(PoolOptions(proxy.dsn, connections_max=1))
        intake = node.intake(database)
        await accept_all(intake, [Wallet().create()])
        proxy.arm(Fault.LOSE, is_execution)
        assert [type(each) for each in await accept_all(intake, [document])] == [CommitUnknown]
        assert (
            await cx.fetchval(
                "SELECT count(*) FROM ledger.backlog WHERE tx_id = $1", bytes.fromhex(id_of(document))
            )
            == 0
        )
        assert [type(each) for each in await accept_all(intake, [document])] == [Transaction]
        await database.close()
    await node.build_all()
    assert await audit(cx, [id_of(document)]) == []
