"""How the stand-in gateway reads what clients ask in GraphQL."""

import json
from typing import Any

import pytest

from lamina.devnet.gateway import question
from lamina.devnet.gateway.question import BadQuestion, Question
from lamina.formats.ans104 import Draft, Ed25519Signer, parse, sign
from lamina.formats.avro_tags import Tag

SIGNER = Ed25519Signer.from_seed(bytes(32))
ITEM = parse(sign(Draft((Tag("Type", "Module"), Tag("A", "1")), target=b"t" * 32), SIGNER).to_bytes())


def read(query: str, **variables: Any) -> Question:
    return question.read(json.dumps({"query": query, "variables": variables}).encode())


def test_ids_by_variable_and_in_the_text() -> None:
    by_variable = read(
        "query Q($i: [ID!]!) { transactions(ids: $i) { edges { node { id } } } }", i=["a", "b"]
    )
    assert by_variable.ids == {"a", "b"}
    assert read('{ transactions(ids: ["a" "b"]) { edges { node { id } } } }') == by_variable
    assert read('{ transactions(ids: "a") { edges { cursor } } }').ids == {"a"}


def test_owners_tags_order_and_number() -> None:
    asked = read(
        """
        query GetTransactions ($owner: String!) {
          transactions (
            owners: [$owner]
            tags: [{ name: "A", values: ["1", "(\\"2)"] }, { op: EQ, name: "B", values: "3" }]
            # only one: }
            sort: HEIGHT_ASC, first: 1, after: null
          ) { edges { node { tags { name value } } } }
        }
        """,
        owner="me",
    )
    assert asked == Question(
        owners=frozenset({"me"}),
        tags=(("A", frozenset({"1", '("2)'})), ("B", frozenset({"3"}))),
        first=1,
        oldest_first=True,
    )


@pytest.mark.parametrize(
    ("arguments", "admitted"),
    [
        (f'ids: "{ITEM.id}"', True),
        ('ids: "x"', False),
        ("ids: []", False),
        (f'owners: "{ITEM.owner_address}", recipients: "dHR0dHR0dHR0dHR0dHR0dHR0dHR0dHR0dHR0dHR0dHQ"', True),
        ('recipients: ""', False),
        ('tags: [{name: "Type", values: ["X", "Module"]}, {name: "A", values: ["1"]}]', True),
        ('tags: [{name: "Type", values: ["Module"]}, {name: "A", values: ["2"]}]', False),
    ],
)
def test_which_items_are_asked_for(arguments: str, admitted: bool) -> None:
    assert read(f"{{ transactions({arguments}) {{ edges }} }}").admits(ITEM) is admitted


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"[]",
        b'{"query": 1}',
        b'{"query": "{ block(id: 1) { id } }"}',
        b'{"query": "{ transactions(ids: [", "variables": null}',
        b'{"query": "{ transactions(ids 1)"}',
        b'{"query": "{ transactions(first: -1)"}',
        b'{"query": "{ transactions(after: 1)"}',
        b'{"query": "{ transactions(tags: [1])"}',
        b'{"query": "{ transactions(tags: [{name: 1, values: 2}])"}',
        b'{"query": "{ transactions(ids: ' + b"[" * 60_000 + b'"}',
        b'{"query": "{ transactions(first: ' + b"1" * 60_000 + b')"}',
    ],
)
def test_what_cannot_be_read_is_refused(body: bytes) -> None:
    with pytest.raises(BadQuestion):
        question.read(body)
