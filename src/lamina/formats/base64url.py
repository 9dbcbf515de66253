"""Base64url without padding (RFC 4648 section 5), strict: one text per value."""

from binascii import Error, a2b_base64, b2a_base64

from lamina.formats.errors import FormatError

_STANDARD = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_URL_SAFE = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_TO_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_REFUSED = ord("!")
_TO_STANDARD = bytes(
    _STANDARD[_URL_SAFE.index(code)] if code in _URL_SAFE else _REFUSED for code in range(256)
)
_PADDING = (b"", None, b"==", b"=")
# The last characters whose unused low bits are zero, by length modulo 4.
_LAST_CHARACTERS = (None, None, frozenset(_STANDARD[::16]), frozenset(_STANDARD[::4]))


def encode(data: bytes) -> str:
    """Text of `data`, without padding."""
    return b2a_base64(data, newline=False).rstrip(b"=").translate(_TO_URL_SAFE).decode("ascii")


def decode(text: str) -> bytes:
    """Bytes of `text`; the inverse of `encode`.

    Raises:
        FormatError: a character outside the alphabet (padding included), an impossible length, or unused
            trailing bits that are not zero.
    """
    padding = _PADDING[len(text) % 4]
    if padding is None:
        raise FormatError(f"base64url: no value has a text of {len(text)} characters")
    try:
        standard = text.encode("ascii").translate(_TO_STANDARD)
        data = a2b_base64(standard + padding, strict_mode=True)
    except (UnicodeEncodeError, Error):
        raise FormatError("base64url: a character outside the alphabet") from None
    last_characters = _LAST_CHARACTERS[len(text) % 4]
    if last_characters is not None and standard[-1] not in last_characters:
        raise FormatError("base64url: unused trailing bits are not zero")
    return data
