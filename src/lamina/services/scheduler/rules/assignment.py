"""The item that gives a message its place (spec/scheduler.md 11)."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from lamina.formats import base64url
from lamina.formats.ans104.signed_item import Draft
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
