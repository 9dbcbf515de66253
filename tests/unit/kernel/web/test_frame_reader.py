"""Which frames of a client are read at once, and which are left to the protocol."""

import itertools

import pytest
from tests.websocket_frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, frame, head

from lamina.kernel.web.frame_reader import FrameReader

SIZE_MAX = 70_000
SIZES = (0, 1, 125, 126, 65_535, 65_536, SIZE_MAX)
MESSAGES = [(bytes([size % 251]) * size, kind == TEXT) for size in SIZES for kind in (TEXT, BINARY)]
FRAMES = b"".join(frame(TEXT if is_text else BINARY, payload) for payload, is_text in MESSAGES)


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 1000, 65_536, len(FRAMES)])
def test_messages_are_whole_however_they_arrive(piece: int) -> None:
    reader = FrameReader(SIZE_MAX)
    pieces = (FRAMES[at : at + piece] for at in range(0, len(FRAMES), piece))
    assert list(itertools.chain.from_iterable(map(reader.read, pieces))) == MESSAGES
    assert (reader.others, reader.is_done) == (b"", False)


def test_control_frames_are_left_to_the_protocol_in_order() -> None:
    ping, pong = frame(PING, b"a"), frame(PONG, b"b" * 125)
    reader = FrameReader(SIZE_MAX)
    assert reader.read(ping + frame(TEXT, b"1") + pong + frame(TEXT, b"2")) == [(b"1", True), (b"2", True)]
    assert (reader.others, reader.is_done) == (ping + pong, False)


LEFT = {
    "a fragment": frame(TEXT, b"1", fin=False),
    "a continuation": frame(CONTINUATION, b"1"),
    "a close frame": frame(CLOSE, b"\x03\xe8"),
    "not masked": frame(TEXT, b"1", mask=False),
    "a reserved bit": frame(TEXT, b"1", reserved=4),
    "a reserved opcode": frame(3, b"1"),
    "too large": head(BINARY, SIZE_MAX + 1),
    "absurdly large": b"\x82\xff" + b"\xff" * 8,
    "a long ping": frame(PING, b"1" * 126),
}


@pytest.mark.parametrize("unusual", LEFT.values(), ids=LEFT)
def test_from_what_is_unusual_on_everything_is_left_to_the_protocol(unusual: bytes) -> None:
    reader = FrameReader(SIZE_MAX)
    assert reader.read(frame(TEXT, b"1") + unusual + frame(TEXT, b"2")) == [(b"1", True)]
    assert (reader.others, reader.is_done) == (unusual + frame(TEXT, b"2"), True)
