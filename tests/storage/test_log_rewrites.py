"""A row of a long log that was changed is seen within three looks, wherever it stands."""

import pytest
from tests.federation import created
from tests.storage.federation_node import FederationNode, federation_of, settle
from tests.storage.long_log import lengthen, remembered
from tests.storage.test_log_watch import conflicts

from lamina.services.ledger.consensus import rewrites
from lamina.services.ledger.consensus.rewrites import LOOKS, SPAN
from lamina.services.ledger.consensus.watch import Watch
from lamina.services.ledger.rules.form import parse_transaction
from lamina.services.ledger.store.restoration import restore
from lamina.services.ledger.store.verified_copy import VerifiedCopy

BLOCKS = 20_000
TAMPERED = {
    "rewritten": ["UPDATE ledger_log.blocks SET body = body || ' ' WHERE seq = 9000"],
    "renamed": ["UPDATE ledger_log.blocks SET block_id = repeat('0', 64) WHERE seq = 4096"],
    "deleted": ["DELETE FROM ledger_log.blocks WHERE seq = 12289"],
    "replaced": [
        "DELETE FROM ledger_log.blocks WHERE seq = 7000",
        "INSERT INTO ledger_log.blocks (seq, prev, block_id, body) VALUES (7000, '-', repeat('f', 64), 'x')",
    ],
    "two exchanged": [
        "UPDATE ledger_log.blocks SET seq = 90000 WHERE seq = 5000",
        "UPDATE ledger_log.blocks SET seq = 5000 WHERE seq = 16000",
        "UPDATE ledger_log.blocks SET seq = 16000 WHERE seq = 90000",
    ],
}


@pytest.fixture(autouse=True)
def _little_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is compared whatever its row says is next to nothing, so that only the rows tell."""
    monkeypatch.setattr("lamina.services.ledger.consensus.watch.WINDOW", 1)


async def looks_until_seen(node: FederationNode, most: int) -> int:
    """How many looks a node needs to see that the log has changed."""
    for look in range(1, most + 1):
        if await conflicts(node):
            return look
    raise AssertionError(f"not seen by {most} looks")


async def until_all_compared(node: FederationNode, blocks: int) -> int:
    """Look on until every block was compared; how many looks that takes."""
    for look in range(1, 60):
        await node.watch.step()
        if await remembered(node) == blocks:
            return look
    raise AssertionError("some blocks were never compared")


async def test_an_old_row_is_seen_within_three_looks_until_it_is_restored(postgres: str) -> None:
    async with federation_of(2, postgres) as nodes:
        await settle(nodes)
        last = await lengthen(nodes, BLOCKS)
        for node in nodes:
            await until_all_compared(node, last)
        log = nodes[0].log._database
        for statements in TAMPERED.values():
            for statement in statements:
                await log.store("test.tamper", statement)
            for node in nodes:
                await looks_until_seen(node, LOOKS)
                assert [await conflicts(node) for _ in range(2 * LOOKS)] == [True] * 2 * LOOKS
            assert (await restore(log, nodes[1].database, plan=False)).blocks in {1, 2}
            for node in nodes:
                assert not any([await conflicts(node) for _ in range(LOOKS)])


async def test_rows_written_anew_with_the_same_content_are_no_alarm_and_hide_none(
    postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with federation_of(1, postgres) as nodes:
        await settle(nodes)
        node, log = nodes[0], nodes[0].log._database
        last = await lengthen(nodes, BLOCKS)
        await until_all_compared(node, last)
        await log.store("test.rewrite", "UPDATE ledger_log.blocks SET body = body")  # as a dump restored
        with monkeypatch.context() as patched:
            patched.setattr(rewrites, "BATCH", 64)
            patched.setattr(rewrites, "STEP_BYTES", 64 * rewrites.BLOCK_BYTES_MIN)
            for _ in range(LOOKS):
                await node.watch.step()
            assert await remembered(node) < 1000
            await log.store("test.tamper", TAMPERED["rewritten"][0])
            await looks_until_seen(node, LOOKS)
        assert not (await restore(log, node.database, plan=False)).is_nothing
        await until_all_compared(node, last)
        await log.store("test.tamper", TAMPERED["deleted"][0])
        await looks_until_seen(node, LOOKS)


async def test_a_node_that_begins_again_knows_what_it_compared_before(postgres: str) -> None:
    async with federation_of(1, postgres) as nodes:
        await settle(nodes)
        node, log = nodes[0], nodes[0].log._database
        await until_all_compared(node, await lengthen(nodes, BLOCKS))
        await log.store("test.tamper", TAMPERED["rewritten"][0])  # while it is down
        node.watch = Watch(node.log, VerifiedCopy(node.database), rows_max=SPAN)
        spans = -(-BLOCKS // SPAN)
        assert await looks_until_seen(node, spans) == 9000 // SPAN + 1  # one part of the log a look


async def test_what_is_copied_is_known_at_once(postgres: str) -> None:
    async with federation_of(2, postgres) as nodes:
        for n in range(3):
            await nodes[0].acceptance.accept([parse_transaction(created(n=n))])
            await settle(nodes)
        assert [await remembered(node) for node in nodes] == [4, 4]
