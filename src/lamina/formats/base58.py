"""Base58 with the Bitcoin alphabet: keys, and signatures of blocks and votes (spec/ledger.md 1.1).

Conversion costs the square of the length, so anything longer than a signature needs is refused before any
arithmetic. No checksum form.
"""

from functools import lru_cache

from lamina.formats.errors import FormatError

ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
TEXT_CHARS_MAX = 128
KEY_BYTES = 32
_CACHED_KEYS = 16384

_REFUSED = 0xFF
_DIGITS = bytes(ALPHABET.find(chr(code)) & _REFUSED for code in range(256))
_PAIRS = tuple(high + low for high in ALPHABET for low in ALPHABET)


def encode(data: bytes) -> str:
    """Text of `data`; each leading zero byte is one leading `1`.

    Raises:
        FormatError: the text would be longer than `TEXT_CHARS_MAX`.
    """
    if len(data) > TEXT_CHARS_MAX:
        raise FormatError(f"base58: {len(data)} bytes do not fit {TEXT_CHARS_MAX} characters")
    significant = data.lstrip(b"\0")
    text = "1" * (len(data) - len(significant)) + _number_text(int.from_bytes(significant, "big"))
    if len(text) > TEXT_CHARS_MAX:
        raise FormatError(f"base58: {len(data)} bytes do not fit {TEXT_CHARS_MAX} characters")
    return text


def decode(text: str) -> bytes:
    """Bytes of `text`; the inverse of `encode`.

    Raises:
        FormatError: `text` is longer than `TEXT_CHARS_MAX` or holds a character outside the alphabet.
    """
    if len(text) > TEXT_CHARS_MAX:
        raise FormatError(f"base58: {len(text)} characters, at most {TEXT_CHARS_MAX} are read")
    try:
        digits = text.encode("ascii").translate(_DIGITS)
    except UnicodeEncodeError:
        raise FormatError("base58: a character outside the alphabet") from None
    if _REFUSED in digits:
        raise FormatError("base58: a character outside the alphabet")
    number = 0
    for digit in digits:
        number = number * 58 + digit
    zeros = len(digits) - len(digits.lstrip(b"\0"))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")


@lru_cache(maxsize=_CACHED_KEYS)
def decode_key(text: str) -> bytes:
    """The 32 raw bytes of a public key; remembered, since the same keys come again. Not for secrets.

    Raises:
        FormatError: `text` is not base58 of exactly 32 bytes.
    """
    raw = decode(text)
    if len(raw) != KEY_BYTES:
        raise FormatError(f"base58: a key has {KEY_BYTES} bytes, not {len(raw)}")
    return raw


@lru_cache(maxsize=_CACHED_KEYS)
def encode_key(raw: bytes) -> str:
    """The text of a public key of 32 raw bytes; remembered. Not for secrets.

    Raises:
        FormatError: `raw` has another length.
    """
    if len(raw) != KEY_BYTES:
        raise FormatError(f"base58: a key has {KEY_BYTES} bytes, not {len(raw)}")
    return encode(raw)


def _number_text(number: int) -> str:
    """Base58 digits of a number without leading `1`; empty for zero."""
    pairs: list[str] = []
    while number:
        number, chunk = divmod(number, 58**10)
        for _ in range(5):
            chunk, pair = divmod(chunk, 58**2)
            pairs.append(_PAIRS[pair])
    pairs.reverse()
    return "".join(pairs).lstrip("1")
