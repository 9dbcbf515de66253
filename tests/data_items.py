"""Keys of every signature type, and data items that tests sign with them.

What `lamina.formats.ans104` signs with is used as it is; the other types are put together here from bare
signatures, so that the messages they sign are written down a second time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from lamina.formats import secp256k1, signatures
from lamina.formats.ans104 import (
    Draft,
    Ed25519Signer,
    EthereumSigner,
    SignatureType,
    SignedItem,
    Signer,
    Wallet,
    sign,
)
from lamina.formats.avro_tags import Tag
from lamina.formats.keccak import keccak_256

SEED = bytes(range(32))
SECRET = bytes(range(1, 33))
MULTI_SEEDS = [bytes((number,)) * 32 for number in range(5, 8)]
MULTI_SIGNERS = [0, 2]
MULTI_THRESHOLD = 2

DRAFT = Draft(
    tags=[Tag("Type", "Message"), Tag("Größe", ""), Tag("Type", "🚲" * 40)],
    target=bytes(range(100, 132)),
    anchor=b"a" * 32,
    data=[b"local x = 1"],
)
BARE_DRAFT = Draft()


@dataclass(frozen=True)
class TextSigner:
    """Signs a text made of the message with ed25519: types 4 and 5."""

    signature_type: SignatureType
    text: str

    @property
    def owner(self) -> bytes:
        return signatures.public_key(SEED)

    def sign(self, message: bytes) -> bytes:
        return signatures.sign(SEED, self.text.format(message.hex()).encode())


@dataclass(frozen=True)
class MultiSigner:
    """Some of several ed25519 keys sign: type 6."""

    signers: Sequence[int] = tuple(MULTI_SIGNERS)
    threshold: int = MULTI_THRESHOLD
    signature_type: SignatureType = SignatureType.MULTI_APTOS

    @property
    def owner(self) -> bytes:
        keys = b"".join(signatures.public_key(seed) for seed in MULTI_SEEDS)
        return keys.ljust(1024, b"\0") + bytes((self.threshold,))

    def sign(self, message: bytes) -> bytes:
        signature = bytearray(2052)
        for index in self.signers:
            signature[64 * index : 64 * index + 64] = signatures.sign(MULTI_SEEDS[index], message)
            signature[2048 + index // 8] |= 0x80 >> index % 8
        return bytes(signature)


class TypedEthereumSigner:
    """Signs typed data: type 7."""

    signature_type = SignatureType.TYPED_ETHEREUM

    @property
    def owner(self) -> bytes:
        return b"0x" + keccak_256(secp256k1.public_key(SECRET)[1:])[12:].hex().encode()

    def sign(self, message: bytes) -> bytes:
        address = bytes(12) + bytes.fromhex(self.owner[2:].decode())
        kind = keccak_256(b"Bundlr(bytes Transaction hash,address address)")
        domain_kind = keccak_256(b"EIP712Domain(string name,string version)")
        domain = keccak_256(domain_kind + keccak_256(b"Bundlr") + keccak_256(b"1"))
        content = keccak_256(kind + keccak_256(message) + address)
        signature, recovery_id = secp256k1.sign(SECRET, keccak_256(b"\x19\x01" + domain + content))
        return signature + bytes((27 + recovery_id,))


@cache
def wallet() -> Wallet:
    """One random RSA-4096 wallet for a test process."""
    return Wallet.generate()


def signer(signature_type: SignatureType) -> Signer:
    """The test's key of a type; of type 1 it is `wallet`."""
    match signature_type:
        case SignatureType.ARWEAVE:
            return wallet()
        case SignatureType.ED25519:
            return Ed25519Signer.from_seed(SEED)
        case SignatureType.ETHEREUM:
            return EthereumSigner.from_secret(SECRET)
        case SignatureType.SOLANA:
            return TextSigner(signature_type, "{}")
        case SignatureType.INJECTED_APTOS:
            return TextSigner(signature_type, "APTOS\nmessage: {}\nnonce: bundlr")
        case SignatureType.MULTI_APTOS:
            return MultiSigner()
        case SignatureType.TYPED_ETHEREUM:
            return TypedEthereumSigner()


@cache
def signed(signature_type: SignatureType) -> SignedItem:
    """`DRAFT` signed by the key of a type."""
    return sign(DRAFT, signer(signature_type))
