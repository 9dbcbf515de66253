"""Immutable bytes in bounded memory."""

from lamina.kernel.storage.byte_cache import ByteCache


def room_for(count: int, size: int) -> int:
    return count * (size + ByteCache.OVERHEAD_BYTES)


def test_what_was_put_is_found() -> None:
    cache = ByteCache(room_for(2, 5))
    cache.put("a", b"aaaaa")
    assert cache.get("a") == b"aaaaa"
    assert cache.get("b") is None


def test_the_least_recently_read_goes_first() -> None:
    cache = ByteCache(room_for(2, 5))
    cache.put("a", b"aaaaa")
    cache.put("b", b"bbbbb")
    assert cache.get("a") == b"aaaaa"
    cache.put("c", b"ccccc")
    assert [cache.get(key) for key in "abc"] == [b"aaaaa", None, b"ccccc"]


def test_a_value_put_twice_counts_once() -> None:
    cache = ByteCache(room_for(2, 5))
    for key in "abab":
        cache.put(key, b"12345")
    assert [cache.get(key) for key in "ab"] == [b"12345", b"12345"]


def test_nothing_is_kept_that_does_not_fit() -> None:
    for bytes_max in (0, ByteCache.OVERHEAD_BYTES + 4):
        cache = ByteCache(bytes_max)
        cache.put("a", b"12345")
        assert cache.get("a") is None
