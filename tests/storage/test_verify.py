"""`lamina ledger verify` on a real chain: nothing to report on a good one, every kind of tampering found."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest
from tests.postgres_server import drop_database, in_thread, new_database

from lamina.formats import transaction as build
from lamina.formats.signatures import KeyPair
from lamina.kernel.clock import SystemClock
from lamina.kernel.observability.statsd import Statsd
from lamina.kernel.storage.database import Database, PoolOptions
from lamina.kernel.storage.wakeup import Wakeups
from lamina.services.ledger.model.block import seal_block
from lamina.services.ledger.model.status import Status
from lamina.services.ledger.model.stored import Flaw
from lamina.services.ledger.model.vote import sign_vote
from lamina.services.ledger.pipeline.block import BlockBuilder
from lamina.services.ledger.pipeline.genesis import ensure_genesis
from lamina.services.ledger.pipeline.verify import Verification, Verifier
from lamina.services.ledger.rules.form import parse_transaction
from lamina.services.ledger.settings import LedgerSettings
from lamina.services.ledger.store import backlog, decisions, log, votes

TABLES = ("log_head", "log", "votes", "decision_head", "decisions", "tx_index", "claims", "owners", "assets")
LIVE = """
CREATE UNIQUE INDEX IF NOT EXISTS claims_live ON ledger.claims (input_tx_id, input_index)
 WHERE status IN (0, 1);
CREATE UNIQUE INDEX IF NOT EXISTS tx_index_live ON ledger.tx_index (tx_id) WHERE status IN (0, 1)
"""
NEWEST_VOTED = "SELECT block_id FROM ledger.log WHERE seq = 4"
Tamper = Callable[[asyncpg.Connection], Awaitable[Any]]


@dataclass(frozen=True)
class Chain:
    """A server, a database on it with a good chain of 4 blocks, and the node that made it."""

    server: str
    dsn: str
    node: KeyPair


def document(alice: KeyPair, **asset: Any) -> dict[str, Any]:
    return build.sign(build.create(alice.public, [(alice.public, 3)], asset, None), [alice])


def handed_on(alice: KeyPair, created: dict[str, Any], bob: KeyPair) -> dict[str, Any]:
    inputs = build.inputs_of(created)
    return build.sign(build.transfer(inputs, [(bob.public, 3)], created["id"], {"n": 1.5}), [alice])


async def connect(dsn: str) -> Database:
    return await Database.connect(PoolOptions(dsn, connections_max=2, application="test"))


async def grow(dsn: str, node: KeyPair) -> None:
    """Genesis, then three blocks: two CREATEs, a TRANSFER, and another CREATE with floats and odd text."""
    database = await connect(dsn)
    await ensure_genesis(database, node, SystemClock())
    wakeups = Wakeups(database, (backlog.CHANNEL,))
    clock, statsd = SystemClock(), Statsd("localhost")
    builder = BlockBuilder(database, wakeups, node, LedgerSettings(), clock=clock, statsd=statsd)
    alice, bob = KeyPair.generate(), KeyPair.generate()
    first, second = document(alice, word="violoncello"), document(alice, other=[1, {"deep": "text"}])
    odd = document(bob, odd={"float": 0.1 + 0.2, "text": "\x1f\u2028é", "long": 2**70})
    for batch in ([first, second], [handed_on(alice, first, bob)], [odd]):
        waiting = [(parse_transaction(each), b"nobody's seal") for each in batch]
        await backlog.insert(database, waiting, node.public)
        await builder.step()
    statsd.close()
    await database.close()


@pytest.fixture(scope="module")
def chain(postgres: str, ledger_template: str) -> Iterator[Chain]:
    made = Chain(postgres, new_database(postgres, ledger_template), KeyPair.generate())
    in_thread(grow(made.dsn, made.node))
    in_thread(keep(made.dsn))
    yield made
    drop_database(postgres, made.dsn)


async def flaws_after(chain: Chain, tampering: Tamper | str, *, first_seq: int = 1) -> list[Flaw]:
    """Verify the chain after somebody has tampered with it, and mend it again."""
    connection = await asyncpg.connect(chain.dsn)
    try:
        await (connection.execute(tampering) if isinstance(tampering, str) else tampering(connection))
        return (await verified(chain.dsn, {chain.node.public}, first_seq=first_seq))[0]
    finally:
        await mend(connection)
        await connection.close()


async def mend(connection: asyncpg.Connection) -> None:
    """Put every row back as it was kept by `keep`."""
    await connection.execute("".join(f"TRUNCATE ledger.{table};" for table in TABLES))
    for table in TABLES:
        await connection.execute(f"INSERT INTO ledger.{table} SELECT * FROM kept.{table}")
    await connection.execute(LIVE)


async def keep(dsn: str) -> None:
    """Copy every row aside."""
    connection = await asyncpg.connect(dsn)
    await connection.execute("CREATE SCHEMA kept")
    for table in TABLES:
        await connection.execute(f"CREATE TABLE kept.{table} AS TABLE ledger.{table}")
    await connection.close()


async def verified(dsn: str, members: set[str], *, first_seq: int = 1) -> tuple[list[Flaw], Verification]:
    flaws: list[Flaw] = []
    database = await connect(dsn)
    try:
        verifier = Verifier(database, members, found=flaws.append, advanced=lambda _: None)
        return flaws, await verifier.run(first_seq)
    finally:
        await database.close()


def kinds(flaws: list[Flaw]) -> set[str]:
    return {flaw.kind for flaw in flaws}


async def test_a_good_chain_has_no_flaw(chain: Chain) -> None:
    flaws, totals = await verified(chain.dsn, {chain.node.public})
    assert flaws == []
    assert (totals.blocks, totals.transactions, totals.votes, totals.flaws) == (4, 5, 3, 0)
    assert (totals.first_seq, totals.seq, totals.last_seq) == (1, 4, 4)


@pytest.mark.parametrize("first_seq", [2, 3, 4, 5])
async def test_a_part_of_a_good_chain_has_no_flaw(chain: Chain, first_seq: int) -> None:
    flaws, totals = await verified(chain.dsn, {chain.node.public}, first_seq=first_seq)
    assert flaws == []
    assert totals.blocks == 5 - first_seq


REPLACED_BYTE = """
UPDATE ledger.log SET body = overlay(body PLACING 'V'::bytea FROM position('violoncello'::bytea IN body))
 WHERE seq = 2
"""
SPACED = """
UPDATE ledger.log SET body = replace(encode(body, 'escape'), '"voters":', '"voters": ')::bytea WHERE seq = 3
"""
NOBODY = "INSERT INTO ledger.owners VALUES (sha256('key'), 2, 0, 0, sha256('transaction'))"
TAMPERING = {
    "a changed byte in a block": (REPLACED_BYTE, {"block_id", "block_signature", "transaction_form"}),
    "a space in a block": (
        SPACED,
        {"block_form"},
    ),
    "bytes that are no block": ("UPDATE ledger.log SET body = '[]' WHERE seq = 2", {"block_form"}),
    "another creator": (
        (
            "UPDATE ledger.log SET body = overlay(body PLACING "
            "CASE get_byte(body, 25) WHEN 65 THEN 'B'::bytea ELSE 'A'::bytea END FROM 26) WHERE seq = 3"
        ),
        {"block_creator", "block_id"},
    ),
    "a missing block": ("DELETE FROM ledger.log WHERE seq = 3", {"log_gap", "stray"}),
    "a missing last block": ("DELETE FROM ledger.log WHERE seq = 4", {"log_head", "log_gap", "stray"}),
    "a missing genesis": ("DELETE FROM ledger.log WHERE seq = 1", {"log_gap"}),
    "a wrong link": ("UPDATE ledger.log SET prev = repeat('0', 64) WHERE seq = 3", {"log_link"}),
    "a renamed block": (
        "UPDATE ledger.log SET block_id = repeat('0', 64) WHERE seq = 3",
        {"block_id", "log_link", "stray"},
    ),
    "a wrong head": ("UPDATE ledger.log_head SET tip = repeat('0', 64)", {"log_head"}),
    "a deleted vote": (
        "DELETE FROM ledger.votes v USING ledger.log l WHERE v.block_id = l.block_id AND l.seq = 3",
        {"election", "vote_chain"},
    ),
    "a vote turned round": (
        "UPDATE ledger.votes SET body = replace(encode(body, 'escape'), 'true', 'false')::bytea",
        {"election", "vote_form", "vote_signature"},
    ),
    "a vote's column": ("UPDATE ledger.votes SET is_valid = false", {"vote_form"}),
    "a vote moved to another block": (
        (
            "UPDATE ledger.votes v SET block_id = l.block_id FROM ledger.log l"
            " WHERE l.seq = 1 AND v.previous_block = l.block_id"
        ),
        {"vote", "election"},
    ),
    "a vote for no block": (
        (
            "INSERT INTO ledger.votes SELECT repeat('0', 64), voter, repeat('1', 64), true, body"
            " FROM ledger.votes LIMIT 1"
        ),
        {"stray"},
    ),
    "a deleted decision": ("DELETE FROM ledger.decisions WHERE seq = 3", {"election", "decision_head"}),
    "a decision turned round": ("UPDATE ledger.decisions SET status = 2 WHERE seq = 3", {"election"}),
    "a decision for another position": ("UPDATE ledger.decisions SET seq = 9 WHERE seq = 3", {"election"}),
    "a status in the index": ("UPDATE ledger.tx_index SET status = 2 WHERE seq = 2", {"tx_index"}),
    "an offset in the index": (
        "UPDATE ledger.tx_index SET byte_offset = byte_offset + 1 WHERE seq = 2 AND position = 1",
        {"tx_index"},
    ),
    "a missing index row": ("DELETE FROM ledger.tx_index WHERE seq = 4", {"tx_index"}),
    "an index row of no block": (
        (
            "INSERT INTO ledger.tx_index SELECT 99, 0, decode(repeat('ab', 32), 'hex'), operation, asset_id,"
            " byte_offset, byte_length, status FROM ledger.tx_index LIMIT 1"
        ),
        {"stray"},
    ),
    "an altered claim": (
        "UPDATE ledger.claims SET spender_tx_id = decode(repeat('ab', 32), 'hex')",
        {"claims", "transaction_rule"},
    ),
    "a deleted claim": ("DELETE FROM ledger.claims", {"claims"}),
    "a claim that nobody made": (
        "INSERT INTO ledger.claims SELECT tx_id, 0, tx_id, seq, status FROM ledger.tx_index WHERE seq = 4",
        {"claims"},
    ),
    "a freed output": ("UPDATE ledger.claims SET status = 2", {"claims"}),
    "a missing owner": ("DELETE FROM ledger.owners WHERE seq = 2 AND position = 1", {"owners"}),
    "an owner who owns nothing": (
        NOBODY,
        {"owners"},
    ),
    "missing words": ("DELETE FROM ledger.assets", {"assets"}),
    "other words": ("UPDATE ledger.assets SET words = to_tsvector('english', 'gold')", {"assets"}),
}


@pytest.mark.parametrize("what", TAMPERING)
async def test_tampering_is_found(chain: Chain, what: str) -> None:
    statement, expected = TAMPERING[what]
    flaws = await flaws_after(chain, statement)
    assert expected <= kinds(flaws), flaws


async def test_a_flaw_says_where_it_is(chain: Chain) -> None:
    (flaw,) = await flaws_after(chain, "DELETE FROM ledger.tx_index WHERE seq = 4")
    assert flaw.seq == 4
    assert len(flaw.subject) == 64
    assert "lacks IndexRow(position=0" in flaw.text


async def test_what_is_before_the_first_position_is_not_looked_at(chain: Chain) -> None:
    assert await flaws_after(chain, REPLACED_BYTE, first_seq=4) == []


async def appended(chain: Chain, connection: asyncpg.Connection, node: KeyPair, *documents: Any) -> None:
    """Put a block of documents at the end, decided by nobody."""
    head = await log.lock_head(connection)
    transactions = [parse_transaction(each) for each in documents]
    block = seal_block(transactions, node=node, voters=[chain.node.public], timestamp="1500000000")
    await log.append(connection, head, block, Status.UNDECIDED)


async def test_a_block_of_a_stranger_is_found(chain: Chain) -> None:
    stranger = KeyPair.generate()
    flaws = await flaws_after(chain, lambda cx: appended(chain, cx, stranger, document(stranger, a="b")))
    assert kinds(flaws) == {"block_creator"}


async def test_a_transaction_against_the_rules_is_found(chain: Chain) -> None:
    thief = KeyPair.generate()
    created = document(thief, a="b")
    forged = {**created, "inputs": document(thief, a="c")["inputs"]}
    flaws = await flaws_after(chain, lambda cx: appended(chain, cx, chain.node, forged))
    assert kinds(flaws) == {"transaction_rule"}
    assert "Transaction signature is invalid." in flaws[0].text


async def test_spending_what_does_not_exist_is_found(chain: Chain) -> None:
    thief = KeyPair.generate()
    transfer = handed_on(thief, document(thief, never="posted"), thief)
    flaws = await flaws_after(chain, lambda cx: appended(chain, cx, chain.node, transfer))
    assert kinds(flaws) == {"transaction_rule"}
    assert "InputDoesNotExist" in flaws[0].text


async def test_a_double_spend_behind_a_dropped_index_is_found(chain: Chain) -> None:
    alice, bob, carol = KeyPair.generate(), KeyPair.generate(), KeyPair.generate()
    created = document(alice, coin=1)

    async def spend_twice(connection: asyncpg.Connection) -> None:
        await connection.execute("DROP INDEX ledger.claims_live")
        await appended(chain, connection, chain.node, created)
        await connection.execute("UPDATE ledger.tx_index SET status = 1 WHERE seq = 5")
        await appended(chain, connection, chain.node, handed_on(alice, created, bob))
        await appended(chain, connection, chain.node, handed_on(alice, created, carol))

    flaws = await flaws_after(chain, spend_twice)
    assert sum("was already spent" in flaw.text for flaw in flaws) == 2


async def test_a_transaction_in_two_blocks_behind_a_dropped_index_is_found(chain: Chain) -> None:
    created = document(KeyPair.generate(), coin=1)

    async def include_twice(connection: asyncpg.Connection) -> None:
        await connection.execute("DROP INDEX ledger.tx_index_live")
        await appended(chain, connection, chain.node, created)
        await appended(chain, connection, chain.node, created, document(KeyPair.generate()))

    flaws = await flaws_after(chain, include_twice)
    assert kinds(flaws) == {"block_duplicate"}
    assert {flaw.seq for flaw in flaws} == {5, 6}


async def test_an_invalid_block_owes_nothing_but_its_rows(chain: Chain) -> None:
    """A stranger's block that was voted down is part of the record, not a flaw; its index still is."""
    stranger = KeyPair.generate()

    async def vote_down(connection: asyncpg.Connection) -> None:
        await appended(chain, connection, stranger, document(stranger, a="b"))
        head, before = await log.lock_head(connection), await connection.fetchval(NEWEST_VOTED)
        vote = sign_vote(
            chain.node, block_id=head.tip, previous_block=before, is_valid=False, timestamp="1500000000"
        )
        await votes.insert(connection, vote)
        await decisions.insert(connection, block_id=head.tip, seq=head.seq, status=Status.INVALID)
        await connection.execute("UPDATE ledger.tx_index SET status = 2 WHERE seq = 5")
        await connection.execute("DELETE FROM ledger.owners WHERE seq = 5")

    words_left = await flaws_after(chain, vote_down)
    assert kinds(words_left) == {"assets"}


async def test_another_membership_is_found(chain: Chain) -> None:
    flaws, _ = await verified(chain.dsn, {KeyPair.generate().public})
    assert {"block_creator", "block_voters"} <= kinds(flaws)


async def test_without_a_membership_the_genesis_block_names_it(chain: Chain) -> None:
    flaws, totals = await verified(chain.dsn, set())
    assert flaws == []
    assert totals.membership.at(1) == {chain.node.public}
