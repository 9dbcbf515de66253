"""Whatever the documented transaction schema admits, the gate of POST admits too."""

import copy
import string
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from lamina.formats import transaction as build
from lamina.formats.signatures import KeyPair
from lamina.services.ledger.api.openapi import document
from lamina.services.ledger.errors import SchemaValidationError
from lamina.services.ledger.rules import schema
from lamina.services.ledger.settings import LedgerSettings

ALICE, BOB = (KeyPair.from_seed(bytes([number]) * 32) for number in (1, 2))
MINT = build.sign(
    build.create([ALICE.public, BOB.public], [([ALICE.public, BOB.public], 5)], {"n": [1.5]}, {"m": None}),
    [ALICE, BOB],
)
MOVE = build.sign(
    build.transfer(build.inputs_of(MINT), [(BOB.public, 2), (ALICE.public, 3)], MINT["id"], None),
    [ALICE, BOB],
)
COMPONENTS = document(LedgerSettings(), "ws://localhost:9985")["components"]
DOCUMENTED = jsonschema_rs.Draft202012Validator(
    {"$ref": "#/components/schemas/Transaction", "components": COMPONENTS}
)

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1, 101),
    st.sampled_from(["1.0", "CREATE", "TRANSFER", "GENESIS", "0", "9", "", "ed25519-sha-256", MINT["id"]]),
    st.text(string.ascii_letters + string.digits, max_size=45),
)
values = st.one_of(
    scalars,
    st.lists(scalars, max_size=2),
    st.dictionaries(st.sampled_from(["id", "data", "type", "fulfills", "x"]), scalars, max_size=2),
)


def places(node: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths to everything inside a document."""
    entries = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in entries:
        yield (*at, key)
        yield from places(child, (*at, key))


@st.composite
def transactions(draw: st.DrawFn) -> dict[str, Any]:
    """A real transaction, changed in up to three places."""
    made = copy.deepcopy(draw(st.sampled_from([MINT, MOVE])))
    for _ in range(draw(st.integers(0, 3))):
        *parents, last = draw(st.sampled_from(list(places(made)) or [("id",)]))
        parent = made
        for step in parents:
            parent = parent[step]
        match draw(st.sampled_from(["replace", "remove", "add"])):
            case "remove":
                del parent[last]
            case "add" if isinstance(parent, dict):
                parent[draw(st.sampled_from(["id", "data", "extra"]))] = draw(values)
            case _:
                parent[last] = draw(values)
    return made


@given(transactions())
@example(MINT)
@example(MOVE)
@settings(max_examples=200, deadline=None)
def test_the_documented_schema_is_within_the_gate(transaction: dict[str, Any]) -> None:
    is_documented = DOCUMENTED.is_valid(transaction)
    event(f"documented: {is_documented}")
    try:
        schema.check(transaction)
    except SchemaValidationError:
        assert not is_documented, transaction


def test_real_transactions_are_documented() -> None:
    assert DOCUMENTED.is_valid(MINT)
    assert DOCUMENTED.is_valid(MOVE)
