from hashlib import sha384

import pytest

from lamina.formats.deep_hash import DEPTH_MAX, BlobHash, Chunk, blob_hash, deep_hash, extend, list_head
from lamina.formats.errors import FormatError


def written_out(chunk: Chunk) -> bytes:
    """The rule as the specification writes it."""
    if isinstance(chunk, bytes):
        size = sha384(b"blob" + str(len(chunk)).encode()).digest()
        return sha384(size + sha384(chunk).digest()).digest()
    assert isinstance(chunk, list)
    hashed = sha384(b"list" + str(len(chunk)).encode()).digest()
    for member in chunk:
        hashed = sha384(hashed + written_out(member)).digest()
    return hashed


@pytest.mark.parametrize(
    "chunk",
    [b"", b"abc", bytes(5000), [], [b""], [[]], [b"a", b"b"], [[b"a"], b"b", [b"c", [b"", [b"d"]]]]],
)
def test_rule_of_the_specification(chunk: Chunk) -> None:
    assert deep_hash(chunk) == written_out(chunk)


def test_structures_with_the_same_bytes_differ() -> None:
    chunks: list[Chunk] = [b"ab", [b"ab"], [b"a", b"b"], [b"", b"ab"], [[b"ab"]], [[b"a"], b"b"]]
    assert len({deep_hash(chunk) for chunk in chunks}) == len(chunks)


def test_a_blob_in_parts_is_the_same_blob() -> None:
    whole = bytes(range(256)) * 40
    parts = BlobHash(whole[:1], b"", memoryview(whole)[1:5000])
    assert parts.digest() == blob_hash(whole[:5000])
    parts.update(whole[5000:])
    assert parts.digest() == blob_hash(whole) == blob_hash(memoryview(whole))
    assert deep_hash([b"x", parts, (memoryview(whole),)]) == written_out([b"x", whole, [whole]])


def test_a_list_grows_member_by_member() -> None:
    members = [b"a", b"", b"bc"]
    head = list_head(len(members))
    for member in members:
        head = extend(head, blob_hash(member))
    assert head == deep_hash(members)


def test_nesting_is_bounded() -> None:
    chunk: Chunk = b"x"
    for _ in range(DEPTH_MAX):
        chunk = [chunk]
    assert deep_hash(chunk) == written_out(chunk)
    with pytest.raises(FormatError):
        deep_hash([chunk])
    for _ in range(100_000):
        chunk = [chunk]
    with pytest.raises(FormatError):
        deep_hash(chunk)
    while isinstance(chunk, list):  # Freed from outside in: letting go of it whole would nest as deep.
        chunk = chunk[0]
