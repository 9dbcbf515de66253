"""Nodes sign what can be spent, agree on it, and say so when they do not."""

import pytest
from tests.federation import alice, bob, created, sent
from tests.storage.federation_node import FederationNode, federation_of, settle

from lamina.formats.signatures import KeyPair
from lamina.services.ledger.consensus import checkpointer
from lamina.services.ledger.errors import CheckpointConflict, InvalidSignature, ValidationError
from lamina.services.ledger.model.checkpoint import Checkpoint, sign_checkpoint
from lamina.services.ledger.rules.checkpoint import open_checkpoint
from lamina.services.ledger.rules.form import parse_transaction
from lamina.services.ledger.rules.state_hash import hash_outputs
from lamina.services.ledger.store import checkpoints


@pytest.fixture(autouse=True)
def due_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpointer, "BLOCKS_MAX", 1)


async def grown(nodes: list[FederationNode]) -> list[tuple[str, int]]:
    """Blocks, and what can be spent after them."""
    asset, other = created(n=0), created(n=1, amount=3)
    handed_on = sent(asset, bob)
    for document in (asset, other, handed_on):
        assert await nodes[0].acceptance.accept([parse_transaction(document)]) == [None]
        await settle(nodes)
    return [(other["id"], 0), (handed_on["id"], 0)]


async def test_all_nodes_sign_the_same_state(postgres: str) -> None:
    async with federation_of(3, postgres) as nodes:
        unspent = await grown(nodes)
        made = [await node.checkpointer.step() for node in nodes]
        assert {each.state_hash for each in made if each} == {hash_outputs(unspent)}
        assert {each.seq for each in made if each} == {4}
        assert [await node.checkpointer.step() for node in nodes] == [None, None, None]
        for node in nodes:
            known = await checkpoints.page(node.database, limit=10)
            assert {each.node for each in known} == {each.key.public for each in nodes}


async def test_another_state_at_the_same_place_is_an_alarm(postgres: str) -> None:
    async with federation_of(2, postgres) as nodes:
        await grown(nodes)
        await nodes[1].database.store("test.lose", "DELETE FROM ledger.unspent")
        assert await nodes[1].checkpointer.step() is not None
        for _ in range(2):
            with pytest.raises(CheckpointConflict, match=nodes[1].key.public):
                await nodes[0].checkpointer.step()
        known = await checkpoints.page(nodes[0].database, limit=10)
        assert len({each.state_hash for each in known}) == 2


async def test_another_block_at_a_place_is_an_alarm(postgres: str) -> None:
    async with federation_of(2, postgres) as nodes:
        await grown(nodes)
        lie = sign_checkpoint(nodes[1].key, seq=3, block_id="ab" * 32, state_hash="cd" * 32)
        await nodes[1].log.publish_checkpoint(lie)
        with pytest.raises(CheckpointConflict):
            await nodes[0].checkpointer.step()


async def test_what_strangers_publish_is_ignored(postgres: str) -> None:
    async with federation_of(2, postgres) as nodes:
        await grown(nodes)
        stranger = sign_checkpoint(KeyPair.generate(), seq=3, block_id="ab" * 32, state_hash="cd" * 32)
        own = sign_checkpoint(nodes[1].key, seq=3, block_id="ab" * 32, state_hash="cd" * 32)
        forged = own.body.replace(nodes[1].key.public.encode(), nodes[0].key.public.encode())
        for body in (stranger.body, forged, b"nothing"):
            await nodes[0].log.publish_checkpoint(Checkpoint("", 0, "", "", body))
        assert await nodes[0].checkpointer.step() is not None


async def test_none_is_taken_while_a_block_below_is_undecided(postgres: str) -> None:
    async with federation_of(2, postgres) as nodes:
        await grown(nodes)
        await nodes[0].acceptance.accept([parse_transaction(created(n=9))])
        for node in nodes:
            await node.builder.step()
        await nodes[0].follower.step()  # one vote of two decides nothing
        made = await nodes[0].checkpointer.step()
        assert made is not None
        assert made.seq == 4


def test_a_checkpoint_is_its_signers() -> None:
    good = sign_checkpoint(alice, seq=7, block_id="ab" * 32, state_hash="cd" * 32)
    assert open_checkpoint(good.body) == good
    for broken in (b"", b"{}", good.body.replace(b":7,", b":-7,"), good.body.replace(b"abab", b"ABAB")):
        with pytest.raises(ValidationError):
            open_checkpoint(broken)
    with pytest.raises(InvalidSignature):
        open_checkpoint(good.body.replace(b":7,", b":8,"))


def test_the_hash_does_not_depend_on_order_and_does_on_everything_else() -> None:
    outputs = [(f"{number:064x}", number % 3) for number in range(10**60, 10**60 + 50)] + [("ff" * 32, 1)]
    assert hash_outputs(outputs) == hash_outputs(reversed(outputs))
    assert hash_outputs(outputs) != hash_outputs(outputs[1:])
    assert hash_outputs([("00" * 32, 1)]) != hash_outputs([("00" * 32, 2)])
