"""Conditions: from the `details` of an output to its URI, cost and DER (spec/ledger.md 1.4).

Costs are not limited: the original never enforced the library's bound.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Any, NamedTuple, cast

from lamina.formats import base58, base64url
from lamina.formats.conditions import der
from lamina.formats.errors import FormatError

Details = dict[str, Any]
"""`{"type": "ed25519-sha-256", "public_key": base58}` or `{"type": "threshold-sha-256", "threshold": int,
"subconditions": [Details, ...]}`."""

ED25519 = "ed25519-sha-256"
THRESHOLD = "threshold-sha-256"
THRESHOLD_TAG = 0xA2
ED25519_TAG = 0xA4
COST_MAX = 2**32 - 1
DEPTH_MAX = 100
"""Level at which nesting is refused, counting the outermost condition as level 0 (spec/ledger.md 1.4)."""

MEMBERS_MAX = 1000
"""Conditions in one tree, itself included; the original had no bound."""

_ED25519_COST = 131072
_MEMBER_COST = 1024
# Bit 4 of a five-bit BIT STRING: ed25519, the only subtype a threshold of the ledger can have.
SUBTYPES = b"\x03\x08"
_CACHED_URIS = 16384


class ThresholdTooDeep(FormatError):
    """Thresholds nest to level 100 (spec/ledger.md 2.2 rule 3)."""


class Condition(NamedTuple):
    """What a condition is on the wire: type, SHA-256 fingerprint, cost."""

    tag: int
    fingerprint: bytes
    cost: int

    def der(self) -> bytes:
        """DER form, as it stands inside a threshold."""
        fields = der.element(0x80, self.fingerprint) + der.integer(0x81, self.cost)
        if self.tag == THRESHOLD_TAG:
            fields += der.element(0x82, SUBTYPES)
        return der.element(self.tag, fields)

    def uri(self) -> str:
        """`ni:///sha-256;...` form."""
        fingerprint = base64url.encode(self.fingerprint)
        if self.tag == ED25519_TAG:
            return f"ni:///sha-256;{fingerprint}?fpt={ED25519}&cost={self.cost}"
        return f"ni:///sha-256;{fingerprint}?fpt={THRESHOLD}&cost={self.cost}&subtypes={ED25519}"


def condition_uri(details: Details) -> str:
    """URI of the condition that `details` describe; the order of members does not matter.

    Raises:
        ThresholdTooDeep: nested to level 100.
        FormatError: not details, a key that is not base58 of 32 bytes, no members or more than `MEMBERS_MAX`,
            or a threshold below 1 or above the number of members.
    """
    if details.get("type") == ED25519:
        return ed25519_uri(_raw_key(details))
    return condition_of(details).uri()


def condition_cost(details: Details) -> int:
    """Cost of the condition.

    Raises:
        FormatError: as `condition_uri`.
    """
    return condition_of(details).cost


def condition_der(details: Details) -> bytes:
    """DER form of the condition, as it stands inside a threshold.

    Raises:
        FormatError: as `condition_uri`.
    """
    return condition_of(details).der()


def fingerprint_contents(details: Details) -> bytes:
    """The bytes whose SHA-256 is the condition's fingerprint.

    Raises:
        FormatError: as `condition_uri`.
    """
    check_bounds(details)
    if details.get("type") == ED25519:
        return _ed25519_contents(_raw_key(details))
    threshold, members = threshold_parts(details)
    return _threshold_contents(threshold, [_condition(member) for member in members])


def details_keys(details: Details) -> set[str]:
    """Every public key in the tree, as written.

    Raises:
        ThresholdTooDeep: nested to level 100.
        FormatError: not details, or more than `MEMBERS_MAX` conditions.
    """
    if details.get("type") == ED25519:
        return {_key_text(details)}
    return {_key_text(node) for node in _nodes(details) if node.get("type") == ED25519}


def condition_of(details: Details) -> Condition:
    """The condition that `details` describe.

    Raises:
        FormatError: as `condition_uri`.
    """
    check_bounds(details)
    return _condition(details)


@lru_cache(maxsize=_CACHED_URIS)
def ed25519_uri(public_key: bytes) -> str:
    """Condition URI of a raw public key; remembered, since the same keys come again."""
    return ed25519_condition(public_key).uri()


def ed25519_condition(public_key: bytes) -> Condition:
    """The condition met by one signature of a raw public key."""
    return Condition(ED25519_TAG, sha256(_ed25519_contents(public_key)).digest(), _ED25519_COST)


def threshold_condition(threshold: int, members: Sequence[Condition]) -> Condition:
    """The condition met by any `threshold` of `members`."""
    dearest = sorted((member.cost for member in members), reverse=True)[:threshold]
    fingerprint = sha256(_threshold_contents(threshold, members)).digest()
    return Condition(THRESHOLD_TAG, fingerprint, sum(dearest) + _MEMBER_COST * len(members))


def threshold_parts(details: Details) -> tuple[int, list[Details]]:
    """Threshold and members of threshold details.

    Raises:
        FormatError: not threshold details, or a threshold that the members cannot meet.
    """
    if details.get("type") != THRESHOLD:
        raise FormatError(f"details: the type must be {ED25519} or {THRESHOLD}")
    threshold, members = details.get("threshold"), _members(details)
    if type(threshold) is not int or not 1 <= threshold <= len(members):
        raise FormatError(f"details: the threshold must be 1..{len(members)}, the number of subconditions")
    return threshold, members


def check_bounds(details: Details) -> None:
    """Refuse a tree that is too deep or too large before any work is spent on it.

    Raises:
        ThresholdTooDeep: nested to level 100.
        FormatError: not details, or more than `MEMBERS_MAX` conditions.
    """
    if details.get("type") != ED25519:
        for _ in _nodes(details):
            pass


def _nodes(details: Details) -> Iterator[Details]:
    """All details of a tree, level by level."""
    level, count = [details], 1
    for _ in range(DEPTH_MAX):
        yield from level
        level = [member for node in level if node.get("type") != ED25519 for member in _members(node)]
        count += len(level)
        if count > MEMBERS_MAX:
            raise FormatError(f"details: more than {MEMBERS_MAX} conditions")
        if not level:
            return
    raise ThresholdTooDeep(f"details: nested {DEPTH_MAX} deep")


def _members(details: Details) -> list[Details]:
    """The subconditions of threshold details."""
    members: object = details.get("subconditions")
    if not isinstance(members, list) or not all(
        isinstance(member, dict) for member in cast("list[object]", members)
    ):
        raise FormatError("details: subconditions must be a list of details")
    return cast("list[Details]", members)


def _condition(details: Details) -> Condition:
    """The condition of details whose bounds are known to be kept."""
    if details.get("type") == ED25519:
        return ed25519_condition(_raw_key(details))
    threshold, members = threshold_parts(details)
    return threshold_condition(threshold, [_condition(member) for member in members])


def _key_text(details: Details) -> str:
    """The public key of ed25519 details, as written."""
    text = details.get("public_key")
    if not isinstance(text, str):
        raise FormatError("details: public_key must be a text")
    return text


def _raw_key(details: Details) -> bytes:
    """The public key of ed25519 details, 32 bytes."""
    return base58.decode_key(_key_text(details))


def _ed25519_contents(public_key: bytes) -> bytes:
    """SEQUENCE { publicKey [0] }."""
    return b"\x30\x22\x80\x20" + public_key


def _threshold_contents(threshold: int, members: Sequence[Condition]) -> bytes:
    """SEQUENCE { threshold [0], subconditions [1] SET OF Condition }."""
    conditions = der.set_of(0xA1, (member.der() for member in members))
    return der.element(0x30, der.integer(0x80, threshold) + conditions)
