"""Who can sign data items: anything of this shape. RSA wallets are in `wallet`."""

from dataclasses import dataclass, field
from typing import Protocol

from lamina.formats import secp256k1, signatures
from lamina.formats.ans104 import ethereum
from lamina.formats.ans104.signature_type import SignatureType


class Owner(Protocol):
    """Whose items they are."""

    @property
    def signature_type(self) -> SignatureType:
        """How they are signed."""
        ...

    @property
    def owner(self) -> bytes:
        """The public key, as items carry it."""
        ...


class Signer(Owner, Protocol):
    """A key that signs data items in one way; may be used by several threads at once."""

    def sign(self, message: bytes) -> bytes:
        """Signature over the 48 bytes that stand for an item."""
        ...


@dataclass(frozen=True, slots=True)
class Ed25519Signer:
    """Signs with ed25519 (type 2)."""

    owner: bytes
    _seed: bytes = field(repr=False, compare=False)
    signature_type: SignatureType = field(default=SignatureType.ED25519, init=False)

    @classmethod
    def from_seed(cls, seed: bytes) -> "Ed25519Signer":
        """The signer of a 32-byte seed.

        Raises:
            FormatError: the seed has another length.
        """
        return cls(signatures.public_key(seed), seed)

    def sign(self, message: bytes) -> bytes:
        """The 64-byte signature over `message`."""
        return signatures.sign(self._seed, message)


@dataclass(frozen=True, slots=True)
class EthereumSigner:
    """Signs as Ethereum wallets sign a personal message (type 3)."""

    owner: bytes
    _secret: bytes = field(repr=False, compare=False)
    signature_type: SignatureType = field(default=SignatureType.ETHEREUM, init=False)

    @classmethod
    def from_secret(cls, secret: bytes) -> "EthereumSigner":
        """The signer of a 32-byte secret key.

        Raises:
            FormatError: not a key of secp256k1.
        """
        return cls(secp256k1.public_key(secret), secret)

    def sign(self, message: bytes) -> bytes:
        """The 65-byte signature over `message`: r, s, v, where v is 27 or 28."""
        signature, recovery_id = secp256k1.sign(self._secret, ethereum.personal_digest(message))
        return signature + bytes((27 + recovery_id,))
