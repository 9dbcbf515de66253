"""Every encoding the original 1.0.1 code produced, byte for byte."""

import struct
from typing import Any

import pytest
from tests.shared_data import shared_records

from lamina.formats import base58, base64url, canonical_json, conditions, signatures, transaction
from lamina.formats.errors import FormatError
from lamina.formats.float_text import float_text
from lamina.formats.hashes import sha3_256_hex


def valid_transactions() -> list[dict[str, Any]]:
    return shared_records("ledger", "valid_transactions.jsonl")


def fulfillments(*, parseable: bool) -> list[dict[str, Any]]:
    records = shared_records("ledger", "fulfillments.jsonl")
    return [record for record in records if ("details" in record) == parseable]


def test_serialization_bytes_and_hash() -> None:
    records = shared_records("ledger", "serialization.jsonl")
    assert len(records) == 34
    for record in records:
        encoded = canonical_json.encode(canonical_json.parse(record["json"].encode()))
        assert encoded.hex() == record["utf8_hex"], record["json"]
        assert encoded.decode() == record["canonical"]
        assert sha3_256_hex(encoded) == record["sha3_256"]


def test_float_texts() -> None:
    records = shared_records("ledger", "floats.jsonl")
    assert len(records) == 4000
    values = [struct.unpack(">d", bytes.fromhex(record["ieee754_be_hex"]))[0] for record in records]
    assert [float_text(value) for value in values] == [record["canonical"] for record in records]
    assert [repr(value) for value in values] == [record["python_repr"] for record in records]


def test_conditions_of_details() -> None:
    for record in fulfillments(parseable=True):
        details = record["details"]
        assert conditions.condition_uri(details) == record["condition_uri"], record["name"]
        assert conditions.condition_cost(details) == record["cost"]
        assert conditions.condition_der(details).hex() == record["condition_der_hex"]
        contents = conditions.fingerprint_contents(details)
        assert contents.hex() == record["fingerprint_contents_hex"]


def test_fulfillments() -> None:
    records = fulfillments(parseable=True)
    assert len(records) == 16
    for record in records:
        text = record["fulfillment_uri"]
        fulfillment = conditions.parse_fulfillment(text)
        assert fulfillment.encode() == text, record["name"]
        assert base64url.decode(text).hex() == record["fulfillment_der_hex"]
        assert len(base64url.decode(text)) == record["fulfillment_length"]
        assert fulfillment.condition_uri == record["derived_condition_uri"]
        assert (fulfillment.condition_uri == record["condition_uri"]) == record["matches_condition"]
        assert fulfillment.verify(record["message"].encode()) == record["signature_valid"]


def test_ed25519_fulfillment_fields() -> None:
    record = fulfillments(parseable=True)[0]
    fulfillment = conditions.parse_fulfillment(record["fulfillment_uri"])
    public_key, signature = (bytes.fromhex(record[name]) for name in ("public_key_hex", "signature_hex"))
    assert fulfillment.signers == {public_key}
    assert base58.encode_key(public_key) == record["details"]["public_key"]
    assert signatures.verify(public_key, record["message"].encode(), signature)


def test_fulfillments_are_rebuilt_from_their_signatures() -> None:
    """The original's own choice of members and order, given the same signatures."""
    for record in fulfillments(parseable=True):
        if not record["matches_condition"]:
            continue
        raw = base64url.decode(record["fulfillment_uri"])
        given = {}
        for key in conditions.details_keys(record["details"]):
            at = raw.find(b"\xa4\x64\x80\x20" + base58.decode_key(key))
            if at >= 0:
                given[key] = raw[at + 38 : at + 102]
        assert conditions.fulfill(record["details"], given) == record["fulfillment_uri"], record["name"]


def test_unparseable_fulfillments() -> None:
    records = fulfillments(parseable=False)
    assert len(records) == 6
    for record in records:
        with pytest.raises(FormatError):
            conditions.parse_fulfillment(record["fulfillment_uri"])


def test_transaction_ids_and_messages() -> None:
    records = valid_transactions()
    assert len(records) == 74
    for record in records:
        body = record["transaction"]
        assert transaction.transaction_id(body) == body["id"], record["name"]
        assert sha3_256_hex(record["id_preimage"].encode()) == body["id"]
        assert transaction.signed_message(body) == record["signed_message"].encode()


def test_transactions_survive_parse_and_encode() -> None:
    for record in valid_transactions():
        encoded = canonical_json.encode(record["transaction"])
        assert canonical_json.encode(canonical_json.parse(encoded)) == encoded, record["name"]


def test_transaction_signatures_and_conditions() -> None:
    outputs = {}
    for record in valid_transactions():
        body, message = record["transaction"], record["signed_message"].encode()
        for index, output in enumerate(body["outputs"]):
            outputs[body["id"], index] = output
            details = output["condition"]["details"]
            assert conditions.condition_uri(details) == output["condition"]["uri"], record["name"]
            assert conditions.details_keys(details) >= set(output["public_keys"] or ())
        for spend in body["inputs"]:
            fulfillment = conditions.parse_fulfillment(spend["fulfillment"])
            assert fulfillment.verify(message), record["name"]
            if link := spend["fulfills"]:
                spent = outputs[link["transaction_id"], link["output_index"]]
                assert fulfillment.condition_uri == spent["condition"]["uri"]


def test_driver_built_outputs() -> None:
    """Recipients as the original's driver takes them give the outputs it made."""
    by_name = {record["name"]: record["transaction"] for record in valid_transactions()}
    nested = by_name["create_nested_output"]["outputs"][0]
    a, b, c = nested["public_keys"]
    assert transaction.create([a], [([a, [b, c]], 4)], None, None)["outputs"] == [nested]
    for name in ("create_duplicate_owner", "create_driver_offchain", "create_minimal"):
        output = by_name[name]["outputs"][0]
        built = transaction.create([a], [(output["public_keys"], int(output["amount"]))], None, None)
        assert built["outputs"] == [output], name


def test_block_ids() -> None:
    for record in shared_records("ledger", "blocks.jsonl"):
        block = record["block"]
        message = canonical_json.encode(block["block"])
        assert message == record["signed_message"].encode(), record["name"]
        assert (sha3_256_hex(message) == block["id"]) == (record["name"] != "block_wrong_id")


def test_block_signatures() -> None:
    for record in shared_records("ledger", "blocks.jsonl"):
        if not record["valid"]:
            continue
        block = record["block"]
        public_key = base58.decode_key(block["block"]["node_pubkey"])
        signature = base58.decode(block["signature"])
        assert signatures.verify(public_key, record["signed_message"].encode(), signature), record["name"]
        assert base58.encode(signature) == block["signature"]


def test_too_deep_details_parse_and_are_named() -> None:
    records = shared_records("ledger", "invalid_transactions.jsonl")
    body = next(record["transaction"] for record in records if record["name"] == "threshold_too_deep")
    parsed = canonical_json.parse(canonical_json.encode(body))
    with pytest.raises(conditions.ThresholdTooDeep):
        conditions.condition_uri(parsed["outputs"][0]["condition"]["details"])


def test_unsigned_form_of_the_driver() -> None:
    """An unsigned transaction of the original carries details, and its id ignores them."""
    records = shared_records("ledger", "invalid_transactions.jsonl")
    unsigned = next(record["transaction"] for record in records if record["name"] == "unsigned_details")
    (key,) = unsigned["inputs"][0]["owners_before"]
    built = transaction.create([key], [([key], 1)], unsigned["asset"]["data"], unsigned["metadata"])
    assert {**built, "id": transaction.transaction_id(built)} == unsigned
