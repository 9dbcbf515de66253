"""Fulfillments: the proof in an input that its signers may spend (spec/ledger.md 1.4).

Reading is strict and bounded, so a hostile text costs little. Only ed25519 and threshold are admitted, at any
depth: a preimage would be a spend without a signature.
"""

from collections.abc import Mapping
from typing import NamedTuple

from lamina.formats import base58, base64url
from lamina.formats.conditions import der
from lamina.formats.conditions.condition import (
    COST_MAX,
    DEPTH_MAX,
    ED25519,
    ED25519_TAG,
    MEMBERS_MAX,
    SUBTYPES,
    THRESHOLD_TAG,
    Condition,
    Details,
    check_bounds,
    condition_of,
    ed25519_condition,
    ed25519_uri,
    threshold_condition,
    threshold_parts,
)
from lamina.formats.errors import FormatError
from lamina.formats.signatures import PUBLIC_KEY_BYTES, SIGNATURE_BYTES
from lamina.formats.signatures import verify as verify_signature

# Preimage, prefix and RSA: types of the crypto-conditions draft that the ledger does not admit.
_UNSUPPORTED_TAGS = frozenset((0xA0, 0xA1, 0xA3))
_FINGERPRINT_BYTES = 32
# The 102-byte form of a single signature: A4 64 80 20 <key> 81 40 <signature>, 136 characters as text.
_ED25519_CHARS = 136
_ED25519_START = "pGSAI"
_KEY_HEADER = b"\xa4\x64\x80\x20"
_SIGNATURE_HEADER = b"\x81\x40"


class UnsupportedFulfillment(FormatError):
    """A condition type other than ed25519 and threshold (spec/ledger.md 2.3)."""


class Ed25519Fulfillment(NamedTuple):
    """One signature by one key."""

    public_key: bytes
    signature: bytes

    @property
    def condition(self) -> Condition:
        """The condition this fulfills, if valid."""
        return ed25519_condition(self.public_key)

    @property
    def condition_uri(self) -> str:
        """URI of the condition this fulfills, if valid."""
        return ed25519_uri(self.public_key)

    @property
    def signers(self) -> frozenset[bytes]:
        """The raw key that signs."""
        return frozenset((self.public_key,))

    def verify(self, message: bytes) -> bool:
        """Whether the signature over `message` is good."""
        return verify_signature(self.public_key, message, self.signature)

    def der(self) -> bytes:
        """DER form."""
        return _KEY_HEADER + self.public_key + _SIGNATURE_HEADER + self.signature

    def encode(self) -> str:
        """Wire text."""
        return base64url.encode(self.der())


class ThresholdFulfillment(NamedTuple):
    """Enough fulfillments of a threshold's members, and the conditions of all its other members."""

    subfulfillments: "tuple[Fulfillment, ...]"
    subconditions: tuple[Condition, ...]

    @property
    def condition(self) -> Condition:
        """The condition this fulfills, if valid; its threshold is the number of subfulfillments."""
        members = [member.condition for member in self.subfulfillments]
        return threshold_condition(len(members), [*members, *self.subconditions])

    @property
    def condition_uri(self) -> str:
        """URI of the condition this fulfills, if valid."""
        return self.condition.uri()

    @property
    def signers(self) -> frozenset[bytes]:
        """The raw keys that sign, at any depth."""
        return frozenset[bytes]().union(*(member.signers for member in self.subfulfillments))

    def verify(self, message: bytes) -> bool:
        """Whether every signature over `message` is good."""
        return all(member.verify(message) for member in self.subfulfillments)

    def der(self) -> bytes:
        """DER form, members in their present order."""
        fulfilled = der.element(0xA0, b"".join(member.der() for member in self.subfulfillments))
        others = der.element(0xA1, b"".join(member.der() for member in self.subconditions))
        return der.element(THRESHOLD_TAG, fulfilled + others)

    def encode(self) -> str:
        """Wire text."""
        return base64url.encode(self.der())


Fulfillment = Ed25519Fulfillment | ThresholdFulfillment


def parse_fulfillment(text: str) -> Fulfillment:
    """Fulfillment of a wire text; signatures are not checked yet.

    Raises:
        UnsupportedFulfillment: another condition type, at any depth.
        FormatError: not strict base64url of strict DER, or more than `MEMBERS_MAX` members or `DEPTH_MAX`
            levels.
    """
    raw = base64url.decode(text)
    if len(text) == _ED25519_CHARS and text.startswith(_ED25519_START) and raw[36:38] == _SIGNATURE_HEADER:
        return Ed25519Fulfillment(raw[4:36], raw[38:])
    reader = der.Reader(raw)
    fulfillment = _Parser().fulfillment(reader, DEPTH_MAX)
    reader.finish()
    return fulfillment


def fulfill(details: Details, signatures: Mapping[str, bytes]) -> str:
    """Wire text that fulfills a condition.

    Of more signatures than needed the cheapest members are kept, in their order on ties; all others appear as
    conditions (spec/ledger.md 1.4).

    Args:
        details: the condition.
        signatures: 64-byte signatures by base58 public key.

    Raises:
        FormatError: the signatures do not suffice, one has a wrong length, or bad details.
    """
    check_bounds(details)
    if any(len(signature) != SIGNATURE_BYTES for signature in signatures.values()):
        raise FormatError(f"a signature has {SIGNATURE_BYTES} bytes")
    _, fulfillment = _fulfillment(details, signatures)
    if fulfillment is None:
        raise FormatError("the condition needs signatures by other keys")
    return fulfillment.encode()


def _fulfillment(details: Details, signatures: Mapping[str, bytes]) -> tuple[Condition, Fulfillment | None]:
    """The condition of details, and the smallest fulfillment the signatures allow, if any."""
    if details.get("type") == ED25519:
        condition = condition_of(details)
        signature = signatures.get(details["public_key"])
        key = base58.decode_key(details["public_key"])
        return condition, None if signature is None else Ed25519Fulfillment(key, signature)
    threshold, members = threshold_parts(details)
    pairs = [_fulfillment(member, signatures) for member in members]
    condition = threshold_condition(threshold, [member for member, _ in pairs])
    return condition, _cheapest(threshold, pairs)


def _cheapest(
    threshold: int, pairs: list[tuple[Condition, Fulfillment | None]]
) -> ThresholdFulfillment | None:
    """The threshold fulfillment that keeps the cheapest fulfilled members, if there are enough."""
    by_cost = sorted(pairs, key=lambda pair: pair[0].cost)
    kept = [fulfillment for _, fulfillment in by_cost if fulfillment is not None]
    unfulfilled = [condition for condition, fulfillment in by_cost if fulfillment is None]
    if len(kept) < threshold:
        return None
    others = [*unfulfilled, *(fulfillment.condition for fulfillment in kept[threshold:])]
    return ThresholdFulfillment(tuple(sorted(kept[:threshold], key=_der)), tuple(sorted(others, key=_der)))


def _der(value: Fulfillment | Condition) -> bytes:
    """Sort key of a SET OF."""
    return value.der()


class _Parser:
    """Reads one fulfillment and counts its members, so that a bomb stops early."""

    __slots__ = ("_members_left",)

    def __init__(self) -> None:
        self._members_left = MEMBERS_MAX

    def fulfillment(self, reader: der.Reader, depth_left: int) -> Fulfillment:
        """The next fulfillment."""
        tag, content = self._member(reader, depth_left)
        if tag == THRESHOLD_TAG:
            return self._threshold(content, depth_left - 1)
        public_key = content.octets(0x80, PUBLIC_KEY_BYTES)
        signature = content.octets(0x81, SIGNATURE_BYTES)
        content.finish()
        return Ed25519Fulfillment(public_key, signature)

    def _threshold(self, content: der.Reader, depth_left: int) -> ThresholdFulfillment:
        """The rest of a threshold fulfillment."""
        # Compat: members in any order, as the original read them; JavaScript encoders differ in sorting.
        fulfilled, others = content.enter(0xA0), content.enter(0xA1)
        content.finish()
        subfulfillments: list[Fulfillment] = []
        while not fulfilled.at_end:
            subfulfillments.append(self.fulfillment(fulfilled, depth_left))
        subconditions: list[Condition] = []
        while not others.at_end:
            subconditions.append(self._condition(others, depth_left))
        if not subfulfillments:
            raise FormatError("a threshold fulfillment without a single subfulfillment")
        return ThresholdFulfillment(tuple(subfulfillments), tuple(subconditions))

    def _condition(self, reader: der.Reader, depth_left: int) -> Condition:
        """The next condition."""
        tag, content = self._member(reader, depth_left)
        fingerprint = content.octets(0x80, _FINGERPRINT_BYTES)
        cost = content.integer(0x81, COST_MAX)
        if tag == THRESHOLD_TAG and content.content(0x82) != SUBTYPES:
            raise UnsupportedFulfillment("a subcondition with other subtypes than ed25519")
        content.finish()
        return Condition(tag, fingerprint, cost)

    def _member(self, reader: der.Reader, depth_left: int) -> tuple[int, der.Reader]:
        """Count one member in; its tag and content."""
        self._members_left -= 1
        if self._members_left < 0 or depth_left <= 0:
            raise FormatError(f"a fulfillment of more than {MEMBERS_MAX} members or {DEPTH_MAX} levels")
        tag = reader.peek()
        if tag not in (ED25519_TAG, THRESHOLD_TAG):
            raise (UnsupportedFulfillment if tag in _UNSUPPORTED_TAGS else FormatError)(
                f"condition type {tag:#04x} at byte {reader.position} is neither ed25519 nor threshold"
            )
        return tag, reader.enter(tag)
