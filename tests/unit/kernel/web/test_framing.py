"""Heads that two servers could read differently, and what chunks may cost."""

import pytest

from lamina.kernel.web.framing import ChunkedOverhead, Refusal, check_head, head_bytes

HOST = (b"host", b"t")


def test_ordinary_heads_pass():
    assert check_head("1.1", [HOST]) is False
    assert check_head("1.0", []) is False
    assert check_head("1.1", [HOST, (b"content-length", b"5"), (b"x", b"1"), (b"x", b"2")]) is False
    assert check_head("1.1", [HOST, (b"transfer-encoding", b"Chunked")]) is True
    assert check_head("1.1", [HOST, (b"upgrade", b"h2c"), (b"content-length", b"5")]) is False
    assert check_head("1.1", [HOST, (b"upgrade", b"websocket"), (b"content-length", b"0")]) is False


@pytest.mark.parametrize(
    ("version", "headers"),
    [
        ("1.1", [(b"transfer-encoding", b"gzip, chunked")]),
        ("1.1", [(b"transfer-encoding", b"identity")]),
        ("1.1", [(b"transfer-encoding", b"chunked"), (b"transfer-encoding", b"chunked")]),
        ("1.0", [(b"transfer-encoding", b"chunked")]),
        ("0.9", []),
        ("2.0", [HOST]),
        ("1.1", [HOST, HOST]),
        ("1.1", [(b"upgrade", b"WebSocket"), (b"content-length", b"3")]),
        ("1.1", [(b"upgrade", b"websocket"), (b"transfer-encoding", b"chunked")]),
    ],
)
def test_ambiguous_heads_are_refused(version: str, headers: list[tuple[bytes, bytes]]):
    with pytest.raises(Refusal) as caught:
        check_head(version, headers)
    assert caught.value.status == 400


def test_head_bytes_counts_everything():
    assert head_bytes(b"/path", [(b"a", b"bc")]) == 12


def test_chunk_lines_are_free_and_extensions_are_not():
    overhead = ChunkedOverhead(100)
    assert not any(overhead.charge(6, 1) for _ in range(10_000))
    assert not overhead.charge(60, 0)
    assert overhead.charge(60, 0)


def test_content_pays_no_overhead_in_advance():
    overhead = ChunkedOverhead(100)
    assert not overhead.charge(100_010, 100_000)
    assert overhead.charge(101, 0)
