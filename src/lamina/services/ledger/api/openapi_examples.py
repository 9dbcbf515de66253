"""Example answers of the OpenAPI document, made by the code that makes the real ones.

The keys are derived from public words and the signatures are right: the example transaction can be posted.
"""

from hashlib import sha256
from typing import Any, NamedTuple

import orjson

from lamina.formats import transaction as build
from lamina.formats.signatures import KeyPair
from lamina.services.ledger import render
from lamina.services.ledger.model.block import seal_block
from lamina.services.ledger.model.transaction import Outpoint
from lamina.services.ledger.model.vote import sign_vote
from lamina.services.ledger.rules.form import parse_transaction

Document = dict[str, Any]

_TIMESTAMP = "1500018524"


class Examples(NamedTuple):
    """One chain of two transactions, and how each endpoint shows it."""

    key: str
    create: Document
    transfer: Document
    block: Document
    vote: Document
    node: Document
    collections: Document
    outputs: list[Document]
    assets: list[Document]
    event: Document


def make_examples(streams: str) -> Examples:
    """Build the examples.

    Args:
        streams: the event stream's URL that this node advertises.
    """
    node, alice, bob = (_key_of(word) for word in ("node", "alice", "bob"))
    bicycle = {"name": "City bicycle", "serial_number": "abcd1234"}
    create = build.sign(
        build.create(alice.public, [(alice.public, 1)], bicycle, {"planet": "earth"}), [alice]
    )
    unsigned = build.transfer(build.inputs_of(create), [(bob.public, 1)], create["id"], None)
    transfer = build.sign(unsigned, [alice])
    block = seal_block([parse_transaction(create)], node=node, voters=[node.public], timestamp=_TIMESTAMP)
    genesis = sha256(b"lamina example genesis").hexdigest()
    vote = sign_vote(node, block_id=block.id, previous_block=genesis, is_valid=True, timestamp=_TIMESTAMP)
    return Examples(
        key=alice.public,
        create=create,
        transfer=transfer,
        block=orjson.loads(block.body),
        vote=orjson.loads(vote.body),
        node=orjson.loads(render.root(node.public, (), streams)),
        collections=orjson.loads(render.api_v1(streams)),
        outputs=[orjson.loads(entry) for entry in render.outputs([Outpoint(create["id"], 0)])],
        assets=[orjson.loads(render.asset(create["id"], block.transactions[0].body))],
        event=orjson.loads(render.event(block.id, create["id"], create["id"])),
    )


def _key_of(word: str) -> KeyPair:
    """A key pair that everybody can know; it guards nothing."""
    return KeyPair.from_seed(sha256(f"lamina example {word}".encode()).digest())
