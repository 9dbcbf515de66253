import time
from typing import Any

import pytest

from lamina.formats import base58, base64url, conditions
from lamina.formats.conditions import der
from lamina.formats.errors import FormatError
from lamina.formats.signatures import KeyPair

MESSAGE = b"message"
PAIRS = [KeyPair.from_seed(bytes((number,)) * 32) for number in range(1, 6)]
LEAF = b"\xa4\x64\x80\x20" + base58.decode_key(PAIRS[0].public) + b"\x81\x40" + PAIRS[0].sign(MESSAGE)
CONDITION = conditions.condition_der({"type": "ed25519-sha-256", "public_key": PAIRS[1].public})


def ed25519(index: int) -> dict[str, Any]:
    return {"type": "ed25519-sha-256", "public_key": PAIRS[index].public}


def threshold(m: int, *members: dict[str, Any]) -> dict[str, Any]:
    return {"type": "threshold-sha-256", "threshold": m, "subconditions": list(members)}


def signed_by(*indices: int) -> dict[str, bytes]:
    return {PAIRS[index].public: PAIRS[index].sign(MESSAGE) for index in indices}


def gate(fulfilled: bytes, others: bytes = b"") -> bytes:
    """DER of a threshold fulfillment from the DER of its members."""
    return der.element(0xA2, der.element(0xA0, fulfilled) + der.element(0xA1, others))


def parse(raw: bytes) -> conditions.Fulfillment:
    return conditions.parse_fulfillment(base64url.encode(raw))


def test_public_example_of_the_draft() -> None:
    text = (
        "pGSAIOwXK5OtXlY79JMscOEkUDTDVGfvLv1NZOv4GWg0Z-K_gUC2IpH62UMvjymLnEpIldvik_b_2hpo2t8Mze9fR6DHISpf"
        "6jzal6P0wD6p8uisHOyGpR1FISer26CdG28zHAcK"
    )
    fulfillment = conditions.parse_fulfillment(text)
    assert fulfillment.condition_uri == (
        "ni:///sha-256;U1YhFdW0lOI-SVF3PbDP4t_lVefj_-tB5P11yvfBaoE?fpt=ed25519-sha-256&cost=131072"
    )
    assert fulfillment.verify(b"Hello World! Conditions are here!")
    assert not fulfillment.verify(b"Hello World! Conditions are here?")
    assert fulfillment.encode() == text


@pytest.mark.parametrize(
    ("details", "signers"),
    [
        (ed25519(0), (0,)),
        (threshold(2, ed25519(0), ed25519(1)), (0, 1)),
        (threshold(1, ed25519(0), ed25519(1)), (1,)),
        (threshold(2, ed25519(0), ed25519(1), ed25519(2)), (2, 0)),
        (threshold(2, ed25519(0), ed25519(0)), (0,)),
        (threshold(1, threshold(1, threshold(1, ed25519(3)))), (3,)),
        (
            threshold(2, threshold(1, ed25519(0), ed25519(1)), threshold(2, *map(ed25519, (2, 3, 4)))),
            (1, 2, 4),
        ),
    ],
)
def test_enough_signatures_fulfill(details: dict[str, Any], signers: tuple[int, ...]) -> None:
    fulfillment = conditions.parse_fulfillment(conditions.fulfill(details, signed_by(*signers)))
    assert fulfillment.condition_uri == conditions.condition_uri(details)
    assert fulfillment.verify(MESSAGE)
    assert not fulfillment.verify(MESSAGE + b"x")
    assert len(fulfillment.signers) == len(signers)


@pytest.mark.parametrize(
    ("details", "signers"),
    [
        (ed25519(0), (1,)),
        (threshold(2, ed25519(0), ed25519(1)), (0,)),
        (threshold(2, ed25519(0), threshold(2, ed25519(1), ed25519(2))), (0, 1)),
    ],
)
def test_too_few_signatures_are_refused(details: dict[str, Any], signers: tuple[int, ...]) -> None:
    with pytest.raises(FormatError):
        conditions.fulfill(details, signed_by(*signers))


def test_spare_signatures_are_dropped_the_dearest_first() -> None:
    details = threshold(1, threshold(2, ed25519(0), ed25519(1)), ed25519(2))
    text = conditions.fulfill(details, signed_by(0, 1, 2))
    assert text == conditions.fulfill(details, signed_by(2))
    assert len(conditions.parse_fulfillment(text).signers) == 1


def test_equal_costs_keep_the_order_of_the_details() -> None:
    members = [ed25519(index) for index in (3, 1, 4, 0)]
    text = conditions.fulfill(threshold(2, *members), signed_by(0, 1, 3, 4))
    assert text == conditions.fulfill(threshold(2, *members), signed_by(3, 1))


def test_signatures_have_64_bytes() -> None:
    with pytest.raises(FormatError):
        conditions.fulfill(ed25519(0), {PAIRS[0].public: bytes(63)})


def test_missing_signature_makes_another_condition() -> None:
    """A 2-of-2 fulfilled by one hashes as 1-of-2 (spec/ledger.md 1.4)."""
    fulfillment = parse(gate(LEAF, CONDITION))
    assert fulfillment.verify(MESSAGE)
    assert fulfillment.condition_uri == conditions.condition_uri(threshold(1, ed25519(0), ed25519(1)))
    assert fulfillment.condition_uri != conditions.condition_uri(threshold(2, ed25519(0), ed25519(1)))


def test_members_may_stand_in_any_order() -> None:
    details = threshold(2, ed25519(0), ed25519(1))
    leaves = [base64url.decode(conditions.fulfill(ed25519(index), signed_by(index))) for index in (0, 1)]
    first, second = sorted(leaves)
    assert conditions.fulfill(details, signed_by(0, 1)) == base64url.encode(gate(first + second))
    swapped = parse(gate(second + first))
    assert swapped.condition_uri == conditions.condition_uri(details)
    assert swapped.verify(MESSAGE)
    assert swapped.encode() == base64url.encode(gate(second + first))


@pytest.mark.parametrize(
    "raw", [b"\xa0\x03\x80\x01\xaa", b"\xa1\x00", b"\xa3\x00", gate(b"\xa0\x00"), gate(gate(b"\xa3\x00"))]
)
def test_other_types_are_unsupported_at_any_depth(raw: bytes) -> None:
    with pytest.raises(conditions.UnsupportedFulfillment):
        parse(raw)


@pytest.mark.parametrize("tag", [0xA0, 0xA1, 0xA3])
def test_other_condition_types_are_unsupported(tag: int) -> None:
    with pytest.raises(conditions.UnsupportedFulfillment):
        parse(gate(LEAF, bytes((tag,)) + CONDITION[1:]))


def test_other_subtypes_are_unsupported() -> None:
    inner = conditions.condition_der(threshold(1, ed25519(1)))
    assert parse(gate(LEAF, inner)).verify(MESSAGE)
    with pytest.raises(conditions.UnsupportedFulfillment):
        parse(gate(LEAF, inner.replace(b"\x82\x02\x03\x08", b"\x82\x02\x03\x88")))


@pytest.mark.parametrize(
    "raw",
    [
        b"", LEAF[:-1], LEAF + b"\0", b"\xa4\x00", LEAF[:4] + LEAF[36:],
        gate(b"", CONDITION), gate(LEAF) + b"\0", gate(LEAF + b"\0"),
        gate(LEAF, CONDITION[:-1]), gate(LEAF, CONDITION[:38] + b"\0\0\0"),
        gate(LEAF, conditions.condition_der(threshold(1, ed25519(0)))[:-4]),
        b"\xa5" + LEAF[1:], b"\x30" + LEAF[1:], b"\xa4\x81\x64" + LEAF[2:], b"\xa4\x80" + LEAF[2:] + b"\0\0",
        der.element(0xA4, LEAF[36:] + LEAF[2:36]), der.element(0xA4, LEAF[2:] + b"\x82\x00"),
        der.element(0xA2, der.element(0xA0, LEAF)),
        der.element(0xA2, der.element(0xA0, LEAF) + der.element(0xA1, b"") + b"\xa2\x00"),
    ],
)  # fmt: skip
def test_malformed_der_is_refused(raw: bytes) -> None:
    with pytest.raises(FormatError) as caught:
        parse(raw)
    assert not isinstance(caught.value, conditions.UnsupportedFulfillment)


@pytest.mark.parametrize("position", [0, 1, 2, 3, 36, 37])
def test_the_fast_form_checks_its_headers(position: int) -> None:
    changed = LEAF[:position] + bytes((LEAF[position] ^ 0x10,)) + LEAF[position + 1 :]
    with pytest.raises(FormatError):
        parse(changed)


@pytest.mark.parametrize(
    "text", ["a", "hello", "pGSAI", "pGSAI" + "=" * 131, "pGSAI" + "!" * 131, "0" * 64, "é" * 136]
)
def test_texts_that_are_no_base64url_of_der(text: str) -> None:
    with pytest.raises(FormatError):
        conditions.parse_fulfillment(text)


def test_depth_bound_is_that_of_details() -> None:
    raw, details = LEAF, ed25519(0)
    for _ in range(99):
        raw, details = gate(raw), threshold(1, details)
    assert parse(raw).condition_uri == conditions.condition_uri(details)
    assert conditions.fulfill(details, signed_by(0)) == base64url.encode(raw)
    for levels in (1, 1, 500):
        for _ in range(levels):
            raw = gate(raw)
        with pytest.raises(FormatError):
            parse(raw)


def test_member_bound() -> None:
    assert parse(gate(LEAF, CONDITION * 998)).verify(MESSAGE)
    for raw in (gate(LEAF, CONDITION * 999), gate(LEAF * 1000), gate(gate(LEAF * 500) + gate(LEAF * 500))):
        with pytest.raises(FormatError):
            parse(raw)


def test_bombs_cost_little() -> None:
    for raw in (gate(LEAF, CONDITION * 19_000), gate(LEAF * 7_000), b"\xa2\x84\x00\x0f\xff\xff" * 100_000):
        started = time.process_time()
        with pytest.raises(FormatError):
            parse(raw)
        assert time.process_time() - started < 0.5


def test_every_signature_of_a_threshold_must_be_good() -> None:
    details = threshold(2, ed25519(0), ed25519(1))
    good = signed_by(0, 1)
    bad = {**good, PAIRS[1].public: bytes(64)}
    assert conditions.parse_fulfillment(conditions.fulfill(details, good)).verify(MESSAGE)
    assert not conditions.parse_fulfillment(conditions.fulfill(details, bad)).verify(MESSAGE)
