"""The library facade on a real PostgreSQL: five nodes of one federation share a database."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.postgres_server import execute
from tests.shared_data import shared_records

from lamina.formats import transaction as build
from lamina.formats.base58 import encode as base58
from lamina.formats.canonical_json import encode as canonical
from lamina.formats.signatures import KeyPair, new_seed
from lamina.kernel.clock import SystemClock
from lamina.kernel.errors import ConfigurationError, DatabaseUnavailable
from lamina.services.ledger.errors import (
    AmountError,
    CriticalDoubleInclusion,
    CriticalDoubleSpend,
    CriticalDuplicateVote,
    CyclicBlockchainError,
    DoubleSpend,
    DuplicateTransaction,
    GenesisBlockAlreadyExistsError,
    InputDoesNotExist,
    InvalidSignature,
    KeypairNotFoundException,
    OperationError,
    SchemaValidationError,
    SybilError,
    TransactionNotInValidBlock,
    ValidationError,
)
from lamina.services.ledger.facade import Bigchain, Connection
from lamina.services.ledger.model.federation import Federation
from lamina.services.ledger.model.stored import Flaw
from lamina.services.ledger.pipeline.verify import Verifier
from lamina.services.ledger.pipeline.vote import Voter

Document = dict[str, Any]
NODES = 5
UNKNOWN = "0" * 64


def private_keys(count: int) -> list[tuple[str, str]]:
    """(public, private) pairs as a configuration has them."""
    seeds = [new_seed() for _ in range(count)]
    return [(KeyPair.from_seed(seed).public, base58(seed)) for seed in seeds]


class Five:
    """A federation of five, and what tests do with it again and again."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.keys = private_keys(NODES)
        self.connection = Connection(dsn)
        self.nodes = [self.node(index) for index in range(NODES)]
        self.genesis = self.nodes[0].create_genesis_block()

    def node(self, index: int, **options: Any) -> Bigchain:
        others = [public for public, _ in self.keys if public != self.keys[index][0]]
        return Bigchain(*self.keys[index], others, options.pop("connection", self.connection), **options)

    def voter(self, index: int) -> Voter:
        public, private = self.keys[index]
        federation = Federation.of(public, [key for key, _ in self.keys])
        pair = KeyPair.from_seed_base58(private)
        return Voter(self.connection.database, pair, federation, strict_owners=True, clock=SystemClock())

    def block(self, *transactions: Document, by: int = 0) -> Document:
        """Write a block of these."""
        block = self.nodes[by].create_block(transactions)
        self.nodes[by].write_block(block)
        return block

    def vote(self, block: Document, *decisions: bool) -> None:
        """The first nodes vote, one decision each."""
        for node, decision in zip(self.nodes, decisions, strict=False):
            previous = node.get_last_voted_block()
            assert previous is not None
            node.write_vote(node.vote(block["id"], previous["id"], decision))

    def valid(self, *transactions: Document) -> Document:
        """A block that became valid."""
        block = self.block(*transactions)
        self.vote(block, True, True, True)
        assert self.nodes[0].get_block(block["id"], include_status=True) == (block, "valid")
        return block

    def read(self, query: str) -> list[tuple[Any, ...]]:
        """Rows of the database as they are."""
        rows = self.connection.run(self.connection.database.fetch("test.read", query))
        return [tuple(row.values()) for row in rows]

    def decisions(self) -> list[tuple[str, int]]:
        """(block id, status) in the order they were recorded."""
        return [
            (block_id, status)
            for block_id, status in self.read(
                "SELECT block_id, status FROM ledger.decisions ORDER BY position"
            )
        ]

    def flaws(self) -> list[Flaw]:
        """What `lamina ledger verify` would say."""
        found: list[Flaw] = []
        members = {public for public, _ in self.keys}
        verifier = Verifier(self.connection.database, members, found=found.append, advanced=lambda _: None)
        self.connection.run(verifier.run())
        return found


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


alice, bob, carol = KeyPair.generate(), KeyPair.generate(), KeyPair.generate()


def created(owner: KeyPair = alice, amount: int = 1, **data: Any) -> Document:
    return build.sign(build.create(owner.public, [(owner.public, amount)], data or None, None), [owner])


def sent(source: Document, to: KeyPair, by: KeyPair = alice, amount: int = 1) -> Document:
    asset_id = source["id"] if source["operation"] == "CREATE" else source["asset"]["id"]
    unsigned = build.transfer(build.inputs_of(source, [0]), [(to.public, amount)], asset_id, None)
    return build.sign(unsigned, [by])


def test_the_constants_are_the_words_of_the_wire() -> None:
    assert (Bigchain.BLOCK_VALID, Bigchain.BLOCK_INVALID, Bigchain.BLOCK_UNDECIDED) == (
        "valid",
        "invalid",
        "undecided",
    )
    assert (Bigchain.TX_VALID, Bigchain.TX_UNDECIDED, Bigchain.TX_IN_BACKLOG) == (
        "valid",
        "undecided",
        "backlog",
    )


@pytest.mark.parametrize("keys", [(None, None), ("a", None), (None, "b")])
def test_a_node_needs_both_keys(keys: tuple[str | None, str | None]) -> None:
    with pytest.raises(KeypairNotFoundException):
        Bigchain(*keys, connection="postgresql://nobody@127.0.0.1:1/none")


def test_keys_that_do_not_belong_together_are_refused() -> None:
    (public, _), (_, private) = private_keys(2)
    with pytest.raises(ConfigurationError) as refusal:
        Bigchain(public, private, connection="postgresql://nobody@127.0.0.1:1/none")
    assert private not in str(refusal.value)


def test_a_connection_is_needed_and_must_answer() -> None:
    keys = private_keys(1)[0]
    with pytest.raises(ConfigurationError):
        Bigchain(*keys)
    threads = threading.active_count()
    with pytest.raises(DatabaseUnavailable):
        Bigchain(*keys, connection="postgresql://nobody@127.0.0.1:1/none")
    assert threading.active_count() == threads


def test_a_shared_connection_outlives_its_nodes(ledger_dsn: str) -> None:
    with Connection(ledger_dsn) as connection:
        with Bigchain(*private_keys(1)[0], connection=connection) as first:
            first.create_genesis_block()
        with Bigchain(*private_keys(1)[0], connection=connection) as second:
            assert second.get_last_voted_block() is not None
    with pytest.raises(OperationError):
        second.get_status(UNKNOWN)
    connection.close()


def test_the_library_makes_its_tables(empty_dsn: str) -> None:
    with Connection(empty_dsn) as connection:
        connection.init_database()
        connection.init_database()
        node = Bigchain(*private_keys(1)[0], connection=connection)
        assert node.create_genesis_block() == node.get_last_voted_block()


def test_many_threads_may_call_at_once(alone: Bigchain) -> None:
    alone.create_genesis_block()
    documents = [created(n=n) for n in range(24)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(alone.write_transaction, documents))
        statuses = list(threads.map(lambda each: alone.get_status(each["id"]), documents))
    assert statuses == ["backlog"] * len(documents)


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


def test_nodes_vote_in_log_order_one_block_at_a_time(five: Five) -> None:
    source = created()
    first = five.block(source)
    second = five.block(sent(source, bob), by=1)
    voters = [five.voter(index) for index in range(NODES)]
    for voter in voters[:3]:
        cast = five.connection.run(voter.step())
        assert cast is not None
        assert (cast.vote.block_id, cast.vote.previous_block) == (first["id"], five.genesis["id"])
        assert cast.vote.is_valid
    for voter in voters[:3]:
        cast = five.connection.run(voter.step())
        assert cast is not None
        assert (cast.vote.block_id, cast.vote.previous_block) == (second["id"], first["id"])
        assert cast.vote.is_valid
        assert five.connection.run(voter.step()) is None
    assert five.decisions() == [(first["id"], 1), (second["id"], 1)]
    assert five.nodes[0].get_last_voted_block() == second
    assert five.nodes[4].get_last_voted_block() == five.genesis
    assert five.flaws() == []


def test_two_processes_of_one_node_never_vote_twice(five: Five) -> None:
    blocks = [five.block(created(n=n)) for n in range(3)]

    def vote(_: int) -> int:
        with Connection(five.dsn) as connection:
            public, private = five.keys[0]
            federation = Federation.of(public, [key for key, _ in five.keys])
            pair = KeyPair.from_seed_base58(private)
            voter = Voter(connection.database, pair, federation, strict_owners=True, clock=SystemClock())
            return sum(connection.run(voter.step()) is not None for _ in range(4))

    with ThreadPoolExecutor(3) as threads:
        assert sum(threads.map(vote, range(3))) <= len(blocks)
    while five.connection.run(five.voter(0).step()) is not None:
        pass
    stored = five.read("SELECT block_id, previous_block FROM ledger.votes ORDER BY block_id")
    chain = [five.genesis["id"], *(block["id"] for block in blocks)]
    assert stored == sorted(zip(chain[1:], chain, strict=False))


def test_a_spend_of_an_undecided_output_is_voted_down(five: Five) -> None:
    source = created()
    five.block(source)
    block = five.block(sent(source, bob))
    with pytest.raises(TransactionNotInValidBlock):
        five.nodes[1].validate_block(block)
    five.connection.run(five.voter(1).step())
    cast = five.connection.run(five.voter(1).step())
    assert cast is not None
    assert (cast.vote.block_id, cast.vote.is_valid) == (block["id"], False)


def test_a_creator_that_names_itself_as_the_only_voter_decides_nothing(five: Five) -> None:
    loner = Bigchain(*five.keys[0], connection=five.connection)
    block = loner.create_block([created()])
    with pytest.raises(ValidationError):
        five.nodes[0].write_block(block)
    loner.write_block(block)
    five.nodes[0].write_vote(loner.vote(block["id"], five.genesis["id"], True))
    assert five.nodes[1].get_block(block["id"], include_status=True) == (block, "undecided")
    assert five.nodes[1].block_election_status(block) == "undecided"
    for index in (1, 2, 3):
        cast = five.connection.run(five.voter(index).step())
        assert cast is not None
        assert not cast.vote.is_valid
    assert five.decisions() == [(block["id"], 2)]


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


def test_rivals_inside_one_block_are_refused(five: Five) -> None:
    source = created()
    five.valid(source)
    node = five.nodes[0]
    with pytest.raises(DoubleSpend):
        node.write_block(node.create_block([sent(source, bob), sent(source, carol)]))


def test_the_spender_of_an_output_is_found_wherever_it_is(five: Five) -> None:
    source = created(amount=1)
    five.valid(source)
    first, rival = sent(source, bob), sent(source, carol)
    node = five.nodes[0]
    assert node.get_spent(source["id"], 0) is None
    assert node.get_owned_ids(alice.public) == [{"transaction_id": source["id"], "output_index": 0}]
    node.write_transaction(rival)
    assert node.get_spent(source["id"], 0) == rival
    assert node.get_owned_ids(alice.public) == [{"transaction_id": source["id"], "output_index": 0}]
    block = five.block(first)
    assert node.get_spent(source["id"], 0) == first
    assert node.get_owned_ids(alice.public) == []
    five.vote(block, True, True, True)
    assert node.get_spent(source["id"], 0) == first
    assert node.get_spent(source["id"], 1) is None
    assert node.get_spent(UNKNOWN, 0) is None
    assert node.get_spent("no id", 0) is None
    assert node.get_spent(source["id"], 2**40) is None
    assert node.get_outputs_filtered(alice.public) == [{"transaction_id": source["id"], "output_index": 0}]
    assert node.get_outputs_filtered(alice.public, spent=True) == node.get_outputs_filtered(alice.public)
    assert node.get_outputs_filtered("not a key") == []


def test_transactions_are_read_in_chain_order(five: Five) -> None:
    source = created()
    five.valid(source, created(other="asset"))
    moved = sent(source, bob)
    five.valid(moved)
    five.block(sent(moved, carol, by=bob))
    node = five.nodes[0]
    assert list(node.get_transactions_filtered(source["id"])) == [source, moved]
    assert list(node.get_transactions_filtered(source["id"], "CREATE")) == [source]
    assert list(node.get_transactions_filtered(source["id"], "TRANSFER")) == [moved]
    assert list(node.get_transactions_filtered(UNKNOWN)) == []
    assert list(node.get_transactions_filtered("no id")) == []
    with pytest.raises(OperationError):
        node.get_transactions_filtered(source["id"], "GENESIS")


def test_what_does_not_exist_is_not_found(five: Five) -> None:
    node = five.nodes[0]
    for tx_id in (UNKNOWN, "no id"):
        assert node.get_transaction(tx_id) is None
        assert node.get_transaction(tx_id, include_status=True) == (None, None)
        assert node.get_status(tx_id) is None
        assert node.get_blocks_status_containing_tx(tx_id) is None
        assert node.is_new_transaction(tx_id)
        assert node.get_asset_by_id(tx_id) is None
    assert node.get_block(UNKNOWN) is None
    assert node.get_block(UNKNOWN, include_status=True) == (None, None)


def test_a_transaction_is_new_until_it_is_in_a_live_block(five: Five) -> None:
    transaction = created()
    node = five.nodes[0]
    node.write_transaction(transaction)
    assert node.is_new_transaction(transaction["id"])
    block = five.block(transaction)
    assert not node.is_new_transaction(transaction["id"])
    assert node.is_new_transaction(transaction["id"], exclude_block_id=block["id"])


def test_writing_needs_the_form_only_validating_needs_the_rules(five: Five) -> None:
    node = five.nodes[0]
    unsigned = created()
    unsigned["inputs"][0]["fulfillment"] = sent(created(), bob)["inputs"][0]["fulfillment"]
    orphan = sent(created(), bob)
    with pytest.raises(InvalidSignature):
        node.validate_transaction(unsigned)
    with pytest.raises(InputDoesNotExist):
        node.validate_transaction(orphan)
    with pytest.raises(ValidationError, match="Invalid key name"):
        node.validate_transaction(created(**{"a.b": 1}))
    for each in (unsigned, orphan):
        node.write_transaction(each)
        assert node.get_status(each["id"]) == "backlog"
    with pytest.raises(SchemaValidationError):
        node.write_transaction({**orphan, "version": "2.0"})


def test_amounts_must_agree(five: Five) -> None:
    source = created(amount=3)
    five.valid(source)
    with pytest.raises(AmountError):
        five.nodes[0].validate_transaction(sent(source, bob, amount=2))


def test_models_with_to_dict_are_as_good_as_dicts(five: Five) -> None:
    class Model:
        def __init__(self, document: Document) -> None:
            self._document = document

        def to_dict(self) -> Document:
            return self._document

    node, transaction = five.nodes[0], Model(created())
    assert node.validate_transaction(transaction) is transaction
    node.write_transaction(transaction)
    block = Model(node.create_block([transaction]))
    assert node.validate_block(block) is block
    node.write_block(block)
    node.write_vote(Model(node.vote(block.to_dict()["id"], five.genesis["id"], True)))
    assert node.has_previous_vote(block.to_dict()["id"])
    assert node.block_election_status(block) == "undecided"


def test_numbers_and_depth_survive_the_way_through(alone: Bigchain) -> None:
    alone.create_genesis_block()
    deep: Any = 1.0
    for _ in range(200):
        deep = [deep]
    transaction = created(whole=1, real=1.0, long=2**70, deep=deep)
    block = alone.create_block([transaction])
    alone.write_block(block)
    alone.write_vote(alone.vote(block["id"], block["id"][::-1], True))
    read = alone.get_block(block["id"])
    assert read == block
    found = alone.get_transaction(transaction["id"])
    assert found is not None
    data = found["asset"]["data"]
    assert (type(data["whole"]), type(data["real"]), data["long"]) == (int, float, 2**70)


def test_one_node_decides_alone(alone: Bigchain) -> None:
    genesis = alone.create_genesis_block()
    transaction = created()
    alone.write_transaction(transaction)
    block = alone.create_block([transaction])
    alone.write_block(block)
    alone.write_vote(alone.vote(block["id"], genesis["id"], True))
    assert alone.get_status(transaction["id"]) == "valid"
    assert alone.get_stale_transactions() == []


def test_the_genesis_block_is_made_once(five: Five) -> None:
    node = five.nodes[1]
    transaction = five.genesis["block"]["transactions"][0]
    assert transaction["operation"] == "GENESIS"
    assert node.get_block(five.genesis["id"], include_status=True) == (five.genesis, "undecided")
    assert node.validate_block(five.genesis) is five.genesis
    for _ in range(2):
        with pytest.raises(GenesisBlockAlreadyExistsError) as refusal:
            node.create_genesis_block()
        assert refusal.value.detail == "Cannot create the Genesis block"
    second = node.prepare_genesis_block()
    assert second["block"]["transactions"][0]["metadata"] == {"message": "Hello World from the BigchainDB"}
    with pytest.raises(GenesisBlockAlreadyExistsError):
        node.write_block(second)
    with pytest.raises(GenesisBlockAlreadyExistsError):
        node.validate_block(second)
    five.vote(five.block(created()), True)
    for each in five.nodes[:3]:
        each.write_vote(each.vote(five.genesis["id"], UNKNOWN, False))
    assert node.block_election_status(five.genesis) == "undecided"


def test_of_several_who_begin_the_chain_one_does(ledger_dsn: str) -> None:
    keys = private_keys(4)

    def begin(key: tuple[str, str]) -> str | None:
        with Bigchain(*key, [public for public, _ in keys], ledger_dsn) as node:
            try:
                return node.create_genesis_block()["id"]
            except GenesisBlockAlreadyExistsError:
                return None

    with ThreadPoolExecutor(4) as threads:
        begun = [block_id for block_id in threads.map(begin, keys) if block_id is not None]
    assert len(begun) == 1


def test_a_genesis_transaction_stands_alone_and_first(alone: Bigchain) -> None:
    genesis = alone.prepare_genesis_block()
    transaction = genesis["block"]["transactions"][0]
    with pytest.raises(OperationError):
        alone.write_block(alone.create_block([created()]))
    with pytest.raises(GenesisBlockAlreadyExistsError):
        alone.write_block(alone.create_block([transaction, created()]))
    alone.write_block(genesis)
    alone.write_block(genesis)
    assert alone.get_last_voted_block() == genesis
    with pytest.raises(GenesisBlockAlreadyExistsError):
        alone.validate_transaction(transaction)


def test_blocks_are_never_empty(five: Five) -> None:
    with pytest.raises(OperationError) as refusal:
        five.nodes[0].create_block([])
    assert refusal.value.detail == "Empty block creation is not allowed"


def test_a_block_written_twice_is_there_once(five: Five) -> None:
    block = five.block(created())
    five.nodes[0].write_block(block)
    five.nodes[1].write_block(block)
    assert five.read("SELECT count(*) FROM ledger.log") == [(2,)]


def test_a_block_takes_its_transactions_out_of_the_backlog(five: Five) -> None:
    source = created()
    five.valid(source)
    waiting, rival = sent(source, bob), created()
    for each in (waiting, rival):
        five.nodes[0].write_transaction(each)
    five.block(waiting)
    assert five.read("SELECT tx_id FROM ledger.backlog") == [(bytes.fromhex(rival["id"]),)]
    assert five.read("SELECT count(*) FROM ledger.backlog_spends") == [(0,)]


def without(document: Document, name: str) -> Document:
    return {key: value for key, value in document.items() if key != name}


def test_what_is_no_block_is_refused(five: Five) -> None:
    node = five.nodes[0]
    block = node.create_block([created()])
    inner = block["block"]
    for broken in (
        without(block, "signature"),
        {**block, "more": 1},
        {**block, "block": without(inner, "voters")},
        {**block, "block": {**inner, "transactions": []}},
        {**block, "block": {**inner, "transactions": [7]}},
        {**block, "block": {**inner, "voters": "all"}},
        {**block, "block": {**inner, "timestamp": 1500018524}},
        {**block, "block": None},
    ):
        with pytest.raises(ValidationError):
            node.validate_block(broken)
        with pytest.raises(ValidationError):
            node.write_block(broken)
    stranger = Bigchain(*private_keys(1)[0], five.nodes[0].federation, five.connection)
    with pytest.raises(SybilError) as refusal:
        node.validate_block(stranger.create_block([created()]))
    assert refusal.value.detail == "Only federation nodes can create blocks"


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
    with pytest.raises(CyclicBlockchainError):
        five.connection.run(five.voter(0).step())


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


def test_assets_are_found_by_id_and_by_words(five: Five) -> None:
    cello, harp = created(word="violoncello", of=["wood"]), created(word="harp", of=["wood"])
    block = five.block(cello, harp)
    node = five.nodes[0]
    assert list(node.text_search("wood")) == []
    assert node.get_assets([harp["id"], cello["id"], UNKNOWN, "no id"]) == [
        {"data": cello["asset"]["data"], "id": cello["id"]},
        {"data": harp["asset"]["data"], "id": harp["id"]},
    ]
    five.vote(block, True, True, True)
    assert [each["id"] for each in node.text_search("wood")] == [cello["id"], harp["id"]]
    assert [each["id"] for each in node.text_search("wood", limit=1)] == [cello["id"]]
    assert [each["id"] for each in node.text_search("wood -harp")] == [cello["id"]]
    assert list(node.text_search("")) == []
    assert node.get_asset_by_id(harp["id"]) == {"data": {"word": "harp", "of": ["wood"]}}
    node.write_assets(node.get_assets([harp["id"]]))
    for wrong in ({"id": UNKNOWN, "data": {}}, {"id": harp["id"], "data": {"word": "lyre"}}):
        with pytest.raises(OperationError):
            node.write_assets([wrong])


def test_two_valid_spenders_raise_an_alarm(
    five: Five, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    source = created()
    five.valid(source)
    five.valid(sent(source, bob))
    five.valid(created(n=2))
    execute(
        five.dsn,
        "DROP INDEX ledger.claims_live",
        "INSERT INTO ledger.claims SELECT c.input_tx_id, c.input_index, t.tx_id, t.seq, 1"
        " FROM ledger.claims c, ledger.tx_index t WHERE t.seq = 4",
    )
    with pytest.raises(CriticalDoubleSpend) as alarm:
        five.nodes[0].get_spent(source["id"], 0)
    assert alarm.value.detail == (
        f"`{source['id']}` was spent more than once. There is a problem with the chain"
    )
    assert "integrity alarm" in caplog.text + "".join(capsys.readouterr())


def test_a_transaction_in_two_valid_blocks_raises_an_alarm(
    five: Five, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    transaction = created()
    first, second = five.valid(transaction), five.valid(created(n=2))
    execute(
        five.dsn,
        "DROP INDEX ledger.tx_index_live",
        "INSERT INTO ledger.tx_index"
        " SELECT 3, 9, tx_id, operation, asset_id, byte_offset, byte_length, status FROM ledger.tx_index WHERE seq = 2",
    )
    node = five.nodes[0]
    for ask in (node.get_transaction, node.get_status, node.get_blocks_status_containing_tx):
        with pytest.raises(CriticalDoubleInclusion) as alarm:
            ask(transaction["id"])
        assert alarm.value.detail.startswith(
            f"Transaction {transaction['id']} is present in multiple valid blocks: ["
        )
        assert first["id"] in alarm.value.detail
        assert second["id"] in alarm.value.detail
    assert "integrity alarm" in caplog.text + "".join(capsys.readouterr())


def test_every_block_vector_is_judged_as_by_the_original(alone: Bigchain) -> None:
    for vector in shared_records("ledger", "blocks.jsonl"):
        node = Bigchain(*private_keys(1)[0], vector["federation"], alone.connection)
        if vector["name"] == "block_many":
            # The original judged the envelope; this block's transfer spends an output of the same block.
            with pytest.raises(InputDoesNotExist):
                node.validate_block(vector["block"])
        elif vector["valid"]:
            assert node.validate_block(vector["block"]) is vector["block"]
        else:
            with pytest.raises(ValidationError) as refusal:
                node.validate_block(vector["block"])
            kind, _, text = vector["original_error"].partition(": ")
            assert type(refusal.value).__name__ == kind, vector["name"]
            assert text in {"", refusal.value.detail}, vector["name"]


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
