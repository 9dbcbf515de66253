from lamina.formats import base64url
from lamina.formats.avro_tags import Tag
from lamina.formats.deep_hash import deep_hash
from lamina.services.scheduler.rules.duplicate import content_hashes

TARGET, ANCHOR, DATA = bytes(32), b"a" * 32, b"data"
TAGS = (Tag("b", "2"), Tag("Pushed-For", "someone"), Tag("b", "1"), Tag("a", "3"))


def written_out(tag_bytes: bytes) -> str:
    return base64url.encode(deep_hash([b"dataitem", b"1", b"1", b"", TARGET, ANCHOR, tag_bytes, DATA]))


def test_tags_in_their_order_and_sorted_without_whom_it_was_pushed_for() -> None:
    hashes = content_hashes(TAGS, TARGET, ANCHOR, DATA)
    assert hashes.unordered == written_out(b"\x06\x02b\x022\x02b\x021\x02a\x023\0")
    assert hashes.ordered == written_out(b"\x06\x02a\x023\x02b\x021\x02b\x022\0")
    assert len(hashes.ordered) == 64


def test_another_order_is_the_same_message() -> None:
    first, again = (content_hashes(tags, TARGET, ANCHOR, DATA) for tags in (TAGS, TAGS[::-1]))
    assert first.ordered == again.ordered
    assert first.unordered != again.unordered


def test_sorted_by_bytes() -> None:
    """As UTF-16, the second would come first."""
    tags = (Tag("\uffff", ""), Tag("\U00010000", ""))
    assert (
        content_hashes(tags[::-1], TARGET, ANCHOR, DATA).ordered
        == content_hashes(tags, TARGET, ANCHOR, DATA).unordered
    )


def test_no_tags_and_no_tags_that_count() -> None:
    assert content_hashes((), TARGET, ANCHOR, DATA) == (written_out(b""),) * 2
    assert content_hashes(TAGS[1:2], TARGET, ANCHOR, DATA) == (written_out(b"\0"),) * 2
