"""Members join and leave by changes that a majority has signed; everybody sees the same members everywhere."""

import json

import pytest
from tests.federation import created
from tests.storage.federation_node import FederationNode, extra_node, federation_of, settle

from lamina.formats.canonical_json import encode
from lamina.formats.signatures import KeyPair
from lamina.services.ledger.errors import LedgerConflict, ValidationError
from lamina.services.ledger.model.membership import ADD, REMOVE, Change, Membership
from lamina.services.ledger.rules.form import parse_transaction
from lamina.services.ledger.rules.membership import merge, open_change, propose, sign
from lamina.services.ledger.store import transactions

GENESIS = "ab" * 32


async def make_valid(nodes: list[FederationNode], n: int) -> str:
    """One transaction, accepted by the first node; valid on every node."""
    document = created(n=n)
    assert await nodes[0].acceptance.accept([parse_transaction(document)]) == [None]
    await settle(nodes)
    for node in nodes:
        assert await transactions.find_status(node.database, document["id"]) == "valid"
    return document["id"]


async def voters_of_tip(node: FederationNode) -> set[str]:
    row = await node.database.fetchrow("test.tip", "SELECT body FROM ledger.log ORDER BY seq DESC LIMIT 1")
    assert row is not None
    return set(json.loads(row["body"])["block"]["voters"])


async def genesis_of(node: FederationNode) -> str:
    return await node.database.fetchval("test.genesis", "SELECT block_id FROM ledger.log WHERE seq = 1")


async def change_signed_by(node: FederationNode, change: Change, signers: list[KeyPair]) -> bytes:
    body = propose(change, node.roster(), await genesis_of(node))
    return merge([sign(body, signer) for signer in signers])


async def test_a_node_joins_and_another_leaves(postgres: str) -> None:
    async with federation_of(3, postgres) as nodes, extra_node(nodes, postgres) as newcomer:
        await make_valid(nodes, 1)
        joined_at = (await nodes[0].log.read_head()).seq + 1
        joining = Change(joined_at, ADD, newcomer.key.public)
        await nodes[0].log.record_change(
            await change_signed_by(nodes[0], joining, [nodes[0].key, nodes[2].key])
        )
        await settle([*nodes, newcomer])
        everybody = [*nodes, newcomer]
        await make_valid(everybody, 2)
        for node in everybody:
            assert await voters_of_tip(node) == {each.key.public for each in everybody}
        votes = await newcomer.database.fetchval(
            "test.votes", "SELECT count(*) FROM ledger.votes WHERE voter = $1", newcomer.key.public
        )
        assert votes == 1  # the blocks before it was a member it has copied without a vote
        left_at = (await nodes[0].log.read_head()).seq + 1
        leaving = Change(left_at, REMOVE, nodes[1].key.public)
        signers = [nodes[0].key, nodes[2].key, newcomer.key]
        await newcomer.log.record_change(await change_signed_by(newcomer, leaving, signers))
        await settle(everybody)
        staying = [nodes[0], nodes[2], newcomer]
        await make_valid(staying, 3)
        assert await voters_of_tip(nodes[0]) == {each.key.public for each in staying}


async def test_a_change_without_a_majority_changes_nothing(postgres: str) -> None:
    async with federation_of(4, postgres) as nodes:
        await make_valid(nodes, 1)
        at = (await nodes[0].log.read_head()).seq + 1
        change = Change(at, ADD, KeyPair.generate().public)
        await nodes[0].log.record_change(
            await change_signed_by(nodes[0], change, [nodes[0].key, nodes[1].key])
        )
        await nodes[0].log.record_change(b"no change at all")
        await make_valid(nodes, 2)
        assert await voters_of_tip(nodes[0]) == {node.key.public for node in nodes}


async def test_a_change_put_in_behind_the_copy_is_a_conflict(postgres: str) -> None:
    async with federation_of(3, postgres) as nodes:
        await make_valid(nodes, 1)
        change = Change(2, ADD, KeyPair.generate().public)
        body = await change_signed_by(nodes[0], change, [node.key for node in nodes])
        await nodes[0].log._database.store(
            "test.write", "INSERT INTO ledger_log.changes VALUES (1, 1, $1)", body
        )
        for node in nodes:
            with pytest.raises(LedgerConflict):
                await node.follower.step()


keys = [KeyPair.generate() for _ in range(3)]
newcomer_key = KeyPair.generate().public
three = Membership.of(key.public for key in keys)
good = Change(10, ADD, newcomer_key)


def signed(change: Change, signers: int = 2, membership: Membership = three) -> bytes:
    body = propose(change, membership, GENESIS)
    return merge([sign(body, key) for key in keys[:signers]])


def opened(body: bytes, membership: Membership = three, genesis: str = GENESIS, recorded: int = 5) -> Change:
    return open_change(body, membership, genesis=genesis, recorded_seq=recorded)


def test_a_majority_is_enough() -> None:
    assert opened(signed(good)) == good


@pytest.mark.parametrize(
    "refused",
    [
        lambda: opened(signed(good, signers=1)),
        lambda: opened(signed(good), genesis="cd" * 32),
        lambda: opened(signed(good), recorded=10),
        lambda: opened(signed(good), three.with_change(Change(12, REMOVE, keys[0].public))),
        lambda: opened(signed(good), three.with_change(Change(8, REMOVE, keys[2].public))),
        lambda: opened(signed(Change(10, ADD, keys[1].public))),
        lambda: opened(signed(Change(10, ADD, "no key"))),
        lambda: opened(signed(Change(10, REMOVE, newcomer_key))),
        lambda: opened(signed(Change(10, "promote", newcomer_key))),
        lambda: opened(signed(good).replace(newcomer_key.encode(), KeyPair.generate().public.encode())),
        lambda: opened(b"{}"),
        lambda: opened(b"\xff"),
        lambda: merge([signed(good), signed(Change(11, ADD, newcomer_key))]),
        lambda: opened(sign(propose(Change(10, REMOVE, keys[0].public), alone, GENESIS), keys[0]), alone),
    ],
    ids=[
        "one of three", "another chain", "begins in the past", "a later one is decided", "other members",
        "a member already", "no key", "not a member", "another operation", "changed after signing",
        "empty", "no text", "not one change", "the last member",
    ],
)  # fmt: skip
def test_what_no_change_may_be(refused) -> None:
    with pytest.raises(ValidationError):
        refused()


alone = Membership.of([keys[0].public])


def test_signatures_of_strangers_do_not_count() -> None:
    strangers = [KeyPair.generate() for _ in range(5)]
    body = propose(good, three, GENESIS)
    with pytest.raises(ValidationError, match="1 of 3 members"):
        opened(merge([sign(body, key) for key in (keys[0], *strangers)]))


def test_members_are_those_of_each_position() -> None:
    changed = three.with_change(good).with_change(Change(20, REMOVE, keys[0].public))
    assert changed.at(9) == three.genesis
    assert changed.at(10) == changed.at(19) == three.genesis | {newcomer_key}
    assert changed.at(20) == changed.at(10**9) == (three.genesis | {newcomer_key}) - {keys[0].public}
    assert (changed.next_change(0), changed.next_change(10), changed.next_change(20)) == (10, 20, None)
    assert encode(json.loads(signed(good))) == signed(good)
