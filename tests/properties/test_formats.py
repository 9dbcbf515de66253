"""What must hold of every codec for any input."""

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import canonical_reference

from lamina.formats import base58, base64url, canonical_json, conditions, signatures, transaction
from lamina.formats.errors import FormatError
from lamina.formats.float_text import float_text
from lamina.formats.hashes import sha3_256_hex
from lamina.formats.signatures import KeyPair

any_number = settings(max_examples=200, deadline=None, database=None)
few = settings(max_examples=60, deadline=None, database=None)

PAIRS = [KeyPair.from_seed(bytes((number,)) * 32) for number in range(1, 7)]
KEYS = [pair.public for pair in PAIRS]
MESSAGE = b"message"
SIGNATURES = {pair.public: pair.sign(MESSAGE) for pair in PAIRS}

texts = st.text(st.characters(exclude_categories=["Cs"])) | st.text(
    '\\/"u01bf\x00\x0b\x1f\x7f\u2028\U0001f600', max_size=12
)
integers = st.integers() | st.integers(-(2**65), 2**65) | st.integers(-(10**40), 10**40)
floats = st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | integers | floats | texts
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts, inner, max_size=5),
    max_leaves=25,
)
leaves = st.sampled_from(KEYS).map(transaction.ed25519)


def thresholds(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    members = st.lists(inner, min_size=1, max_size=4)
    return members.flatmap(lambda m: st.integers(1, len(m)).map(lambda t: transaction.threshold(t, m)))


details = st.recursive(leaves, thresholds, max_leaves=12)


@any_number
@given(st.binary(max_size=90))
def test_base58_round_trip(data: bytes) -> None:
    assert base58.decode(base58.encode(data)) == data


@any_number
@given(st.text(base58.ALPHABET, max_size=base58.TEXT_CHARS_MAX))
def test_base58_text_round_trip(text: str) -> None:
    assert base58.encode(base58.decode(text)) == text


@any_number
@given(st.text() | st.text(base58.ALPHABET + "0OIl ", max_size=140))
def test_base58_refuses_only_with_format_errors(text: str) -> None:
    try:
        data = base58.decode(text)
    except FormatError:
        return
    assert base58.encode(data) == text


@any_number
@given(st.binary(max_size=300))
def test_base64url_round_trip(data: bytes) -> None:
    assert base64url.decode(base64url.encode(data)) == data


@any_number
@given(st.text() | st.text("AZaz09-_+/=\n", max_size=9))
def test_base64url_accepts_only_what_it_writes(text: str) -> None:
    try:
        data = base64url.decode(text)
    except FormatError:
        return
    assert base64url.encode(data) == text


@any_number
@given(floats)
def test_float_text_reads_back_and_agrees_with_the_reference(x: float) -> None:
    text = float_text(x)
    assert float(text) == x
    assert math.copysign(1, float(text)) == math.copysign(1, x)
    assert text == canonical_reference.float_text(x)


@any_number
@given(values)
def test_canonical_bytes_agree_with_the_reference(value: object) -> None:
    encoded = canonical_json.encode(value)
    assert encoded == canonical_reference.canonical(value).encode()
    assert canonical_json.encode(canonical_json.parse(encoded)) == encoded


@any_number
@given(st.dictionaries(texts, scalars, max_size=8), st.randoms(use_true_random=False))
def test_hash_does_not_depend_on_insertion_order(value: dict[str, object], chance: Any) -> None:
    items = list(value.items())
    chance.shuffle(items)
    shuffled = canonical_json.encode(dict(items))
    assert sha3_256_hex(shuffled) == sha3_256_hex(canonical_json.encode(value))


@any_number
@given(st.binary(max_size=40) | st.text('{}[]",:\\u0dead1e-.+ntf ', max_size=30).map(str.encode))
def test_parse_refuses_only_with_format_errors(data: bytes) -> None:
    try:
        value = canonical_json.parse(data)
    except FormatError:
        return
    encoded = canonical_json.encode(value)
    assert canonical_json.encode(canonical_json.parse(encoded)) == encoded


@any_number
@given(st.text(), st.text(max_size=3))
def test_encode_refuses_only_with_format_errors(text: str, name: str) -> None:
    try:
        encoded = canonical_json.encode({name: [text, 1.5]})
    except FormatError:
        assert any(0xD800 <= ord(character) < 0xE000 for character in name + text)
        return
    assert canonical_json.parse(encoded) == {name: [text, 1.5]}


@any_number
@given(st.binary(max_size=80), st.binary(max_size=40), st.binary(max_size=70))
def test_verify_never_raises(message: bytes, public_key: bytes, signature: bytes) -> None:
    assert signatures.verify(public_key, message, signature) is False


@any_number
@given(details)
def test_a_fulfillment_meets_its_condition(tree: dict[str, Any]) -> None:
    text = conditions.fulfill(tree, SIGNATURES)
    fulfillment = conditions.parse_fulfillment(text)
    assert fulfillment.encode() == text
    assert fulfillment.condition_uri == conditions.condition_uri(tree)
    assert fulfillment.verify(MESSAGE)
    assert not fulfillment.verify(b"another message")
    assert {base58.encode_key(raw) for raw in fulfillment.signers} <= conditions.details_keys(tree)


@few
@given(details, st.sets(st.sampled_from(KEYS)))
def test_fulfillment_exists_exactly_when_enough_keys_sign(tree: dict[str, Any], keys: set[str]) -> None:
    def met(node: dict[str, Any]) -> bool:
        if "public_key" in node:
            return node["public_key"] in keys
        return sum(map(met, node["subconditions"])) >= node["threshold"]

    given_signatures = {key: SIGNATURES[key] for key in keys}
    if met(tree):
        text = conditions.fulfill(tree, given_signatures)
        assert conditions.parse_fulfillment(text).condition_uri == conditions.condition_uri(tree)
    else:
        with pytest.raises(FormatError):
            conditions.fulfill(tree, given_signatures)


@few
@given(details, st.randoms(use_true_random=False))
def test_condition_does_not_depend_on_member_order(tree: dict[str, Any], chance: Any) -> None:
    def shuffled(node: dict[str, Any]) -> dict[str, Any]:
        if "public_key" in node:
            return node
        members = [shuffled(member) for member in node["subconditions"]]
        chance.shuffle(members)
        return {**node, "subconditions": members}

    assert conditions.condition_uri(shuffled(tree)) == conditions.condition_uri(tree)


@any_number
@given(details, st.data())
def test_altered_fulfillments_are_refused_or_read_as_written(
    tree: dict[str, Any], data: st.DataObject
) -> None:
    raw = bytearray(base64url.decode(conditions.fulfill(tree, SIGNATURES)))
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    text = base64url.encode(bytes(raw[: data.draw(st.integers(len(raw) - 3, len(raw)))]))
    try:
        fulfillment = conditions.parse_fulfillment(text)
    except FormatError:
        return
    assert fulfillment.encode() == text
    assert fulfillment.condition_uri.startswith("ni:///sha-256;")


@any_number
@given(st.binary(max_size=120) | st.text().map(str.encode))
def test_any_bytes_are_refused_or_read_as_written(data: bytes) -> None:
    for raw in (data, b"\xa2" + bytes((len(data) % 128,)) + data, b"\xa4\x64" + data):
        text = base64url.encode(raw)
        try:
            assert conditions.parse_fulfillment(text).encode() == text
        except FormatError:
            continue


@few
@given(st.dictionaries(texts, values, max_size=4), details, st.integers(1, 9 * 10**18))
def test_signed_transactions_survive_the_wire(
    asset: dict[str, Any], owner: dict[str, Any], amount: int
) -> None:
    body = transaction.create(owner, [(owner, amount)], asset, None)
    signed = transaction.sign(body, PAIRS)
    received = canonical_json.parse(canonical_json.encode(signed))
    assert transaction.transaction_id(received) == signed["id"]
    (spend,) = received["inputs"]
    fulfillment = conditions.parse_fulfillment(spend["fulfillment"])
    assert fulfillment.verify(transaction.signed_message(received))
    assert fulfillment.condition_uri == received["outputs"][0]["condition"]["uri"]
