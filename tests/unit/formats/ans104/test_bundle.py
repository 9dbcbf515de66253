import pytest
from tests.cost_bound import costs_at_most
from tests.data_items import BARE_DRAFT, SEED, signed, signer

from lamina.formats import ans104
from lamina.formats.ans104 import BUNDLE_TAGS, Draft, Ed25519Signer, MalformedBundle, SignatureType
from lamina.formats.ans104.item import ITEM_BYTES_MIN
from lamina.formats.avro_tags import STRICT_LIMITS, Tag

TYPES = [SignatureType.ED25519, SignatureType.ETHEREUM, SignatureType.SOLANA]
ITEMS = [signed(signature_type) for signature_type in TYPES]
BUNDLE = b"".join(ans104.bundle_parts(ITEMS))
SIZE, ID, FIRST = 32, 64, 32 + 3 * 64


def number(value: int) -> bytes:
    return value.to_bytes(32, "little")


def changed(position: int, octets: bytes) -> bytes:
    return BUNDLE[:position] + octets + BUNDLE[position + len(octets) :]


def refused(data: bytes) -> None:
    with pytest.raises(MalformedBundle):
        ans104.items(data)


def test_layout() -> None:
    table = b"".join(number(item.size) + item.id_bytes for item in ITEMS)
    assert number(3) + table + b"".join(item.to_bytes() for item in ITEMS) == BUNDLE


def test_items_come_back_and_go_in_again_uncopied() -> None:
    read = ans104.items(BUNDLE)
    assert [item.id for item in read] == [item.id for item in ITEMS]
    assert all(item.raw.obj is BUNDLE and ans104.verify(item) for item in read)
    assert b"".join(ans104.bundle_parts(read)) == BUNDLE
    assert [entry.raw for entry in ans104.entries(BUNDLE)] == [item.to_bytes() for item in ITEMS]
    assert [entry.id_bytes for entry in ans104.entries(BUNDLE)] == [item.id_bytes for item in ITEMS]


def test_no_items() -> None:
    assert b"".join(ans104.bundle_parts([])) == bytes(32)
    assert ans104.items(bytes(32)) == []


def test_bundles_within_bundles() -> None:
    outer = Ed25519Signer.from_seed(SEED)
    inner = ans104.sign(Draft(BUNDLE_TAGS, data=ans104.bundle_parts(ITEMS)), outer)
    raw = ans104.sign(Draft(BUNDLE_TAGS, data=ans104.bundle_parts([inner, ITEMS[0]])), outer).to_bytes()
    item = ans104.parse(raw)
    assert ans104.is_bundle(item)
    assert ans104.verify(item)
    nested, plain = ans104.items(item.data)
    assert ans104.is_bundle(nested)
    assert not ans104.is_bundle(plain)
    assert [each.id for each in ans104.items(nested.data)] == [each.id for each in ITEMS]


@pytest.mark.parametrize(
    "tags", [BUNDLE_TAGS[:1], BUNDLE_TAGS[1:], (Tag("Bundle-Format", "json"), *BUNDLE_TAGS)]
)
def test_other_tags_make_no_bundle(tags: tuple[Tag, ...]) -> None:
    raw = ans104.sign(Draft(tags), signer(SignatureType.ED25519)).to_bytes()
    assert not ans104.is_bundle(ans104.parse(raw))


def test_every_cut_and_every_addition_is_refused() -> None:
    for size in range(len(BUNDLE)):
        refused(BUNDLE[:size])
    refused(BUNDLE + b"\0")
    refused(bytes(33))


@pytest.mark.parametrize("count", [0, 2, 4, 2**32, 2**63, 2**64 - 1])
def test_other_counts(count: int) -> None:
    refused(changed(0, number(count)))


@pytest.mark.parametrize("size", [0, 1, ITEM_BYTES_MIN - 1, len(BUNDLE), 2**63, 2**64 - 1])
@pytest.mark.parametrize("index", [0, 1, 2])
def test_other_sizes(index: int, size: int) -> None:
    refused(changed(SIZE + 64 * index, number(size)))


def test_items_must_be_what_the_table_says() -> None:
    refused(changed(ID, bytes(32)))
    refused(changed(FIRST, b"\x4d"))
    refused(changed(SIZE, number(ITEMS[0].size + 1) + ITEMS[0].id_bytes + number(ITEMS[1].size - 1)))
    assert len(ans104.entries(changed(ID, bytes(32)))) == 3


def test_only_the_low_bytes_of_numbers_are_read() -> None:
    assert ans104.items(changed(8, b"\1")) == ans104.items(BUNDLE)


def test_tag_limits_are_the_callers() -> None:
    crowded = ans104.sign(BARE_DRAFT._replace(tags=[Tag("a", "b")] * 129), signer(SignatureType.ED25519))
    data = b"".join(ans104.bundle_parts([crowded]))
    assert len(ans104.items(data)[0].tags) == 129
    with pytest.raises(MalformedBundle):
        ans104.items(data, STRICT_LIMITS)


def test_claims_cost_nothing() -> None:
    hostile = [number(count) + b"\xff" * 1_000_000 for count in (5_000, 2**20, 2**40, 2**63)]
    with costs_at_most(seconds=0.1, traced_bytes=100_000):
        for data in hostile:
            refused(data)
