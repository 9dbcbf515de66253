import pytest
from tests.cost_bound import costs_at_most
from tests.data_items import BARE_DRAFT, DRAFT, signed, signer

from lamina.formats import ans104
from lamina.formats.ans104 import ItemPart, MalformedItem, SignatureType
from lamina.formats.ans104.item import ITEM_BYTES_MIN
from lamina.formats.avro_tags import STRICT_LIMITS, Tag

RAW = signed(SignatureType.ED25519).to_bytes()
TARGET = 2 + 64 + 32
ANCHOR = TARGET + 33
TAGS = ANCHOR + 33
DATA = len(RAW) - len(DRAFT.data[0])


def changed(position: int, octets: bytes) -> bytes:
    return RAW[:position] + octets + RAW[position + len(octets) :]


def refusal(data: bytes) -> MalformedItem:
    with pytest.raises(MalformedItem) as caught:
        ans104.parse(data)
    return caught.value


def test_nothing_is_copied_but_the_small_fields() -> None:
    item = ans104.parse(RAW)
    assert item.raw.obj is RAW
    assert item.data.obj is RAW
    within = ans104.parse(memoryview(b"before" + RAW)[6:])
    assert within == item
    assert within.parts == (RAW,)


def test_a_bare_item_is_the_smallest() -> None:
    raw = ans104.sign(BARE_DRAFT, signer(SignatureType.ED25519)).to_bytes()
    assert len(raw) == ITEM_BYTES_MIN
    item = ans104.parse(raw)
    assert (item.target, item.anchor, item.tags, item.tag_bytes, bytes(item.data)) == (b"", b"", (), b"", b"")


def test_the_first_tag_of_a_name_counts() -> None:
    item = ans104.parse(RAW)
    assert (item.tag("Type"), item.tag("Größe"), item.tag("type")) == ("Message", "", None)


def test_every_cut_names_the_part_that_is_cut() -> None:
    for size in range(DATA):
        expected = (
            ItemPart.SIGNATURE_TYPE if size < 2
            else ItemPart.SIGNATURE_AND_OWNER if size < TARGET
            else ItemPart.TARGET if size < ANCHOR
            else ItemPart.ANCHOR if size < TAGS
            else ItemPart.TAG_BYTES
        )  # fmt: skip
        assert refusal(RAW[:size]).part is expected, size
    assert bytes(ans104.parse(RAW[:DATA]).data) == b""


@pytest.mark.parametrize("number", [0, 8, 77, 256, 257, 65535])
def test_unknown_signature_types(number: int) -> None:
    assert refusal(number.to_bytes(2, "little") + bytes(5000)).part is ItemPart.SIGNATURE_TYPE


@pytest.mark.parametrize(("position", "part"), [(TARGET, ItemPart.TARGET), (ANCHOR, ItemPart.ANCHOR)])
@pytest.mark.parametrize("presence", [2, 128, 255])
def test_other_presence_bytes(position: int, part: ItemPart, presence: int) -> None:
    assert refusal(changed(position, bytes((presence,)))).part is part


@pytest.mark.parametrize("count", [0, 2, 4, 2**32, 2**63, 2**64 - 1])
def test_another_number_of_tags_than_there_are(count: int) -> None:
    assert refusal(changed(TAGS, count.to_bytes(8, "little"))).part is ItemPart.TAGS


def test_tag_bytes_must_be_there_and_be_tags() -> None:
    size = DATA - TAGS - 16
    for claimed in (len(RAW), 2**31, 2**63, 2**64 - 1):
        assert refusal(changed(TAGS + 8, claimed.to_bytes(8, "little"))).part is ItemPart.TAG_BYTES
    for claimed in (0, size - 1, size + 1):
        assert refusal(changed(TAGS + 8, claimed.to_bytes(8, "little"))).part is ItemPart.TAGS
    assert refusal(changed(TAGS + 18, b"\xff")).part is ItemPart.TAGS


def test_tag_limits_are_the_callers() -> None:
    crowded = BARE_DRAFT._replace(tags=[Tag("a", "b")] * 129)
    raw = ans104.sign(crowded, signer(SignatureType.ED25519)).to_bytes()
    assert len(ans104.parse(raw).tags) == 129
    with pytest.raises(MalformedItem) as caught:
        ans104.parse(raw, STRICT_LIMITS)
    assert caught.value.part is ItemPart.TAGS


def test_claims_cost_nothing() -> None:
    """Every size and count at its largest, in an item of ten megabytes."""
    large = RAW[:TAGS] + b"\xff" * 10_000_000
    with costs_at_most(seconds=0.1, traced_bytes=100_000):
        refusal(large)
