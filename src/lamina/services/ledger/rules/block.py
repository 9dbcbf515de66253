"""Is a block what it claims to be (spec/ledger.md 5.3, points 2 and LAMINA's addition)."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from lamina.formats import base58, signatures
from lamina.formats.canonical_json import encode
from lamina.formats.errors import FormatError
from lamina.formats.hashes import sha3_256_hex
from lamina.services.ledger.errors import (
    DoubleSpend,
    DuplicateTransaction,
    InvalidHash,
    InvalidSignature,
    SybilError,
)


def check_envelope(block: Mapping[str, Any], members: AbstractSet[str]) -> None:
    """Check id, creator, signature and that no transaction stands twice; the chain is not looked at.

    Args:
        block: the parsed block document.
        members: public keys of the membership.

    Raises:
        InvalidHash, SybilError, InvalidSignature, DuplicateTransaction, DoubleSpend: the first rule broken.
    """
    inner = block["block"]
    text = encode(inner)
    if sha3_256_hex(text) != block["id"]:
        raise InvalidHash(f"The block's id '{block['id']}' isn't equal to the hash of its body.")
    if inner["node_pubkey"] not in members:
        raise SybilError
    if not _is_signed(inner["node_pubkey"], text, block["signature"]):
        raise InvalidSignature("Invalid block signature")
    check_transactions_differ([tx["id"] for tx in inner["transactions"]])
    spends = [
        (entry["fulfills"]["transaction_id"], entry["fulfills"]["output_index"])
        for tx in inner["transactions"]
        for entry in tx["inputs"]
        if entry["fulfills"]
    ]
    if len(set(spends)) != len(spends):
        raise DoubleSpend("Two transactions of the block spend one output")


def check_transactions_differ(tx_ids: list[str]) -> None:
    """No transaction may stand twice in a block.

    Raises:
        DuplicateTransaction: one does.
    """
    if len(set(tx_ids)) != len(tx_ids):
        raise DuplicateTransaction


def _is_signed(public_key: str, message: bytes, signature: object) -> bool:
    if not isinstance(signature, str):
        return False
    try:
        return signatures.verify(base58.decode_key(public_key), message, base58.decode(signature))
    except FormatError:
        return False
