from typing import Any

import pytest

from lamina.formats import base58, conditions
from lamina.formats.errors import FormatError

KEYS = [base58.encode_key(bytes((number,)) * 32) for number in range(1, 8)]


def ed25519(key: object) -> dict[str, Any]:
    return {"type": "ed25519-sha-256", "public_key": key}


def threshold(m: object, *members: object) -> dict[str, Any]:
    return {"type": "threshold-sha-256", "threshold": m, "subconditions": list(members)}


def deep(levels: int) -> dict[str, Any]:
    """Details whose single key stands at level `levels`."""
    details = ed25519(KEYS[0])
    for _ in range(levels):
        details = threshold(1, details)
    return details


def test_public_example_of_the_draft() -> None:
    key = base58.encode_key(bytes.fromhex("ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf"))
    assert conditions.condition_uri(ed25519(key)) == (
        "ni:///sha-256;U1YhFdW0lOI-SVF3PbDP4t_lVefj_-tB5P11yvfBaoE?fpt=ed25519-sha-256&cost=131072"
    )


@pytest.mark.parametrize(
    ("details", "cost"),
    [
        (ed25519(KEYS[0]), 131072),
        (threshold(2, ed25519(KEYS[0]), ed25519(KEYS[1])), 264192),
        (threshold(1, ed25519(KEYS[0]), ed25519(KEYS[1])), 133120),
        (threshold(2, *map(ed25519, KEYS[:3])), 265216),
        (threshold(1, ed25519(KEYS[0]), threshold(2, ed25519(KEYS[1]), ed25519(KEYS[2]))), 266240),
    ],
)
def test_costs(details: dict[str, Any], cost: int) -> None:
    assert conditions.condition_cost(details) == cost
    assert f"&cost={cost}" in conditions.condition_uri(details)


def test_order_of_members_does_not_matter_but_their_number_does() -> None:
    a, b = ed25519(KEYS[0]), ed25519(KEYS[1])
    assert conditions.condition_uri(threshold(1, a, b)) == conditions.condition_uri(threshold(1, b, a))
    others = (threshold(1, a, b), threshold(2, a, b), threshold(2, a, a, b))
    assert len({conditions.condition_uri(details) for details in others}) == 3


def test_der_of_ed25519_has_41_bytes() -> None:
    der = conditions.condition_der(ed25519(KEYS[0]))
    assert len(der) == 41
    assert der[:4].hex() == "a4278020"
    assert der[-5:].hex() == "8103020000"
    contents = conditions.fingerprint_contents(ed25519(KEYS[0]))
    assert contents.hex() == "30228020" + "01" * 32


@pytest.mark.parametrize(
    "details",
    [
        {}, {"type": "preimage-sha-256"}, ed25519("abc"), ed25519("0" * 43), ed25519(None), ed25519([1]),
        ed25519("1" * 1_000_000), {"type": "ed25519-sha-256"}, threshold(1), threshold(0, ed25519(KEYS[0])),
        threshold(2, ed25519(KEYS[0])), threshold(-1, ed25519(KEYS[0])), threshold(True, ed25519(KEYS[0])),
        threshold("1", ed25519(KEYS[0])), threshold(1.0, ed25519(KEYS[0])), threshold(None, ed25519(KEYS[0])),
        threshold(1, None), threshold(1, "x"), threshold(1, {}),
        threshold(1, ed25519("abc"), ed25519(KEYS[0])),
        {"type": "threshold-sha-256", "threshold": 1},
        {"type": "threshold-sha-256", "threshold": 1, "subconditions": {}},
        {"type": ["threshold-sha-256"], "threshold": 1, "subconditions": []},
    ],
)  # fmt: skip
def test_bad_details_are_refused(details: dict[str, Any]) -> None:
    for function in (conditions.condition_uri, conditions.condition_cost, conditions.condition_der):
        with pytest.raises(FormatError):
            function(details)
    with pytest.raises(FormatError):
        conditions.fingerprint_contents(details)


def test_level_100_is_too_deep() -> None:
    assert conditions.condition_uri(deep(99)).startswith("ni:///sha-256;")
    for levels in (100, 101, 300):
        for function in (conditions.condition_uri, conditions.details_keys, conditions.fingerprint_contents):
            with pytest.raises(conditions.ThresholdTooDeep):
                function(deep(levels))


def test_a_tree_has_at_most_1000_conditions() -> None:
    member = ed25519(KEYS[0])
    assert conditions.condition_uri(threshold(1, *[member] * 999))
    half = threshold(1, *[member] * 500)
    for details in (
        threshold(1, *[member] * 1000),
        threshold(1, half, half),
        threshold(1, *[member] * 100_000),
    ):
        with pytest.raises(FormatError):
            conditions.condition_uri(details)
        with pytest.raises(FormatError):
            conditions.details_keys(details)


def test_keys_of_the_whole_tree() -> None:
    a, b, c = map(ed25519, KEYS[:3])
    assert conditions.details_keys(a) == {KEYS[0]}
    assert conditions.details_keys(threshold(1, a, threshold(2, b, a, threshold(1, c)))) == set(KEYS[:3])
    assert conditions.details_keys(deep(99)) == {KEYS[0]}


def test_costs_have_no_upper_bound() -> None:
    assert conditions.condition_cost(threshold(51, *[ed25519(KEYS[0])] * 100)) == 6787072
