"""A block as nodes name it."""

import msgspec

from lamina.services.telemetry.live.fields import hash_text


class Block(msgspec.Struct, frozen=True, gc=False):
    """Height and hash."""

    height: int
    hash: str


NO_BLOCK = Block(0, "0x" + "0" * 64)


def read_block(height: int | None, block_hash: object) -> Block | None:
    """A block of both its fields; None where one is missing."""
    if height is None:
        return None
    known = hash_text(block_hash)
    return None if known is None else Block(height, known)
