"""A federation's nodes on a real shared log: claims, votes, releases, and what a hostile writer can do there."""

import asyncio
import json
from collections import Counter
from typing import Any

import pytest
from tests.federation import alice, bob, carol, created, sent
from tests.storage.federation_node import FederationNode, federation_of, make_node, settle

from lamina.formats.canonical_json import encode
from lamina.formats.signatures import KeyPair
from lamina.kernel.errors import LaminaError
from lamina.services.ledger.errors import DoubleSpend, LedgerConflict
from lamina.services.ledger.model.block import LedgerBlock, seal_block
from lamina.services.ledger.model.log_outcome import Appended, Conflict, TooLate
from lamina.services.ledger.model.stored import Flaw
from lamina.services.ledger.model.transaction import Transaction
from lamina.services.ledger.model.vote import sign_vote
from lamina.services.ledger.model.waiting import Release, Submission
from lamina.services.ledger.pipeline.verify import Verifier
from lamina.services.ledger.rules.form import parse_transaction
from lamina.services.ledger.store import blocks, outputs, transactions
from lamina.services.ledger.store.rejected import Rejections

Document = dict[str, Any]


def read(document: Document) -> Transaction:
    return parse_transaction(document)


async def accept(node: FederationNode, *documents: Document) -> list[LaminaError | None]:
    return await node.acceptance.accept([read(document) for document in documents])


async def statuses(nodes: list[FederationNode], document: Document) -> set[str | None]:
    return {await transactions.find_status(node.database, document["id"]) for node in nodes}


async def rejected(node: FederationNode) -> dict[str, str]:
    found = await Rejections(node.log._database, "ledger_log").page(before=None, limit=100_000)
    return {entry.tx_id: entry.reason for entry in found}


async def flaws(nodes: list[FederationNode]) -> list[Flaw]:
    found: list[Flaw] = []
    members = {node.key.public for node in nodes}
    for node in nodes:
        await Verifier(node.database, members, found=found.append, advanced=lambda _: None).run()
    return found


async def log_rows(node: FederationNode, query: str, *values: object) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in await node.log._database.fetch("test.read", query, *values)]


async def write(node: FederationNode, query: str, *values: object) -> None:
    """What the owner of the shared database, or a member with a client of its own, could write."""
    await node.log._database.store("test.write", query, *values)


async def insert_raw(node: FederationNode, body: bytes, block_id: str) -> None:
    await write(
        node,
        """
        WITH placed AS (UPDATE ledger_log.head SET seq = seq + 1, tip = $1 RETURNING seq)
        INSERT INTO ledger_log.blocks (seq, prev, block_id, body)
        SELECT seq, (SELECT block_id FROM ledger_log.blocks ORDER BY seq DESC LIMIT 1), $1, $2 FROM placed
        """,
        block_id,
        body,
    )


def sealed(nodes: list[FederationNode], *documents: Document, voters: list[str] | None = None) -> LedgerBlock:
    members = sorted(node.key.public for node in nodes)
    return seal_block(
        [read(document) for document in documents],
        node=nodes[0].key, voters=members if voters is None else voters, timestamp="1500000001",
    )  # fmt: skip


async def test_what_any_node_accepts_becomes_valid_on_all(postgres: str) -> None:
    async with federation_of(3, postgres) as nodes:
        asset = created(amount=2, word="clarinet")
        assert await accept(nodes[1], asset) == [None]
        await settle(nodes)
        assert await statuses(nodes, asset) == {"valid"}
        handed_on = sent(asset, bob, amount=2)
        assert await accept(nodes[2], handed_on) == [None]
        await settle(nodes)
        assert await statuses(nodes, handed_on) == {"valid"}
        for node in nodes:
            spenders = await outputs.find_spenders(node.database, read(handed_on).spends[0])
            assert [body for _, body in spenders] == [read(handed_on).body]
        assert await flaws(nodes) == []
        assert await log_rows(nodes[0], "SELECT count(*) FROM ledger_log.backlog") == [(0,)]


@pytest.mark.timeout(180)
@pytest.mark.parametrize("outputs_count", [500, pytest.param(2000, marks=pytest.mark.soak)])
async def test_of_eight_spenders_of_every_output_one_wins(postgres: str, outputs_count: int) -> None:
    """Two of the eight wait for each of four nodes, whose blocks race for the same outputs."""
    spenders = 8
    async with federation_of(4, postgres) as nodes:
        assets = [created(n=n) for n in range(outputs_count)]
        for start in range(0, outputs_count, 500):
            assert set(await accept(nodes[0], *assets[start : start + 500])) == {None}
        await settle(nodes)
        owners = [KeyPair.generate() for _ in range(spenders)]
        rivals = {
            tx.id: (tx, number)
            for asset in assets
            for number, owner in enumerate(owners)
            if (tx := read(sent(asset, owner)))
        }
        needs_seq = (await nodes[0].log.read_head()).seq
        submissions = [
            Submission(tx, nodes[number % 4].key.public, needs_seq) for tx, number in rivals.values()
        ]
        for start in range(0, len(submissions), 1000):
            await nodes[0].log.submit(submissions[start : start + 1000])
        await settle(nodes)
        ends = await rejected(nodes[0])
        assert Counter(ends.values()) == {"DoubleSpend": outputs_count * (spenders - 1)}
        winners = rivals.keys() - ends.keys()
        assert len({rivals[tx_id][0].spends[0] for tx_id in winners}) == len(winners) == outputs_count
        for node in nodes:
            valid = await transactions.find_valid(node.database, sorted(winners))
            assert valid.keys() == winners
        assert await log_rows(nodes[0], "SELECT count(*) FROM ledger_log.backlog") == [(0,)]


async def test_votes_that_come_before_their_blocks_are_no_flaw(postgres: str) -> None:
    async with federation_of(3, postgres) as nodes:
        await settle(nodes)
        for number in range(3):
            await accept(nodes[2], created(n=number))
            await settle(nodes[:2])
        while (await nodes[2].decider.step()).looked_at:
            pass
        ahead = "SELECT 1 FROM ledger.votes v WHERE NOT EXISTS (SELECT FROM ledger.log WHERE block_id = v.block_id)"
        assert len(await nodes[2].database.fetch("test.read", ahead)) >= 4
        assert await flaws(nodes) == []
        await settle(nodes)
        assert await flaws(nodes) == []


async def test_a_block_enters_with_all_its_claims_or_not_at_all(postgres: str) -> None:
    async with federation_of(3, postgres) as nodes:
        asset, other = created(n=1), created(n=2)
        await accept(nodes[0], asset, other)
        await settle(nodes)
        first, second = sent(asset, bob), sent(asset, carol)
        log = nodes[0].log
        await log.submit([Submission(read(each), nodes[0].key.public) for each in (first, second)])
        assert isinstance(await log.append(sealed(nodes, first), below_seq=None), Appended)
        bystander = sent(other, bob)
        await log.submit([Submission(read(bystander), nodes[0].key.public)])
        outcome = await log.append(sealed(nodes, bystander, second), below_seq=None)
        assert outcome == Conflict(frozenset({second["id"]}))
        assert await log.find_status(bystander["id"]) == "backlog"
        assert await log.append(sealed(nodes, first), below_seq=None) == Conflict(frozenset({first["id"]}))
        assert await log.append(sealed(nodes, created(n=3)), below_seq=None) != Appended(4)
        head = await log.read_head()
        assert isinstance(await log.append(sealed(nodes, bystander), below_seq=head.seq + 1), TooLate)
        assert await log.find_status(bystander["id"]) == "backlog"
        await settle(nodes)
        assert await rejected(nodes[0]) == {second["id"]: "DoubleSpend"}
        assert await statuses(nodes, bystander) == {"valid"}


async def test_a_rival_that_waits_is_known_at_the_door(postgres: str) -> None:
    async with federation_of(2, postgres) as nodes:
        asset = created()
        await accept(nodes[0], asset)
        await settle(nodes)
        assert await accept(nodes[0], sent(asset, bob)) == [None]
        refusal = (await accept(nodes[1], sent(asset, carol)))[0]
        assert isinstance(refusal, DoubleSpend)
        assert refusal.detail == f"input `{asset['id']}` was already spent"


async def test_an_input_that_another_node_has_not_copied_yet_is_waited_for(postgres: str) -> None:
    async with federation_of(2, postgres) as nodes:
        asset = created()
        await accept(nodes[0], asset)
        await settle(nodes)
        laggard = await _laggard(nodes)
        transfer = sent(asset, bob)
        needs = (await nodes[0].log.read_head()).seq
        await nodes[0].log.submit([Submission(read(transfer), laggard.key.public, needs)])
        built = await laggard.builder.step()
        assert (built.taken, built.blocks, built.refused) == (1, [], [])
        assert await laggard.log.find_status(transfer["id"]) == "backlog"
        while await laggard.follower.step() or (await laggard.decider.step()).looked_at:
            laggard.builder.look_again()
        assert len((await laggard.builder.step()).blocks) == 1


async def test_a_node_that_lost_its_copy_makes_it_again_under_the_same_key(postgres: str) -> None:
    async with federation_of(2, postgres) as nodes:
        asset = created()
        await accept(nodes[0], asset)
        await settle(nodes)
        votes = await log_rows(nodes[0], "SELECT body FROM ledger_log.votes ORDER BY position")
        lost = await _laggard(nodes)
        again = make_node(lost.key, lost.database, lost.log, [node.key.public for node in nodes])
        await settle([nodes[0], again])
        assert await statuses([again], asset) == {"valid"}
        assert await log_rows(nodes[0], "SELECT body FROM ledger_log.votes ORDER BY position") == votes
        handed_on = sent(asset, bob)
        assert await accept(again, handed_on) == [None]
        await settle([nodes[0], again])
        assert await statuses([nodes[0], again], handed_on) == {"valid"}
        evidence = [await node.database.fetch("test.read", "SELECT * FROM ledger.evidence") for node in nodes]
        assert evidence == [[], []]
        assert await flaws([nodes[0], again]) == []


async def _laggard(nodes: list[FederationNode]) -> FederationNode:
    """The second node with an empty copy, as after a move to a new machine."""
    node = nodes[1]
    for statement in (
        "TRUNCATE ledger.log, ledger.votes, ledger.decisions, ledger.tx_index, ledger.claims, ledger.owners",
        "TRUNCATE ledger.assets, ledger.unspent, ledger.checkpoints",
        "UPDATE ledger.log_head SET seq = 0, tip = ''",
        "UPDATE ledger.decision_head SET position = 0",
        "UPDATE ledger.vote_cursor SET position = 0",
    ):
        await node.database.store("test.empty", statement)
    return node


async def test_a_poison_block_is_voted_down_and_its_good_transactions_become_valid(postgres: str) -> None:
    async with federation_of(3, postgres) as nodes:
        good, forged = created(n=1), created(n=2)
        forged["inputs"][0]["fulfillment"] = created(n=3)["inputs"][0]["fulfillment"]
        await nodes[0].log.submit([Submission(read(each), nodes[0].key.public) for each in (good, forged)])
        block = sealed(nodes, good, forged)
        assert isinstance(await nodes[0].log.append(block, below_seq=None), Appended)
        await settle(nodes)
        for node in nodes:
            assert (await blocks.find_status(node.database, block.id)).word == "invalid"  # type: ignore[union-attr]
            assert await blocks.list_containing(node.database, forged["id"], None) == [block.id]
        await _wait_for_retry(nodes[0])
        await settle(nodes)
        assert await statuses(nodes, good) == {"valid"}
        assert await rejected(nodes[0]) == {forged["id"]: "InvalidSignature"}
        assert await flaws(nodes) == []


async def _wait_for_retry(node: FederationNode) -> None:
    """What left an invalid block waits a second before it is taken again; the test does not."""
    await write(node, "UPDATE ledger_log.backlog SET not_before = now()")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00\xff",
        b"[" * 300,
        b'{"block": {}, "id": "", "signature": ""}',
        b"{" + b'"a":1,' * 9 + b'"b":0}',
    ],
    ids=["empty", "no text", "too deep", "no block", "other document"],
)
async def test_bytes_that_are_no_block_stop_nobody(postgres: str, body: bytes) -> None:
    async with federation_of(2, postgres) as nodes:
        await settle(nodes)
        await insert_raw(nodes[0], body, "ab" * 32)
        asset = created()
        await accept(nodes[1], asset)
        await settle(nodes)
        for node in nodes:
            assert (await blocks.find_status(node.database, "ab" * 32)).word == "invalid"  # type: ignore[union-attr]
        assert await statuses(nodes, asset) == {"valid"}


async def test_a_creator_that_names_itself_as_the_only_voter_decides_nothing(postgres: str) -> None:
    async with federation_of(3, postgres) as nodes:
        asset = created()
        await nodes[0].log.submit([Submission(read(asset), nodes[0].key.public)])
        block = sealed(nodes, asset, voters=[nodes[0].key.public])
        await nodes[0].log.append(block, below_seq=None)
        await settle(nodes)
        for node in nodes:
            assert (await blocks.find_status(node.database, block.id)).word == "invalid"  # type: ignore[union-attr]


async def test_a_transaction_is_given_up_after_three_invalid_blocks(postgres: str) -> None:
    async with federation_of(2, postgres) as nodes:
        asset = created()
        tx = read(asset)
        await nodes[0].log.submit([Submission(tx, nodes[0].key.public)])
        for attempt in range(3):
            block = sealed(nodes, asset, voters=[nodes[attempt % 2].key.public, "1" * attempt])
            assert isinstance(await nodes[0].log.append(block, below_seq=None), Appended)
            for _ in range(2):  # every node lets go of it; the first call counts
                await nodes[0].log.release(Release(block.id, [(tx, nodes[1].key.public)]))
            expected = "backlog" if attempt < 2 else None
            assert await nodes[0].log.find_status(asset["id"]) == expected
        assert await rejected(nodes[0]) == {asset["id"]: "InvalidBlock"}


async def test_nobody_can_vote_in_anothers_name_or_keep_its_vote_out(postgres: str) -> None:
    async with federation_of(3, postgres) as nodes:
        asset = created()
        await nodes[0].log.submit([Submission(read(asset), nodes[0].key.public)])
        block = sealed(nodes, asset)
        await nodes[0].log.append(block, below_seq=None)
        genesis = json.loads(block.body)  # only its place is needed
        assert genesis["id"] == block.id
        previous = (await log_rows(nodes[0], "SELECT block_id FROM ledger_log.blocks WHERE seq = 1"))[0][0]
        for victim in nodes[1:]:
            vote = sign_vote(
                nodes[0].key,
                block_id=block.id,
                previous_block=previous,
                is_valid=False,
                timestamp="1500000002",
            )
            forged = {**json.loads(vote.body), "node_pubkey": victim.key.public}
            await write(
                nodes[0],
                """
                WITH moved AS (UPDATE ledger_log.vote_head SET position = position + 1 RETURNING position)
                INSERT INTO ledger_log.votes SELECT position, $1, $2, sha256($2) FROM moved
                """,
                block.id,
                encode(forged),
            )
        await settle(nodes)
        assert await statuses(nodes, asset) == {"valid"}
        for node in nodes:
            voters = await node.database.fetch("test.read", "SELECT voter FROM ledger.votes")
            assert sorted(row["voter"] for row in voters) == sorted(each.key.public for each in nodes)


async def test_a_node_that_votes_twice_is_convicted_by_its_own_signatures(postgres: str) -> None:
    async with federation_of(3, postgres) as nodes:
        asset = created()
        await nodes[0].log.submit([Submission(read(asset), nodes[0].key.public)])
        block = sealed(nodes, asset)
        await nodes[0].log.append(block, below_seq=None)
        await settle(nodes)
        previous = (await log_rows(nodes[0], "SELECT block_id FROM ledger_log.blocks WHERE seq = 1"))[0][0]
        second = sign_vote(
            nodes[2].key, block_id=block.id, previous_block=previous, is_valid=False, timestamp="1500000009"
        )
        await nodes[2].log.publish_vote(second)
        await settle(nodes)
        for node in nodes:
            rows = await node.database.fetch("test.read", "SELECT voter, second FROM ledger.evidence")
            assert [(row["voter"], row["second"]) for row in rows] == [(nodes[2].key.public, second.body)]
        assert await statuses(nodes, asset) == {"valid"}


async def test_two_processes_of_one_node_never_vote_twice(postgres: str) -> None:
    async with federation_of(2, postgres) as nodes:
        for n in range(3):
            await nodes[0].log.submit([Submission(read(created(n=n)), nodes[0].key.public)])
            await nodes[0].builder.step()
        members = [node.key.public for node in nodes]
        twin = make_node(nodes[1].key, nodes[1].database, nodes[1].log, members)
        for _ in range(3):
            await asyncio.gather(nodes[1].follower.step(), twin.follower.step(), nodes[1].follower.step())
        chain = await log_rows(nodes[0], "SELECT block_id FROM ledger_log.blocks ORDER BY seq")
        published = [
            json.loads(body) for (body,) in await log_rows(nodes[0], "SELECT body FROM ledger_log.votes")
        ]
        places = [(vote["vote"]["previous_block"], vote["vote"]["voting_for_block"]) for vote in published]
        assert sorted(places) == sorted((chain[n][0], chain[n + 1][0]) for n in range(3))
        assert {vote["node_pubkey"] for vote in published} == {nodes[1].key.public}


async def test_a_block_that_hangs_on_an_undecided_one_is_voted_on_after_it(postgres: str) -> None:
    async with federation_of(2, postgres) as nodes:
        asset = created()
        handed_on = sent(asset, bob)
        for document in (asset, handed_on):
            await nodes[0].log.submit([Submission(read(document), nodes[0].key.public)])
            await nodes[0].log.append(sealed(nodes, document), below_seq=None)
        assert await nodes[0].follower.step() == 1
        assert await nodes[0].follower.step() == 1  # the genesis block came alone
        assert await nodes[0].follower.step() == 0
        await settle(nodes)
        assert await statuses(nodes, handed_on) == {"valid"}


@pytest.mark.parametrize(
    "lie",
    [
        "UPDATE ledger_log.blocks SET seq = seq + 1 WHERE seq = (SELECT max(seq) FROM ledger_log.blocks)",
        "UPDATE ledger_log.blocks SET prev = repeat('0', 64) WHERE seq = (SELECT max(seq) FROM ledger_log.blocks)",
    ],
    ids=["a gap", "another predecessor"],
)
async def test_a_log_that_contradicts_the_copy_halts_the_node(postgres: str, lie: str) -> None:
    async with federation_of(2, postgres) as nodes:
        first, second = created(n=1), created(n=2)
        await accept(nodes[0], first)
        await settle(nodes)
        await accept(nodes[0], second)
        for node in nodes:
            await node.builder.step()
        await write(nodes[0], lie)
        for node in nodes:
            with pytest.raises(LedgerConflict):
                await node.follower.step()
        assert await statuses(nodes, first) == {"valid"}
        assert await statuses(nodes, second) == {None}


def test_the_fixtures_wallets_differ() -> None:
    assert len({alice.public, bob.public, carol.public}) == 3
