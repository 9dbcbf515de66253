"""Arweave's deep hash: one SHA-384 of a nested list of byte strings (spec/scheduler.md 5.1).

Every length is hashed beside its content, so no two different structures share bytes. A large blob may come
in parts: neither its size nor its content has to be at hand before the end.
"""

from collections.abc import Sequence
from functools import lru_cache, reduce
from hashlib import sha384
from typing import cast

from lamina.formats.errors import FormatError

Octets = bytes | memoryview
"""Bytes that nobody changes while they are read; a memoryview must be contiguous bytes."""

DIGEST_BYTES = 48
DEPTH_MAX = 64
"""Lists within lists; real ones have three levels. The bound keeps hostile nesting from ending the stack."""

_CACHED_SIZES = 4096


class BlobHash:
    """Deep hash of one blob that comes in parts; may stand for the blob inside a list."""

    __slots__ = ("_content", "_size")

    def __init__(self, *parts: Octets) -> None:
        """Begin with these parts, in order."""
        self._content = sha384()
        self._size = 0
        for part in parts:
            self.update(part)

    def update(self, part: Octets) -> None:
        """Append a part to the blob."""
        self._content.update(part)
        self._size += len(part)

    def digest(self) -> bytes:
        """The 48-byte deep hash of what came so far."""
        return sha384(_size_hash(self._size) + self._content.digest()).digest()


Chunk = Octets | BlobHash | Sequence["Chunk"]
"""What can be hashed: a blob, a blob that came in parts, or a list of such."""


def deep_hash(chunk: Chunk) -> bytes:
    """The 48-byte deep hash of a blob or a nested list.

    Raises:
        FormatError: lists nest deeper than `DEPTH_MAX`.
    """
    return _deep_hash(chunk, DEPTH_MAX)


def blob_hash(data: Octets) -> bytes:
    """The 48-byte deep hash of one blob."""
    return sha384(_size_hash(len(data)) + sha384(data).digest()).digest()


def list_head(count: int) -> bytes:
    """What a list of `count` members is hashed from before the first of them; see `extend`."""
    return sha384(b"list%d" % count).digest()


def extend(head: bytes, member: bytes) -> bytes:
    """The hash of a list after one more member, whose own deep hash is `member`.

    After as many members as `list_head` was told, it is the deep hash of the list.
    """
    return sha384(head + member).digest()


def _deep_hash(chunk: Chunk, depth_left: int) -> bytes:
    if isinstance(chunk, BlobHash):
        return chunk.digest()
    if isinstance(chunk, (bytes, memoryview)):
        return blob_hash(cast("Octets", chunk))
    if depth_left == 0:
        raise FormatError(f"deep hash: lists nest deeper than {DEPTH_MAX}")
    members = (_deep_hash(member, depth_left - 1) for member in chunk)
    return reduce(extend, members, list_head(len(chunk)))


@lru_cache(maxsize=_CACHED_SIZES)
def _size_hash(size: int) -> bytes:
    """Hash of a blob's kind and size; remembered, since most fields have few sizes."""
    return sha384(b"blob%d" % size).digest()
