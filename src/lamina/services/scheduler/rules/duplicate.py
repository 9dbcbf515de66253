"""When two messages with different ids are the same message pushed twice (spec/scheduler.md 10.5)."""

from collections.abc import Iterable
from typing import NamedTuple

from lamina.formats import avro_tags, base64url
from lamina.formats.avro_tags import Tag
from lamina.formats.deep_hash import Octets, deep_hash

_DROPPED_TAG = "Pushed-For"


class ContentHashes(NamedTuple):
    """Hashes of what a message says, 64 characters each: `ordered` is kept, either is looked for."""

    ordered: str
    unordered: str


def content_hashes(tags: tuple[Tag, ...], target: bytes, anchor: bytes, data: Octets) -> ContentHashes:
    """Hashes of a message without its signer: one with its tags sorted, one with them as they are.

    The tag that says for whom a message was pushed does not count.
    """
    kept = [tag for tag in tags if tag.name != _DROPPED_TAG]
    in_order = sorted(kept, key=lambda tag: (tag.name.encode(), tag.value.encode()))

    def content_hash(counted: Iterable[Tag]) -> str:
        # No tags are no bytes, but tags of which none counts are an empty array.
        tag_bytes = avro_tags.encode(counted) or (b"\0" if tags else b"")
        members = (b"dataitem", b"1", b"1", b"", target, anchor, tag_bytes, data)
        return base64url.encode(deep_hash(members))

    return ContentHashes(content_hash(in_order), content_hash(kept))


def content_digests(tags: tuple[Tag, ...], target: bytes, anchor: bytes, data: Octets) -> tuple[bytes, ...]:
    """The same as bytes, 48 each: the one that is kept first, and the other where it differs."""
    found = content_hashes(tags, target, anchor, data)
    return tuple(dict.fromkeys(base64url.decode(each) for each in found))
