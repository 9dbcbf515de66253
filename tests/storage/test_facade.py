"""The library facade on a real PostgreSQL: what one node reads, writes and checks."""

import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.federation import UNKNOWN, Document, Five, alice, bob, carol, created, private_keys, sent, without
from tests.postgres_server import execute
from tests.shared_data import PROJECT_ROOT, shared_records

from lamina.formats.signatures import KeyPair
from lamina.kernel.clock import SystemClock
from lamina.kernel.errors import ConfigurationError, DatabaseUnavailable
from lamina.kernel.observability.statsd import Statsd
from lamina.kernel.storage.wakeup import Wakeups
from lamina.services.ledger.errors import (
    AmountError,
    CriticalDoubleInclusion,
    CriticalDoubleSpend,
    DoubleSpend,
    GenesisBlockAlreadyExistsError,
    InputDoesNotExist,
    InvalidSignature,
    KeypairNotFoundException,
    OperationError,
    SchemaValidationError,
    SybilError,
    ValidationError,
)
from lamina.services.ledger.facade import Bigchain, Connection
from lamina.services.ledger.pipeline.block import BlockBuilder
from lamina.services.ledger.settings import LedgerSettings
from lamina.services.ledger.store.backlog import CHANNEL


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


def test_every_method_of_the_original_is_there() -> None:
    names = """
        write_transaction validate_transaction is_new_transaction get_block get_transaction get_status
        get_blocks_status_containing_tx get_asset_by_id get_spent get_owned_ids get_outputs_filtered
        get_transactions_filtered create_block validate_block has_previous_vote write_block
        prepare_genesis_block create_genesis_block vote write_vote get_last_voted_block
        block_election_status get_assets write_assets text_search delete_transaction reassign_transaction
        get_stale_transactions federation
    """
    documented = (PROJECT_ROOT / "docs/reference/python-api.md").read_text()
    for name in names.split():
        assert hasattr(Bigchain, name)
        assert f"`{name}" in documented, name


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
    for _ in range(220):
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


def test_the_service_takes_what_the_library_writes(ledger_dsn: str) -> None:
    public, private = private_keys(1)[0]
    with (
        Bigchain(public, private, connection=ledger_dsn) as node,
        contextlib.closing(Statsd("localhost")) as statsd,
    ):
        node.create_genesis_block()
        good, forged = created(n=1), created(n=2)
        forged["inputs"][0]["fulfillment"] = good["inputs"][0]["fulfillment"]
        for each in (good, forged):
            node.write_transaction(each)
        database = node.connection.database
        builder = BlockBuilder(
            database,
            Wakeups(database, (CHANNEL,)),
            KeyPair.from_seed_base58(private),
            LedgerSettings(),
            clock=SystemClock(),
            statsd=statsd,
        )
        done = node.connection.run(builder.step())
        assert [(row.tx_id, reason) for row, reason, _ in done.refused] == [
            (forged["id"], "InvalidSignature")
        ]
        assert node.get_transaction(good["id"], include_status=True) == (good, "valid")
        assert node.get_status(forged["id"]) is None
        last = node.get_last_voted_block()
        assert last is not None
        assert last["block"]["transactions"] == [good]
        block = node.create_block([created(n=3)])
        node.write_block(block)
        node.write_vote(node.vote(block["id"], last["id"], True))
        assert node.get_block(block["id"], include_status=True) == (block, "valid")


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
        " SELECT 3, 9, tx_id, operation, asset_id, byte_offset, byte_length, status"
        " FROM ledger.tx_index WHERE seq = 2",
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
