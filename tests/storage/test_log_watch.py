"""What the owner of the shared database changes in the log's past is seen by every node."""

import pytest
from tests.federation import created
from tests.storage.federation_node import FederationNode, federation_of, settle

from lamina.services.ledger.errors import LedgerConflict
from lamina.services.ledger.model.entry import Range
from lamina.services.ledger.rules.form import parse_transaction
from lamina.services.ledger.store.verified_copy import VerifiedCopy

TAMPERED = {
    "a block rewritten": "UPDATE ledger_log.blocks SET body = body || ' ' WHERE seq = 3",
    "a block renamed": "UPDATE ledger_log.blocks SET block_id = repeat('0', 64) WHERE seq = 4",
    "an old block deleted": "DELETE FROM ledger_log.blocks WHERE seq = 3",
    "the newest block deleted": "DELETE FROM ledger_log.blocks WHERE seq = 4",
    "the newest block and the head taken back": "WITH gone AS (DELETE FROM ledger_log.blocks WHERE seq = 4) "
    "UPDATE ledger_log.head SET seq = 3, tip = (SELECT block_id FROM ledger_log.blocks WHERE seq = 3)",
    "a block put in": "INSERT INTO ledger_log.blocks (seq, prev, block_id, body) "
    "VALUES (99, 'nothing', repeat('f', 64), 'x')",
}


async def grown(nodes: list[FederationNode]) -> None:
    for n in range(3):
        await nodes[0].acceptance.accept([parse_transaction(created(n=n))])
        await settle(nodes)
    for node in nodes:
        await node.watch.step()


@pytest.mark.parametrize("statement", TAMPERED.values(), ids=TAMPERED)
async def test_a_changed_past_is_a_conflict_on_every_node(postgres: str, statement: str) -> None:
    async with federation_of(2, postgres) as nodes:
        await grown(nodes)
        database = nodes[0].log._database
        await database.store("test.untie", "DELETE FROM ledger_log.votes")
        await database.store("test.tamper", statement)
        for node in nodes:
            with pytest.raises(LedgerConflict):
                await node.watch.step()


async def test_older_blocks_are_compared_in_turn_whatever_their_versions(
    postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lamina.services.ledger.consensus.watch.WINDOW", 1)
    async with federation_of(2, postgres) as nodes:
        await grown(nodes)
        await nodes[0].log._database.store(
            "test.tamper", "UPDATE ledger_log.blocks SET body = body || ' ' WHERE seq = 2"
        )
        forged = await nodes[1].log.read_versions(Range(0, 4))
        copy = VerifiedCopy(nodes[1].database)
        await copy.run("test.forge", lambda cx: cx.remember_versions(forged))
        seen = [await conflicts(nodes[1]) for _ in range(4)]
        assert True in seen


async def test_votes_counted_anew_after_a_restore_are_looked_at_again(postgres: str) -> None:
    async with federation_of(2, postgres) as nodes:
        await grown(nodes)
        database = nodes[0].log._database
        await database.store("test.restore", "DELETE FROM ledger_log.votes")
        await database.store("test.restore", "UPDATE ledger_log.vote_head SET position = 0")
        for node in nodes:
            await node.watch.step()
        await grown(nodes)


async def conflicts(node: FederationNode) -> bool:
    """Whether the node's next look finds the log changed."""
    try:
        await node.watch.step()
    except LedgerConflict:
        return True
    return False
