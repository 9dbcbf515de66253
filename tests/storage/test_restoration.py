"""Any honest node gives the shared log back what was changed in it or lost with it."""

import pytest
from tests.federation import bob, created, sent
from tests.storage.federation_node import FederationNode, federation_of, settle
from tests.storage.test_log_watch import TAMPERED

from lamina.kernel.storage import migrate
from lamina.services.ledger.rules.form import parse_transaction
from lamina.services.ledger.store import shared_log, transactions
from lamina.services.ledger.store.restoration import restore

Rows = list[tuple[object, ...]]


async def contents(node: FederationNode) -> list[Rows]:
    """What the log says, apart from when, and from the order in which votes were published."""
    found: list[Rows] = []
    for query in (
        "SELECT seq, prev, block_id, body FROM ledger_log.blocks ORDER BY seq",
        "SELECT seq, tip FROM ledger_log.head",
        "SELECT seq, tx_id FROM ledger_log.placed WHERE is_live ORDER BY seq, tx_id",
        "SELECT seq, input_tx_id, input_index, spender_tx_id FROM ledger_log.claims WHERE is_live ORDER BY 1, 2, 3",
        "SELECT block_id, body FROM ledger_log.votes ORDER BY block_id, body",
    ):
        rows = await node.log._database.fetch("test.read", query)
        found.append([tuple(row.values()) for row in rows])
    return found


async def grown(nodes: list[FederationNode]) -> None:
    asset = created(n=0)
    for document in (asset, sent(asset, bob), created(n=1)):
        assert await nodes[0].acceptance.accept([parse_transaction(document)]) == [None]
        await settle(nodes)
    for node in nodes:
        await node.watch.step()


async def works(nodes: list[FederationNode]) -> None:
    """The federation goes on."""
    for node in nodes:
        await node.watch.step()
    document = created(n=99)
    assert await nodes[1].acceptance.accept([parse_transaction(document)]) == [None]
    await settle(nodes)
    for node in nodes:
        assert await transactions.find_status(node.database, document["id"]) == "valid"


@pytest.mark.parametrize("statement", TAMPERED.values(), ids=TAMPERED)
async def test_one_node_restores_what_was_changed(postgres: str, statement: str) -> None:
    async with federation_of(2, postgres) as nodes:
        await grown(nodes)
        log = nodes[0].log._database
        before = await contents(nodes[0])
        await log.store("test.untie", "DELETE FROM ledger_log.votes")
        await log.store("test.tamper", statement)
        damaged = await contents(nodes[0])
        planned = await restore(log, nodes[1].database, plan=True)
        assert not planned.is_nothing
        assert await contents(nodes[0]) == damaged
        assert await restore(log, nodes[1].database, plan=False) == planned
        assert await contents(nodes[0]) == before
        assert (await restore(log, nodes[0].database, plan=False)).is_nothing
        await works(nodes)


async def test_a_dropped_log_is_built_again(postgres: str) -> None:
    async with federation_of(2, postgres) as nodes:
        await grown(nodes)
        log = nodes[0].log._database
        before = await contents(nodes[0])
        await log.store("test.drop", "DROP SCHEMA ledger_log CASCADE")
        await log.store("test.drop", "DELETE FROM lamina.migrations WHERE service = 'ledger_log'")
        await migrate.migrate(log, migrate.load(shared_log.NAME, shared_log.MIGRATIONS))
        restored = await restore(log, nodes[0].database, plan=False)
        assert (restored.blocks, restored.votes) == (4, 6)
        assert await contents(nodes[0]) == before
        await works(nodes)


async def test_what_the_log_has_beyond_the_copy_stays(postgres: str) -> None:
    async with federation_of(2, postgres) as nodes:
        await grown(nodes)
        document = created(n=50)
        assert await nodes[0].acceptance.accept([parse_transaction(document)]) == [None]
        for node in nodes:
            await node.builder.step()
        before = await contents(nodes[0])
        assert (await restore(nodes[0].log._database, nodes[0].database, plan=False)).is_nothing
        assert await contents(nodes[0]) == before
        await settle(nodes)
        assert await transactions.find_status(nodes[1].database, document["id"]) == "valid"
