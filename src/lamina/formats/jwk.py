"""RSA-4096 private keys as JSON Web Keys (RFC 7517 and 7518), the form of Arweave wallets.

No I/O: how the file is kept is for `kernel.crypto`. No message of an error repeats any of the key.
"""

from typing import Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPrivateNumbers, RSAPublicNumbers

from lamina.formats import base64url
from lamina.formats.errors import FormatError
from lamina.formats.rsa_pss import EXPONENT, MODULUS_BYTES


class _Jwk(msgspec.Struct, frozen=True):
    """The members of an RSA key; others are ignored, as RFC 7517 says."""

    kty: Literal["RSA"]
    n: str
    e: str
    d: str
    p: str
    q: str
    dp: str
    dq: str
    qi: str

    def __repr__(self) -> str:
        """Nothing of the key."""
        return "_Jwk(…)"


def decode(text: bytes | str) -> RSAPrivateKey:
    """The private key of a JWK; takes some tenths of a second, since its numbers are checked.

    Raises:
        FormatError: not a JSON object with every member of an RSA private key, another size than 4096 bits,
            another exponent than 65537, or numbers that are not of one key.
    """
    try:
        jwk = msgspec.json.decode(text, type=_Jwk)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as failure:
        # These texts name places and types, and no value but that of kty.
        raise FormatError(f"not the JWK of an RSA private key: {failure}") from None
    public = RSAPublicNumbers(_number(jwk, "e"), _number(jwk, "n"))
    if public.n.bit_length() <= (MODULUS_BYTES - 1) * 8 or public.e != EXPONENT:
        raise FormatError(f"JWK: a key has a modulus of {MODULUS_BYTES} bytes and the exponent {EXPONENT}")
    p, q, d, dp, dq, qi = (_number(jwk, name) for name in ("p", "q", "d", "dp", "dq", "qi"))
    try:
        return RSAPrivateNumbers(
            p=p, q=q, d=d, dmp1=dp, dmq1=dq, iqmp=qi, public_numbers=public
        ).private_key()
    except ValueError:
        raise FormatError("JWK: its numbers are not of one RSA key") from None


def encode(key: RSAPrivateKey) -> bytes:
    """The JWK of a key: compact JSON of its nine members. It is a secret."""
    numbers = key.private_numbers()
    public = numbers.public_numbers
    jwk = _Jwk(
        kty="RSA",
        n=_text(public.n),
        e=_text(public.e),
        d=_text(numbers.d),
        p=_text(numbers.p),
        q=_text(numbers.q),
        dp=_text(numbers.dmp1),
        dq=_text(numbers.dmq1),
        qi=_text(numbers.iqmp),
    )
    return msgspec.json.encode(jwk)


def _number(jwk: _Jwk, name: str) -> int:
    """A member as a number of at most `MODULUS_BYTES` bytes."""
    try:
        raw = base64url.decode(getattr(jwk, name))
    except FormatError as failure:
        raise FormatError(f"JWK: member {name}: {failure}") from None
    if len(raw) > MODULUS_BYTES:
        raise FormatError(f"JWK: member {name} has {len(raw)} bytes, at most {MODULUS_BYTES} are read")
    return int.from_bytes(raw, "big")


def _text(number: int) -> str:
    """A number as JWKs write it: big-endian without leading zeros."""
    return base64url.encode(number.to_bytes((number.bit_length() + 7) // 8, "big"))
