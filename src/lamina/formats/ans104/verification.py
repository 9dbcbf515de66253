"""Whether an item was signed by its owner, by each of the seven types (spec/scheduler.md 5.2).

CPU work of some hundred microseconds: callers decide where it runs. Nothing here raises for an item that was
read, however wrong its keys and signatures are.
"""

import re
from collections.abc import Callable

from lamina.formats import rsa_pss, secp256k1, signatures
from lamina.formats.ans104 import ethereum
from lamina.formats.ans104.item import DataItem
from lamina.formats.ans104.signature_type import SignatureType

# The original libraries write 27 and 28; others write the bare recovery id.
_RECOVERY_IDS = {0: 0, 1: 1, 27: 0, 28: 1}
_ADDRESS = re.compile(rb"0x[0-9A-Fa-f]{40}")
_KEYS_MAX = 32
_BITMAP_BYTES = 4


def verify(item: DataItem) -> bool:
    """Whether the signature over the item is by its owner."""
    return _CHECKS[item.signature_type](item.owner, item.message(), item.signature)


def _solana(owner: bytes, message: bytes, signature: bytes) -> bool:
    return signatures.verify(owner, message.hex().encode(), signature)


def _injected_aptos(owner: bytes, message: bytes, signature: bytes) -> bool:
    text = f"APTOS\nmessage: {message.hex()}\nnonce: bundlr"
    return signatures.verify(owner, text.encode(), signature)


def _multi_aptos(owner: bytes, message: bytes, signature: bytes) -> bool:
    """Every signature that the bitmap names is good, and there are as many as the owner's last byte asks.

    The original library asks for no number, so an empty bitmap passes there; here at least one is needed.
    """
    bitmap = int.from_bytes(signature[-_BITMAP_BYTES:], "big")
    signers = [index for index in range(_KEYS_MAX) if bitmap >> (_KEYS_MAX - 1 - index) & 1]
    return len(signers) >= max(1, owner[-1]) and all(
        signatures.verify(owner[32 * i : 32 * i + 32], message, signature[64 * i : 64 * i + 64])
        for i in signers
    )


def _ethereum(owner: bytes, message: bytes, signature: bytes) -> bool:
    # Compat: the last byte need not name the right key, since the original library does not look at it.
    return signature[-1] in _RECOVERY_IDS and secp256k1.verify(
        owner, ethereum.personal_digest(message), signature[:-1]
    )


def _typed_ethereum(owner: bytes, message: bytes, signature: bytes) -> bool:
    recovery_id = _RECOVERY_IDS.get(signature[-1])
    if recovery_id is None or _ADDRESS.fullmatch(owner) is None:
        return False
    address = bytes.fromhex(owner[2:].decode())
    digest = ethereum.typed_digest(message, address)
    public_key = secp256k1.recover(digest, signature[:-1], recovery_id)
    return public_key is not None and ethereum.address_of(public_key) == address


_CHECKS: dict[SignatureType, Callable[[bytes, bytes, bytes], bool]] = {
    SignatureType.ARWEAVE: rsa_pss.verify,
    SignatureType.ED25519: signatures.verify,
    SignatureType.ETHEREUM: _ethereum,
    SignatureType.SOLANA: _solana,
    SignatureType.INJECTED_APTOS: _injected_aptos,
    SignatureType.MULTI_APTOS: _multi_aptos,
    SignatureType.TYPED_ETHEREUM: _typed_ethereum,
}
