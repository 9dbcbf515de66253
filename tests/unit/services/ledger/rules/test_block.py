"""Blocks by themselves and against given facts about the chain (spec/ledger.md 5.3)."""

from typing import Any

import pytest
from tests.federation import Document, alice, bob, carol, created, sent

from lamina.formats import base58
from lamina.formats import transaction as build
from lamina.formats.canonical_json import encode, parse
from lamina.formats.hashes import sha3_256_hex
from lamina.formats.signatures import KeyPair
from lamina.services.ledger.errors import (
    DoubleSpend,
    DuplicateTransaction,
    GenesisBlockAlreadyExistsError,
    InvalidHash,
    InvalidSignature,
    LaminaError,
    SchemaValidationError,
    SybilError,
    ValidationError,
)
from lamina.services.ledger.model.block import seal_block
from lamina.services.ledger.model.status import Status
from lamina.services.ledger.rules.block import BlockView, check, check_voters, open_block
from lamina.services.ledger.rules.form import parse_transaction
from lamina.services.ledger.rules.spend import ChainView

node, stranger = KeyPair.generate(), KeyPair.generate()
MEMBERS = frozenset({node.public})
NOTHING = BlockView(ChainView(), frozenset(), "f" * 64)


def block_of(*transactions: Document, voters: tuple[str, ...] = (node.public,)) -> Document:
    opened = [parse_transaction(each) for each in transactions]
    return parse(seal_block(opened, node=node, voters=voters, timestamp="1500018524").body)


def resealed(block: Document, by: KeyPair = node, **inner: Any) -> Document:
    """The block with another content, hashed and signed anew."""
    content = {**block["block"], **inner}
    text = encode(content)
    return {"id": sha3_256_hex(text), "block": content, "signature": base58.encode(by.sign(text))}


def test_a_block_is_put_together_again_byte_by_byte() -> None:
    transactions = [created(n=1), created(text="\x1f\u2028é", real=0.1 + 0.2)]
    sealed = seal_block(
        [parse_transaction(each) for each in transactions],
        node=node,
        voters=[node.public, stranger.public],
        timestamp="1500018524",
    )
    assert open_block(parse(sealed.body), MEMBERS).body == sealed.body
    assert open_block(parse(sealed.body), MEMBERS).offsets == sealed.offsets


def test_a_timestamp_of_any_text_keeps_the_bytes_right() -> None:
    block = resealed(block_of(created()), timestamp='"\\\x1f')
    opened = open_block(block, MEMBERS)
    assert parse(opened.body) == block
    assert opened.body[opened.offsets[0] :].startswith(opened.transactions[0].body)


def broken_blocks() -> list[tuple[str, Document, type[LaminaError]]]:
    good = block_of(created())
    source = created(n=3)
    unsent = {**created(), "version": "2.0"}
    return [
        ("other content", {**good, "block": {**good["block"], "timestamp": "1"}}, InvalidHash),
        ("another's signature", resealed(good, by=stranger), InvalidSignature),
        ("no signature", {**good, "signature": None}, InvalidSignature),
        ("unreadable signature", {**good, "signature": "0OIl"}, InvalidSignature),
        ("creator outside", resealed(good, by=stranger, node_pubkey=stranger.public), SybilError),
        ("same transaction twice", block_of(created(), created()), DuplicateTransaction),
        ("one output twice", block_of(sent(source, bob), sent(source, carol)), DoubleSpend),
        ("a transaction of 2.0", resealed(good, transactions=[unsent]), SchemaValidationError),
        ("a changed transaction", resealed(good, transactions=[{**created(), "metadata": {"n": 1}}]),
         InvalidHash),
        ("two of them without id", resealed(good, transactions=[{}, {}]), DuplicateTransaction),
        ("a float that is none", {**good, "block": {**good["block"], "transactions": [{"x": float("inf")}]}},
         ValidationError),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "block", "error"), broken_blocks(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_the_first_broken_rule_is_named(name: str, block: Document, error: type[LaminaError]) -> None:
    with pytest.raises(error) as refusal:
        open_block(block, MEMBERS)
    assert type(refusal.value) is error, name


def test_the_voters_are_the_membership() -> None:
    both = frozenset({node.public, stranger.public})
    check_voters(open_block(block_of(created(), voters=(stranger.public, node.public)), both), both)
    for voters in ((node.public,), (node.public, stranger.public, alice.public), ()):
        with pytest.raises(ValidationError):
            check_voters(open_block(block_of(created(), voters=voters), both), both)


def test_transactions_are_held_to_the_chain() -> None:
    source = parse_transaction(created())
    block = open_block(block_of(sent(created(), bob)), MEMBERS)
    (spending,) = block.transactions
    known = {source.id: (source, Status.VALID)}
    (output,) = spending.spends
    check(block, BlockView(ChainView(known), frozenset(), "f" * 64), strict_owners=True)
    own = ChainView(known, frozenset(), {output: {spending.id}})
    check(block, BlockView(own, frozenset(), "f" * 64), strict_owners=True)
    taken = ChainView(known, frozenset(), {output: {"e" * 64}})
    with pytest.raises(DoubleSpend):
        check(block, BlockView(taken, frozenset(), "f" * 64), strict_owners=True)
    with pytest.raises(DuplicateTransaction):
        check(block, BlockView(ChainView(known), {spending.id}, "f" * 64), strict_owners=True)


def genesis_block() -> Document:
    return block_of(build.sign(build.genesis(node.public), [node]))


def test_a_genesis_block_is_the_first_or_none() -> None:
    block = open_block(genesis_block(), MEMBERS)
    for genesis in (None, block.id):
        check(block, BlockView(ChainView(), frozenset(), genesis), strict_owners=True)
    with pytest.raises(GenesisBlockAlreadyExistsError):
        check(block, NOTHING, strict_owners=True)


def test_a_genesis_transaction_must_be_signed_and_alone() -> None:
    genesis = genesis_block()["block"]["transactions"][0]
    with pytest.raises(GenesisBlockAlreadyExistsError):
        open_block(block_of(genesis, created()), MEMBERS)
    unsigned = {
        **genesis,
        "inputs": [{**genesis["inputs"][0], "fulfillment": created()["inputs"][0]["fulfillment"]}],
    }
    with pytest.raises(InvalidSignature):
        check(
            open_block(block_of(unsigned), MEMBERS),
            BlockView(ChainView(), frozenset(), None),
            strict_owners=True,
        )
