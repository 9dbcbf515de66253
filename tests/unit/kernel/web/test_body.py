"""read_body against a hand-driven ASGI channel."""

import pytest

from lamina.kernel.web.body import BodyTooLarge, ClientGone, read_body


class Channel:
    """Hands out the given messages and counts how many were taken."""

    def __init__(self, *messages: dict) -> None:
        self.messages = list(messages)
        self.taken = 0

    async def __call__(self) -> dict:
        self.taken += 1
        return self.messages.pop(0)


def piece(body: bytes, *, more: bool = True) -> dict:
    return {"type": "http.request", "body": body, "more_body": more}


def scope(length: int | None = None) -> dict:
    headers = [(b"host", b"t")] if length is None else [(b"content-length", b"%d" % length)]
    return {"type": "http", "headers": headers}


async def test_one_piece():
    assert await read_body(scope(3), Channel(piece(b"abc", more=False)), 3) == b"abc"


async def test_empty_body_without_fields():
    assert await read_body(scope(), Channel({"type": "http.request"}), 0) == b""


async def test_several_pieces():
    channel = Channel(piece(b"ab"), piece(b""), piece(b"cd", more=False))
    assert await read_body(scope(), channel, 4) == b"abcd"


async def test_declared_length_is_refused_before_reading():
    channel = Channel(piece(b"abcd", more=False))
    with pytest.raises(BodyTooLarge) as caught:
        await read_body(scope(4), channel, 3)
    assert channel.taken == 0
    assert caught.value.http_status == 413


async def test_single_piece_over_the_limit():
    with pytest.raises(BodyTooLarge):
        await read_body(scope(), Channel(piece(b"abcd", more=False)), 3)


async def test_reading_stops_at_the_limit():
    channel = Channel(piece(b"ab"), piece(b"cd"), piece(b"ef", more=False))
    with pytest.raises(BodyTooLarge):
        await read_body(scope(), channel, 3)
    assert channel.taken == 2


@pytest.mark.parametrize("first", [[], [piece(b"ab")]])
async def test_client_that_leaves(first: list[dict]):
    with pytest.raises(ClientGone):
        await read_body(scope(), Channel(*first, {"type": "http.disconnect"}), 100)
