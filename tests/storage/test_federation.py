"""Five nodes of one federation share a database: votes, elections and what follows from them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.federation import NODES, UNKNOWN, Five, alice, bob, carol, created, private_keys, sent, without
from tests.shared_data import shared_records

from lamina.formats.canonical_json import encode as canonical
from lamina.services.ledger.errors import (
    CriticalDuplicateVote,
    CyclicBlockchainError,
    DoubleSpend,
    DuplicateTransaction,
    InvalidSignature,
    TransactionNotInValidBlock,
    ValidationError,
)
from lamina.services.ledger.facade import Bigchain


@pytest.fixture
def five(ledger_dsn: str) -> Iterator[Five]:
    federation = Five(ledger_dsn)
    yield federation
    federation.connection.close()


@pytest.fixture
def alone(ledger_dsn: str) -> Iterator[Bigchain]:
    """The only node of its federation, on an empty chain."""
    with Bigchain(*private_keys(1)[0], connection=ledger_dsn) as node:
        yield node


def test_five_nodes_make_a_block_valid_with_three_votes(five: Five) -> None:
    transaction = created()
    writer = five.nodes[1]
    writer.write_transaction(transaction)
    assert writer.get_transaction(transaction["id"], include_status=True) == (transaction, "backlog")
    block = five.block(transaction)
    assert set(block["block"]["voters"]) == five.nodes[0].federation
    assert writer.get_transaction(transaction["id"], include_status=True) == (transaction, "undecided")
    five.vote(block, True, True)
    assert five.nodes[4].block_election_status(block) == "undecided"
    assert five.decisions() == []
    third = five.nodes[2]
    third.write_vote(third.vote(block["id"], five.genesis["id"], True))
    for node in five.nodes:
        assert node.block_election_status(block) == "valid"
        assert node.get_status(transaction["id"]) == "valid"
        assert node.get_blocks_status_containing_tx(transaction["id"]) == {block["id"]: "valid"}
    for late in five.nodes[3:]:
        late.write_vote(late.vote(block["id"], five.genesis["id"], True))
    assert five.decisions() == [(block["id"], 1)]
    assert five.flaws() == []


def test_votes_that_arrive_together_end_an_election_once(five: Five) -> None:
    for n in range(4):
        block = five.block(created(n=n))
        votes = []
        for node in five.nodes:
            previous = node.get_last_voted_block()
            assert previous is not None
            votes.append((node, node.vote(block["id"], previous["id"], True)))
        with ThreadPoolExecutor(NODES) as threads:
            list(threads.map(lambda pair: pair[0].write_vote(pair[1]), votes))
    assert len(five.decisions()) == 4
    assert {status for _, status in five.decisions()} == {1}
    assert five.flaws() == []


def test_three_votes_against_a_block_send_its_transactions_back(five: Five) -> None:
    source = created(amount=2)
    five.valid(source)
    asset, transfer = created(word="clarinet"), sent(source, bob, amount=2)
    block = five.block(asset, transfer, by=1)
    node = five.nodes[0]
    assert node.get_status(transfer["id"]) == "undecided"
    assert node.get_owned_ids(bob.public) == [{"transaction_id": transfer["id"], "output_index": 0}]
    five.vote(block, False, True, False, False)
    assert node.get_block(block["id"], include_status=True) == (block, "invalid")
    assert five.decisions()[-1] == (block["id"], 2)
    for each in (asset, transfer):
        assert node.get_transaction(each["id"], include_status=True) == (each, "backlog")
        assert node.get_blocks_status_containing_tx(each["id"]) == {block["id"]: "invalid"}
        assert node.is_new_transaction(each["id"])
    assert node.get_owned_ids(bob.public) == []
    assert node.get_assets([asset["id"]]) == []
    assert node.get_spent(source["id"], 0) == transfer
    assert {"transaction_id": source["id"], "output_index": 0} in node.get_owned_ids(alice.public)
    again = five.valid(asset, transfer)
    assert node.get_blocks_status_containing_tx(transfer["id"]) == {
        block["id"]: "invalid",
        again["id"]: "valid",
    }
    assert list(node.text_search("clarinets")) == [{"data": {"word": "clarinet"}, "id": asset["id"]}]
    assert five.flaws() == []


def test_requeued_transactions_wait_for_others_of_the_keyring(five: Five) -> None:
    transactions = [created(n=n) for n in range(20)]
    five.vote(five.block(*transactions), False, False, False)
    stale = five.node(2, backlog_reassign_delay=0).get_stale_transactions()
    assert {each["id"] for each in stale} == {each["id"] for each in transactions}
    # The third node's vote decided, and a node never assigns to itself while there are others.
    assert {each["assignee"] for each in stale} <= set(five.nodes[2].nodes_except_me)


def test_a_transaction_is_given_up_after_three_invalid_blocks(five: Five) -> None:
    transaction = created()
    for creator in range(3):
        five.vote(five.block(transaction, by=creator), False, False, False)
        expected = "backlog" if creator < 2 else None
        assert five.nodes[0].get_status(transaction["id"]) == expected
    ends = five.read("SELECT tx_id, reason, detail FROM ledger.rejected")
    assert [(tx_id.hex(), reason) for tx_id, reason, _ in ends] == [(transaction["id"], "InvalidBlock")]
    assert five.read("SELECT count(*) FROM ledger.backlog_spends") == [(0,)]


def test_a_block_that_spends_an_undecided_output_is_not_valid(five: Five) -> None:
    source = created()
    five.block(source)
    block = five.block(sent(source, bob))
    with pytest.raises(TransactionNotInValidBlock):
        five.nodes[1].validate_block(block)


def test_a_creator_that_names_itself_as_the_only_voter_decides_nothing(five: Five) -> None:
    loner = Bigchain(*five.keys[0], connection=five.connection)
    block = loner.create_block([created()])
    with pytest.raises(ValidationError):
        five.nodes[0].write_block(block)
    loner.write_block(block)
    five.nodes[0].write_vote(loner.vote(block["id"], five.genesis["id"], True))
    assert five.nodes[1].get_block(block["id"], include_status=True) == (block, "undecided")
    assert five.nodes[1].block_election_status(block) == "undecided"
    assert five.decisions() == []


def test_a_second_spend_is_refused_while_the_first_is_undecided(five: Five) -> None:
    source = created()
    five.valid(source)
    first, second = sent(source, bob), sent(source, carol)
    block = five.block(first)
    node = five.nodes[3]
    with pytest.raises(DoubleSpend) as refusal:
        node.validate_transaction(second)
    assert refusal.value.detail == f"input `{source['id']}` was already spent"
    with pytest.raises(DoubleSpend):
        node.write_block(node.create_block([second]))
    with pytest.raises(DoubleSpend):
        node.validate_block(node.create_block([second]))
    with pytest.raises(DuplicateTransaction):
        node.write_block(node.create_block([first, created()]))
    assert node.validate_transaction(first) is first
    five.vote(block, False, False, False)
    assert node.validate_transaction(second) is second
    five.valid(second)
    with pytest.raises(DoubleSpend):
        node.validate_transaction(first)


def test_a_vote_must_be_its_voters(five: Five) -> None:
    block = five.block(created())
    node, other = five.nodes[0], five.nodes[1]
    vote = node.vote(block["id"], five.genesis["id"], True)
    with pytest.raises(InvalidSignature):
        node.write_vote({**vote, "node_pubkey": other.me})
    with pytest.raises(InvalidSignature):
        node.write_vote({**vote, "vote": {**vote["vote"], "is_block_valid": False}})
    for broken in (without(vote, "signature"), {**vote, "vote": None}, {**vote, "node_pubkey": ["x"]}):
        with pytest.raises(ValidationError):
            node.write_vote(broken)
    assert not node.has_previous_vote(block["id"])
    node.write_vote(vote)
    node.write_vote(vote)
    assert node.has_previous_vote(block["id"])
    assert not other.has_previous_vote(block["id"])
    assert five.read("SELECT count(*) FROM ledger.votes") == [(1,)]


def test_a_node_that_contradicts_itself_raises_an_alarm(
    five: Five, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = five.block(created(n=1)), five.block(created(n=2))
    node = five.nodes[0]
    node.write_vote(node.vote(first["id"], five.genesis["id"], True))
    with pytest.raises(CriticalDuplicateVote):
        node.write_vote(node.vote(first["id"], five.genesis["id"], False))
    with pytest.raises(CriticalDuplicateVote):
        node.write_vote(node.vote(second["id"], five.genesis["id"], True))
    assert "integrity alarm" in caplog.text + "".join(capsys.readouterr())
    assert five.read("SELECT count(*) FROM ledger.votes") == [(1,)]


def test_a_block_cannot_follow_itself(five: Five) -> None:
    block = five.block(created())
    with pytest.raises(CyclicBlockchainError):
        five.nodes[0].vote(block["id"], block["id"], True)


def test_votes_that_form_a_circle_are_noticed(five: Five) -> None:
    first, second = five.block(created(n=1)), five.block(created(n=2))
    node = five.nodes[0]
    node.write_vote(node.vote(first["id"], second["id"], True))
    assert node.get_last_voted_block() == first
    node.write_vote(node.vote(second["id"], first["id"], True))
    with pytest.raises(CyclicBlockchainError):
        node.get_last_voted_block()


def test_votes_on_unknown_blocks_are_kept_and_decide_nothing(five: Five) -> None:
    for node in five.nodes:
        node.write_vote(node.vote(UNKNOWN, five.genesis["id"], True))
    assert five.decisions() == []
    assert five.nodes[0].has_previous_vote(UNKNOWN)


def test_a_reason_is_part_of_the_signed_vote(five: Five) -> None:
    block = five.block(created())
    vote = five.nodes[0].vote(block["id"], five.genesis["id"], False, "because")
    assert vote["vote"]["invalid_reason"] == "because"
    five.nodes[0].write_vote(vote)


def test_stale_transactions_are_given_to_another_node(five: Five) -> None:
    transaction = created()
    node = five.node(0, backlog_reassign_delay=0)
    node.write_transaction(transaction)
    assert five.nodes[0].get_stale_transactions() == []
    stale = node.get_stale_transactions()
    assert [without(without(each, "assignee"), "assignment_timestamp") for each in stale] == [transaction]
    assert stale[0]["assignee"] in node.nodes_except_me
    assert isinstance(stale[0]["assignment_timestamp"], float)
    chosen = node.reassign_transaction(stale[0])
    assert chosen in node.federation - {stale[0]["assignee"]}
    assert five.nodes[1].reassign_transaction(stale[0]) is None
    again = node.get_stale_transactions()
    assert [each["assignee"] for each in again] == [chosen]
    assert again[0]["assignment_timestamp"] > stale[0]["assignment_timestamp"]
    node.delete_transaction(transaction["id"], "no id")
    assert node.get_stale_transactions() == []
    assert node.reassign_transaction(again[0]) is None


def test_a_node_alone_keeps_its_stale_transactions(ledger_dsn: str) -> None:
    with Bigchain(*private_keys(1)[0], connection=ledger_dsn, backlog_reassign_delay=0) as node:
        node.write_transaction(created())
        (stale,) = node.get_stale_transactions()
        assert stale["assignee"] == node.me
        assert node.reassign_transaction(stale) == node.me


def test_every_vote_vector_ends_as_in_the_original(alone: Bigchain) -> None:
    database = alone.connection.database
    for vector in shared_records("ledger", "votes.jsonl"):
        # Straight into the table, as whoever shares the database may do.
        for number, vote in enumerate(vector["votes"]):
            body = canonical(vote)
            store = database.store(
                "test.store",
                "INSERT INTO ledger.votes VALUES ($1, $2, $3, true, $4)",
                vector["block_id"],
                f"{number}",
                f"{number}",
                body,
            )
            alone.connection.run(store)
        node = Bigchain(*private_keys(1)[0], vector["keyring"], alone.connection)
        block = {"id": vector["block_id"], "block": {"voters": vector["block_voters"]}}
        if "exception" in vector["result"]:
            with pytest.raises(CriticalDuplicateVote):
                node.block_election_status(block)
        else:
            assert node.block_election_status(block) == vector["result"]["status"], vector["name"]
        alone.connection.run(database.store("test.clear", "DELETE FROM ledger.votes"))


def test_votes_for_another_block_say_nothing_of_this_one(five: Five) -> None:
    first, second = five.block(created(n=1)), five.block(created(n=2))
    for node in five.nodes[:3]:
        body = canonical(node.vote(first["id"], five.genesis["id"], True))
        store = five.connection.database.store(
            "test.store",
            "INSERT INTO ledger.votes VALUES ($1, $2, $3, true, $4)",
            second["id"],
            node.me,
            five.genesis["id"],
            body,
        )
        five.connection.run(store)
    fourth = five.nodes[3]
    fourth.write_vote(fourth.vote(second["id"], first["id"], True))
    assert five.decisions() == []
