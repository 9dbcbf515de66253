"""Fields of messages from the open internet: what has the right type and size, and nothing else.

Every function returns None for what it does not take, so a wrong field is a missing one.
"""

import re
from typing import Any, cast

U64_MAX = 2**64 - 1
TEXT_CHARACTERS_MAX = 256  # a node shows to every subscriber what it says of itself; longer texts are cut
HASH_BYTES = 32
NUMBER_DIGITS_MAX = 20

_hash = re.compile(r"0x[0-9a-fA-F]{64}")


def natural(value: object) -> int | None:
    """A number from 0 that fits 64 bits; true and false are none."""
    return value if type(value) is int and 0 <= value <= U64_MAX else None


def decimal(value: object) -> int | None:
    """Such a number, or one written as decimal text."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= NUMBER_DIGITS_MAX:
        return natural(int(value))
    return natural(value)


def measure(value: object) -> float | None:
    """A quantity from 0 that need not be whole."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= U64_MAX else None


def text(value: object) -> str | None:
    """A text that can be written as UTF-8, cut at `TEXT_CHARACTERS_MAX` characters."""
    if not isinstance(value, str):
        return None
    cut = value[:TEXT_CHARACTERS_MAX]
    return cut if cut.isascii() else cut.encode(errors="replace").decode()


def boolean(value: object) -> bool | None:
    """True or false."""
    return value if isinstance(value, bool) else None


def hash_text(value: object) -> str | None:
    """A hash as 0x and 64 hexadecimal digits in lower case; it may come as an array of its 32 bytes."""
    if isinstance(value, str):
        return value.lower() if _hash.fullmatch(value) else None
    if not isinstance(value, list):
        return None
    octets = cast("list[Any]", value)
    if len(octets) != HASH_BYTES or not all(type(octet) is int and 0 <= octet < 256 for octet in octets):
        return None
    return f"0x{bytes(octets).hex()}"
