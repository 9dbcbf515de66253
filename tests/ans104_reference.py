"""Data items read and verified a second time, from spec/scheduler.md 4 to 6 alone: nothing of the code under test."""

import base64
import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

SIZES = {1: (512, 512), 2: (64, 32)}


def text(raw: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


@dataclass(frozen=True)
class Item:
    """The fields of a data item of type 1 or 2."""

    kind: int
    signature: bytes
    owner: bytes
    target: bytes
    anchor: bytes
    tag_bytes: bytes
    data: bytes

    @property
    def id(self) -> str:
        return text(hashlib.sha256(self.signature).digest())

    @property
    def address(self) -> str:
        return text(hashlib.sha256(self.owner).digest())

    @property
    def tags(self) -> dict[str, str]:
        return dict(_tags(self.tag_bytes))

    def is_signed(self) -> bool:
        """Whether its owner signed it as it stands."""
        fields = (b"dataitem", b"1", str(self.kind).encode(), self.owner, self.target, self.anchor)
        message = _deep_hash([*fields, self.tag_bytes, self.data])
        try:
            if self.kind == 2:
                ed25519.Ed25519PublicKey.from_public_bytes(self.owner).verify(self.signature, message)
            else:
                key = rsa.RSAPublicNumbers(65537, int.from_bytes(self.owner, "big")).public_key()
                scheme = padding.PSS(padding.MGF1(SHA256()), padding.PSS.AUTO)
                key.verify(self.signature, message, scheme, SHA256())
        except InvalidSignature:
            return False
        return True


def parse(raw: bytes) -> Item:
    """Read an item that is known to be one."""
    kind = int.from_bytes(raw[:2], "little")
    signature_size, owner_size = SIZES[kind]
    position = 2 + signature_size + owner_size
    optional: list[bytes] = []
    for _ in ("target", "anchor"):
        size = 32 * raw[position]
        optional.append(raw[position + 1 : position + 1 + size])
        position += 1 + size
    tags_size = int.from_bytes(raw[position + 8 : position + 16], "little")
    start = position + 16
    return Item(
        kind, raw[2 : 2 + signature_size], raw[2 + signature_size : 2 + signature_size + owner_size],
        *optional, raw[start : start + tags_size], raw[start + tags_size :],
    )  # fmt: skip


def bundled(outer: Item) -> list[Item]:
    """The items in the data of another, none where that is no bundle."""
    if outer.tags.get("Bundle-Format") != "binary":
        return []
    count = int.from_bytes(outer.data[:32], "little")
    start, found = 32 + 64 * count, []
    for index in range(count):
        entry = outer.data[32 + 64 * index : 96 + 64 * index]
        size = int.from_bytes(entry[:32], "little")
        item = parse(outer.data[start : start + size])
        assert text(entry[32:]) == item.id, "the table of a bundle names another item"
        found.append(item)
        start += size
    assert start == len(outer.data), "a bundle does not end with its last item"
    return found


def _tags(raw: bytes) -> list[tuple[str, str]]:
    """One block of pairs, as every item of a scheduler has."""
    position = 0

    def number() -> int:
        nonlocal position
        value = shift = 0
        while True:
            octet = raw[position]
            position += 1
            value |= (octet & 127) << shift
            shift += 7
            if octet < 128:
                return value >> 1

    def word() -> str:
        nonlocal position
        size = number()
        position += size
        return raw[position - size : position].decode()

    return [(word(), word()) for _ in range(number())] if raw else []


def _deep_hash(value: bytes | list[bytes]) -> bytes:
    if isinstance(value, bytes):
        return _sha384(_sha384(b"blob%d" % len(value)) + _sha384(value))
    total = _sha384(b"list%d" % len(value))
    for each in value:
        total = _sha384(total + _deep_hash(each))
    return total


def _sha384(raw: bytes) -> bytes:
    return hashlib.sha384(raw).digest()
