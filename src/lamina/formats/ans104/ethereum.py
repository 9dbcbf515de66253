"""What Ethereum wallets sign for a message: 32 bytes, by EIP-191 or EIP-712 (spec/scheduler.md 5.2)."""

from lamina.formats.keccak import keccak_256

ADDRESS_BYTES = 20


def personal_digest(message: bytes) -> bytes:
    """Hash that stands for `message` as a personal message (EIP-191, version 0x45)."""
    return keccak_256(b"\x19Ethereum Signed Message:\n%d" % len(message) + message)


def typed_digest(message: bytes, address: bytes) -> bytes:
    """Hash that stands for `message` of a signer as typed data (EIP-712).

    Args:
        message: the member `Transaction hash`.
        address: the member `address`, 20 bytes.
    """
    members = keccak_256(message) + address.rjust(32, b"\0")
    return keccak_256(b"\x19\x01" + _DOMAIN + keccak_256(_TYPE + members))


def address_of(public_key: bytes) -> bytes:
    """The 20-byte address of a 65-byte public key."""
    return keccak_256(public_key[1:])[-ADDRESS_BYTES:]


_TYPE = keccak_256(b"Bundlr(bytes Transaction hash,address address)")
_DOMAIN = keccak_256(
    keccak_256(b"EIP712Domain(string name,string version)") + keccak_256(b"Bundlr") + keccak_256(b"1")
)
