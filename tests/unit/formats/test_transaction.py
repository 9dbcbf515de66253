import copy
import hashlib
import json
from typing import Any

import pytest
from tests.canonical_reference import canonical

from lamina.formats import conditions, transaction
from lamina.formats.errors import FormatError
from lamina.formats.signatures import KeyPair

ANN, BOB, EVE = (KeyPair.from_seed(bytes((number,)) * 32) for number in (1, 2, 3))


def plain_text(body: dict[str, Any], *, with_id: bool) -> bytes:
    """The hashed form by the standard library; right for bodies of ASCII text."""
    copied = copy.deepcopy(body)
    for spend in copied["inputs"]:
        spend["fulfillment"] = None
    if not with_id:
        copied.pop("id", None)
    return json.dumps(copied, sort_keys=True, separators=(",", ":")).encode()


def bicycle(**more: Any) -> dict[str, Any]:
    return transaction.create([ANN.public], [([ANN.public], 10)], {"name": "bicycle"}, more or None)


def assert_signed(body: dict[str, Any]) -> None:
    message = plain_text(body, with_id=True)
    assert body["id"] == hashlib.sha3_256(plain_text(body, with_id=False)).hexdigest()
    for spend in body["inputs"]:
        assert conditions.parse_fulfillment(spend["fulfillment"]).verify(message)


def test_create_has_the_seven_keys_once_signed() -> None:
    signed = transaction.sign(bicycle(note="new"), [ANN])
    assert set(signed) == {"id", "version", "operation", "asset", "metadata", "inputs", "outputs"}
    assert signed["version"] == "1.0"
    assert signed["operation"] == "CREATE"
    assert signed["asset"] == {"data": {"name": "bicycle"}}
    assert signed["metadata"] == {"note": "new"}
    assert [output["amount"] for output in signed["outputs"]] == ["10"]
    assert_signed(signed)


def test_a_fixed_transaction_keeps_its_id() -> None:
    """Held still on purpose: a change here changes every id ever made."""
    asset = {"f": [0.1 + 0.2, 1e21], "c": "\x1f"}
    body = transaction.create([ANN.public], [([BOB.public], 3)], asset, {"k": "\xe9"})
    expected = "8e5f646f11d3341bec164a48a1a8f842e7973e5332b84742330b54380c910fa7"
    assert transaction.transaction_id(body) == expected
    unsigned = {**body, "inputs": [{**body["inputs"][0], "fulfillment": None}]}
    assert hashlib.sha3_256(canonical(unsigned).encode()).hexdigest() == expected


def test_transfer_spends_what_inputs_of_says() -> None:
    source = transaction.sign(bicycle(), [ANN])
    inputs = transaction.inputs_of(source)
    assert inputs == [
        {
            "owners_before": [ANN.public],
            "fulfills": {"transaction_id": source["id"], "output_index": 0},
            "fulfillment": transaction.ed25519(ANN.public),
        }
    ]
    moved = transaction.sign(
        transaction.transfer(inputs, [([BOB.public], 4), ([ANN.public], 6)], source["id"], None), [ANN]
    )
    assert moved["asset"] == {"id": source["id"]}
    assert_signed(moved)
    uri = conditions.parse_fulfillment(moved["inputs"][0]["fulfillment"]).condition_uri
    assert uri == source["outputs"][0]["condition"]["uri"]


def test_inputs_of_chosen_outputs() -> None:
    source = transaction.sign(
        transaction.create(
            [ANN.public], [([ANN.public], 1), ([BOB.public], 2), ([EVE.public], 3)], None, None
        ),
        [ANN],
    )
    chosen = transaction.inputs_of(source, [2, 0])
    assert [spend["fulfills"]["output_index"] for spend in chosen] == [2, 0]
    assert [spend["owners_before"] for spend in chosen] == [[EVE.public], [ANN.public]]
    assert len(transaction.inputs_of(source)) == 3
    assert transaction.inputs_of(source, []) == []


def test_inputs_name_owners_even_where_the_output_does_not() -> None:
    source = transaction.sign(bicycle(), [ANN])
    source["outputs"][0]["public_keys"] = None
    assert transaction.inputs_of(source)[0]["owners_before"] == [ANN.public]


def test_genesis_is_as_the_original_made_it() -> None:
    signed = transaction.sign(transaction.genesis(ANN.public), [ANN])
    assert signed["operation"] == "GENESIS"
    assert signed["asset"] == {"data": None}
    assert signed["metadata"] == {"message": "Hello World from the BigchainDB"}
    assert [(output["public_keys"], output["amount"]) for output in signed["outputs"]] == [
        ([ANN.public], "1")
    ]
    assert_signed(signed)


@pytest.mark.parametrize(
    ("recipient", "details"),
    [
        (ANN.public, transaction.ed25519(ANN.public)),
        ([ANN.public], transaction.ed25519(ANN.public)),
        (
            (ANN.public, BOB.public),
            transaction.threshold(2, [transaction.ed25519(k.public) for k in (ANN, BOB)]),
        ),
        (
            [ANN.public, [BOB.public, EVE.public]],
            transaction.threshold(
                2,
                [
                    transaction.ed25519(ANN.public),
                    transaction.threshold(
                        2, [transaction.ed25519(BOB.public), transaction.ed25519(EVE.public)]
                    ),
                ],
            ),
        ),
        (
            transaction.threshold(1, [transaction.ed25519(EVE.public), transaction.ed25519(ANN.public)]),
            transaction.threshold(1, [transaction.ed25519(EVE.public), transaction.ed25519(ANN.public)]),
        ),
    ],
)
def test_recipients(recipient: Any, details: dict[str, Any]) -> None:
    (output,) = transaction.create([ANN.public], [(recipient, 1)], None, None)["outputs"]
    assert output["condition"] == {"details": details, "uri": conditions.condition_uri(details)}
    assert set(output["public_keys"]) == conditions.details_keys(details)


@pytest.mark.parametrize(
    "recipient", [[], [[]], [[ANN.public]], [ANN.public, [BOB.public]], [ANN.public, []]]
)
def test_recipients_without_enough_keys_are_refused(recipient: Any) -> None:
    with pytest.raises(ValueError, match="key"):
        transaction.create([ANN.public], [(recipient, 1)], None, None)
    with pytest.raises(ValueError, match="key"):
        transaction.create(recipient, [([ANN.public], 1)], None, None)


@pytest.mark.parametrize("key", ["", "abc", "0" * 44, "1" * 1000])
def test_bad_keys_are_refused(key: str) -> None:
    for build in (
        lambda: transaction.create([key], [([ANN.public], 1)], None, None),
        lambda: transaction.create([ANN.public], [([key], 1)], None, None),
        lambda: transaction.genesis(key),
    ):
        with pytest.raises(FormatError):
            build()


@pytest.mark.parametrize("amount", [0, -1, 1.5, True, "1", None])
def test_amounts_are_whole_numbers_from_one(amount: Any) -> None:
    with pytest.raises(ValueError, match="amount"):
        transaction.create([ANN.public], [([ANN.public], amount)], None, None)


def test_amounts_become_digits() -> None:
    body = transaction.create([ANN.public], [([ANN.public], 9 * 10**18)], None, None)
    assert body["outputs"][0]["amount"] == "9000000000000000000"


def test_several_signers_all_sign() -> None:
    body = transaction.create([ANN.public, BOB.public], [([ANN.public], 1)], None, None)
    assert body["inputs"][0]["owners_before"] == [ANN.public, BOB.public]
    assert_signed(transaction.sign(body, [BOB, ANN, EVE]))
    with pytest.raises(FormatError):
        transaction.sign(body, [ANN])


def test_m_of_n_is_signed_by_those_who_are_there() -> None:
    owners = transaction.threshold(2, [transaction.ed25519(k.public) for k in (ANN, BOB, EVE)])
    source = transaction.sign(transaction.create([ANN.public], [(owners, 5)], None, None), [ANN])
    unsigned = transaction.transfer(transaction.inputs_of(source), [([ANN.public], 5)], source["id"], None)
    moved = transaction.sign(unsigned, [EVE, ANN])
    assert_signed(moved)
    fulfillment = conditions.parse_fulfillment(moved["inputs"][0]["fulfillment"])
    assert fulfillment.condition_uri == source["outputs"][0]["condition"]["uri"]
    with pytest.raises(FormatError):
        transaction.sign(unsigned, [EVE])


def test_signing_leaves_the_unsigned_one_alone_and_happens_once() -> None:
    body = bicycle()
    before = copy.deepcopy(body)
    signed = transaction.sign(body, [ANN])
    assert body == before
    with pytest.raises(FormatError):
        transaction.sign(signed, [ANN])


def test_id_ignores_fulfillments_and_the_message_includes_the_id() -> None:
    body = bicycle()
    signed = transaction.sign(body, [ANN])
    assert transaction.transaction_id(signed) == transaction.transaction_id(body) == signed["id"]
    assert transaction.signed_message(signed) == plain_text(signed, with_id=True)
    assert signed["id"].encode() in transaction.signed_message(signed)


def test_a_body_without_canonical_form_is_refused() -> None:
    with pytest.raises(FormatError):
        transaction.transaction_id(bicycle(bad=float("nan")))
