"""The item that gives a message its place (spec/scheduler.md 11)."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import msgspec

from lamina.formats import base64url
from lamina.formats.ans104.signed_item import Draft, sign
from lamina.formats.ans104.signers import Signer
from lamina.formats.avro_tags import Tag
from lamina.services.scheduler.model.head import Head

EPOCH = "0"
HEIGHT_DIGITS = 12
ANCHOR_BYTES = 32


@dataclass(frozen=True, slots=True)
class Place:
    """Where the next assignment of a process goes."""

    process_id: bytes
    nonce: int
    hash_chain: bytes
    ts: int
    block_height: int


class Order(msgspec.Struct, frozen=True, array_like=True):
    """A message that wants its assignment.

    Attributes:
        message_id: 32 bytes; None for a process's own assignment.
        exclude: fields that readers are asked to leave out, one tag for each.
    """

    message_id: bytes | None
    exclude: tuple[str, ...] = ()


class Stretch(msgspec.Struct, frozen=True, array_like=True):
    """Assignments of one process that follow one another, to be signed in one go.

    Attributes:
        process_id: 32 bytes.
        head: what the first follows.
        now_ms: milliseconds since 1970.
        block_height: of the network.
        orders: in the order of their nonces.
    """

    process_id: bytes
    head: Head
    now_ms: int
    block_height: int
    orders: tuple[Order, ...]


class Assigned(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A signed assignment.

    Attributes:
        head: the end of the chain after it.
        item: its bytes.
    """

    head: Head
    item: bytes


def assign(stretch: Stretch, wallet: Signer) -> list[Assigned]:
    """Sign a stretch, each assignment on top of the one before it; as long as that many signatures take."""
    head, assigned = stretch.head, list[Assigned]()
    for order in stretch.orders:
        at = place(stretch.process_id, head, stretch.now_ms, stretch.block_height)
        signed = sign(draft(at, order.message_id, order.exclude), wallet)
        head = Head(at.nonce, signed.id_bytes, at.hash_chain, at.ts)
        assigned.append(Assigned(head, signed.to_bytes()))
    return assigned


def place(process_id: bytes, head: Head, now_ms: int, block_height: int) -> Place:
    """The place after a head; timestamps strictly increase (spec 11.5)."""
    if head.assignment_id is None or head.hash_chain is None:
        chain = sha256(process_id).digest()
    else:
        chain = sha256(head.assignment_id + head.hash_chain).digest()
    return Place(process_id, head.nonce + 1, chain, max(now_ms, head.ts + 1), block_height)


def draft(at: Place, message_id: bytes | None, exclude: Sequence[str] = ()) -> Draft:
    """The assignment, not signed yet.

    Args:
        at: its place.
        message_id: what it assigns; None for a process's own.
        exclude: fields that readers are asked to leave out, one tag for each.
    """
    tags = [
        Tag("Process", base64url.encode(at.process_id)),
        Tag("Epoch", EPOCH),
        Tag("Nonce", str(at.nonce)),
        Tag("Hash-Chain", base64url.encode(at.hash_chain)),
        Tag("Block-Height", height_text(at.block_height)),
        Tag("Timestamp", str(at.ts)),
        Tag("Data-Protocol", "ao"),
        Tag("Type", "Assignment"),
        Tag("Variant", "ao.TN.1"),
    ]
    if message_id is not None:
        tags.append(Tag("Message", base64url.encode(message_id)))
    tags += [Tag("Exclude", name) for name in exclude]
    return Draft(tuple(tags), anchor=secrets.token_bytes(ANCHOR_BYTES))


def height_text(height: int) -> str:
    """A block height as the protocol writes it."""
    return str(height).zfill(HEIGHT_DIGITS)
