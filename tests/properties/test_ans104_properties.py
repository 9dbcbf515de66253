"""What must hold of data items, bundles and their parts for any input."""

import itertools
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.data_items import BARE_DRAFT, DRAFT, signed, signer

from lamina.formats import ans104, avro_tags
from lamina.formats.ans104 import DataItem, Draft, MalformedBundle, MalformedItem, SignatureType, SignedItem
from lamina.formats.avro_tags import MalformedTags, Tag
from lamina.formats.deep_hash import BlobHash, blob_hash

many = settings(max_examples=300, deadline=None, database=None)
few = settings(max_examples=60, deadline=None, database=None)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=70)
tag_lists = st.lists(st.builds(Tag, texts, texts), max_size=8)
optional_fields = st.just(b"") | st.binary(min_size=32, max_size=32)
drafts = st.builds(
    Draft, tag_lists, optional_fields, optional_fields, st.lists(st.binary(max_size=200), max_size=3)
)
CHEAP_TYPES = [
    signature_type for signature_type in SignatureType if signature_type is not SignatureType.ARWEAVE
]
ED25519 = signer(SignatureType.ED25519)


@st.composite
def mutations(draw: st.DrawFn, raw: bytes) -> bytes:
    """`raw` with octets flipped, cut off, put in, taken out or set to their extremes."""
    mutant = bytearray(raw)
    for _ in range(draw(st.integers(1, 3))):
        position = draw(st.integers(0, max(0, len(mutant) - 1)))
        match draw(st.sampled_from(["flip", "cut", "insert", "remove", "append", "zero", "fill"])):
            case "flip" if mutant:
                mutant[position] ^= 1 << draw(st.integers(0, 7))
            case "cut":
                del mutant[position:]
            case "insert":
                mutant[position:position] = draw(st.binary(max_size=9))
            case "remove":
                del mutant[position : position + draw(st.integers(1, 40))]
            case "append":
                mutant += draw(st.binary(min_size=1, max_size=40))
            case kind:
                octet = b"\0" if kind == "zero" else b"\xff"
                mutant[position : position + 8] = octet * min(8, len(mutant) - position)
    return bytes(mutant)


@many
@given(tag_lists)
def test_tags_round_trip(tags: list[Tag]) -> None:
    assert avro_tags.decode(avro_tags.encode(tags)) == tuple(tags)


@many
@given(st.binary(max_size=40) | mutations(avro_tags.encode(DRAFT.tags)))
@example(b"\x01\x04\0\0\x03\x08\0\0\0\0\0")
def test_tags_refuse_only_with_their_error(data: bytes) -> None:
    try:
        tags = avro_tags.decode(data)
    except MalformedTags:
        return
    # There may be several blocks and long integers, so only what was read has one form.
    assert avro_tags.decode(avro_tags.encode(tags)) == tags
    assert len(avro_tags.encode(tags)) <= len(data)


@many
@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=4))
def test_blobs_in_parts(data: bytes, cuts: list[int]) -> None:
    bounds = [0, *sorted(cuts), len(data)]
    parts = [data[start:end] for start, end in itertools.pairwise(bounds)]
    assert BlobHash(*parts).digest() == blob_hash(data)


@few
@given(drafts, st.sampled_from(CHEAP_TYPES))
def test_items_round_trip(draft: Draft, signature_type: SignatureType) -> None:
    written = ans104.sign(draft, signer(signature_type))
    item = ans104.parse(written.to_bytes())
    assert (item.tags, item.target, item.anchor) == (tuple(draft.tags), draft.target, draft.anchor)
    assert (bytes(item.data), bytes(item.raw)) == (b"".join(draft.data), written.to_bytes())
    assert (item.id, item.size) == (written.id, written.size)
    assert ans104.verify(item)


@few
@given(
    st.lists(st.sampled_from(CHEAP_TYPES).map(signed) | drafts.map(lambda draft: ans104.sign(draft, ED25519)))
)
def test_bundles_round_trip(members: list[SignedItem]) -> None:
    data = b"".join(ans104.bundle_parts(members))
    found = ans104.items(data)
    assert [item.raw for item in found] == [member.to_bytes() for member in members]
    assert b"".join(ans104.bundle_parts(found)) == data


@pytest.mark.parametrize("signature_type", SignatureType)
@settings(many, max_examples=150)
@given(st.data())
def test_mutants_are_refused(signature_type: SignatureType, data: st.DataObject) -> None:
    raw = signed(signature_type).to_bytes()
    mutant = data.draw(mutations(raw))
    item = parsed(mutant)
    if item is None or mutant == raw:
        return
    assert bytes(item.raw) == mutant
    assert not ans104.verify(item) or only_means_the_same(signature_type, raw, mutant)


def only_means_the_same(signature_type: SignatureType, raw: bytes, mutant: bytes) -> bool:
    """Changes that no signature covers: the recovery byte of type 3, and signatures of type 6 that none names."""
    if len(mutant) != len(raw):
        return False
    differing = {position for position in range(len(raw)) if raw[position] != mutant[position]}
    if signature_type is SignatureType.ETHEREUM:
        return differing == {66}
    if signature_type is SignatureType.TYPED_ETHEREUM:
        return differing == {66} and abs(raw[66] - mutant[66]) == 27
    unnamed = set(range(2 + 64, 2 + 128)) | set(range(2 + 192, 2 + 2048))
    return signature_type is SignatureType.MULTI_APTOS and differing <= unnamed


@many
@given(st.integers(0, 9), st.binary(max_size=3200))
def test_random_items_are_refused(number: int, rest: bytes) -> None:
    item = parsed(number.to_bytes(2, "little") + rest)
    assert item is None or not ans104.verify(item)


@many
@given(st.data())
def test_mutated_bundles_are_refused_or_whole(data: st.DataObject) -> None:
    raw = b"".join(ans104.bundle_parts([signed(SignatureType.ED25519), ans104.sign(BARE_DRAFT, ED25519)]))
    mutant = data.draw(mutations(raw))
    try:
        found = ans104.items(mutant)
    except MalformedBundle:
        return
    assert sum(item.size for item in found) == len(mutant) - 32 - 64 * len(found)


@many
@given(st.binary(max_size=600))
def test_random_bundles_are_refused_only_with_their_error(data: bytes) -> None:
    found: list[Any] = []
    try:
        found = ans104.items(data)
    except MalformedBundle:
        return
    assert not found


def parsed(data: bytes) -> DataItem | None:
    try:
        return ans104.parse(data)
    except MalformedItem:
        return None
