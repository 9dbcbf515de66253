"""Is a published checkpoint one that its node has signed."""

from typing import Any

import msgspec

from lamina.formats import base58, signatures
from lamina.formats.base58 import decode_key
from lamina.formats.canonical_json import encode
from lamina.formats.errors import FormatError
from lamina.services.ledger.errors import InvalidSignature, ValidationError
from lamina.services.ledger.model.checkpoint import Checkpoint
from lamina.services.ledger.model.identifier import is_id


class _Statement(msgspec.Struct, forbid_unknown_fields=True):
    block_id: str
    seq: int
    state_hash: str


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    checkpoint: _Statement
    node_pubkey: str
    signature: str


_documents = msgspec.json.Decoder(_Document)


def open_checkpoint(body: bytes) -> Checkpoint:
    """Check a checkpoint's form and signature.

    Raises:
        ValidationError: it has not the form of one.
        InvalidSignature: its node did not sign it.
    """
    try:
        document = _documents.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValidationError(f"This is not a checkpoint: {error}") from None
    told = document.checkpoint
    if not (is_id(told.block_id) and is_id(told.state_hash) and 0 < told.seq < 2**62):
        raise ValidationError("This is not a checkpoint")
    statement: dict[str, Any] = msgspec.to_builtins(told)
    if not _is_signed(document, encode(statement)):
        raise InvalidSignature("Invalid checkpoint signature")
    return Checkpoint(document.node_pubkey, told.seq, told.block_id, told.state_hash, body)


def _is_signed(document: _Document, message: bytes) -> bool:
    try:
        return signatures.verify(decode_key(document.node_pubkey), message, base58.decode(document.signature))
    except FormatError:
        return False
