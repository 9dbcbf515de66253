"""An Arweave wallet: the RSA-4096 key of a person or of a scheduler."""

from dataclasses import dataclass, field
from typing import Self

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from lamina.formats import jwk, rsa_pss
from lamina.formats.ans104.item import owner_address
from lamina.formats.ans104.signature_type import SignatureType


@dataclass(frozen=True, slots=True)
class Wallet:
    """Signs data items with RSA-4096 (type 1); equal by public key, and its text never shows the secret."""

    owner: bytes
    _key: RSAPrivateKey = field(repr=False, compare=False)
    signature_type: SignatureType = field(default=SignatureType.ARWEAVE, init=False)

    @classmethod
    def generate(cls) -> Self:
        """A new random wallet; takes from half a second to several seconds."""
        return cls._of(rsa_pss.generate())

    @classmethod
    def from_jwk(cls, text: bytes | str) -> Self:
        """The wallet in the text of a JWK file; takes some tenths of a second, since the key is checked.

        Raises:
            FormatError: not the JWK of an RSA-4096 private key; the message repeats nothing of it.
        """
        return cls._of(jwk.decode(text))

    @classmethod
    def _of(cls, key: RSAPrivateKey) -> Self:
        return cls(rsa_pss.modulus(key), key)

    @property
    def address(self) -> str:
        """The address, 43 characters."""
        return owner_address(self.owner)

    def jwk(self) -> bytes:
        """The text of its JWK file. It is a secret."""
        return jwk.encode(self._key)

    def sign(self, message: bytes) -> bytes:
        """The 512-byte signature over `message`. Takes milliseconds, during which other threads run."""
        return rsa_pss.sign(self._key, message)
