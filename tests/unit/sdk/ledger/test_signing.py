import pytest

from lamina.formats.errors import FormatError
from lamina.formats.signatures import KeyPair
from lamina.sdk.ledger.signing import signed_create, signed_transfer

ALICE, BOB = (KeyPair.from_seed(bytes([number]) * 32) for number in (1, 2))


def test_creators_own_one_of_it_unless_others_are_named() -> None:
    (output,) = signed_create(ALICE, None, None, None)["outputs"]
    assert (output["public_keys"], output["amount"]) == ([ALICE.public], "1")
    (both,) = signed_create([ALICE, BOB], None, None, None)["outputs"]
    assert both["public_keys"] == [ALICE.public, BOB.public]
    assert both["condition"]["details"]["threshold"] == 2
    (given,) = signed_create(ALICE, None, [(BOB.public, 9)], None)["outputs"]
    assert (given["public_keys"], given["amount"]) == ([BOB.public], "9")


def test_a_transfer_keeps_the_asset_of_what_it_spends() -> None:
    made = signed_create(ALICE, {"a": 1}, None, None)
    first = signed_transfer(made, [(BOB.public, 1)], ALICE, None, None)
    second = signed_transfer(first, [(ALICE.public, 1)], BOB, None, {"m": 1})
    assert first["asset"] == second["asset"] == {"id": made["id"]}
    assert second["inputs"][0]["fulfills"]["transaction_id"] == first["id"]


def test_only_the_named_outputs_are_spent() -> None:
    made = signed_create(ALICE, None, [(ALICE.public, 1), (BOB.public, 2)], None)
    moved = signed_transfer(made, [(ALICE.public, 2)], [BOB], [1], None)
    assert [entry["fulfills"]["output_index"] for entry in moved["inputs"]] == [1]
    with pytest.raises(IndexError):
        signed_transfer(made, [(ALICE.public, 2)], [BOB], [2], None)


def test_what_cannot_be_signed_is_not_made() -> None:
    made = signed_create(ALICE, None, None, None)
    with pytest.raises(FormatError):
        signed_transfer(made, [(BOB.public, 1)], BOB, None, None)
    with pytest.raises(ValueError, match="at least one key"):
        signed_create([], None, None, None)
