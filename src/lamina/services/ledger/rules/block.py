"""Is a block what it claims to be, and do its transactions fit the chain (spec/ledger.md 5.3, point 2).

What needs no chain comes first (`open_block`); the chain's facts are given (`check`).
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, cast

import msgspec

from lamina.formats import base58, signatures
from lamina.formats.canonical_json import encode
from lamina.formats.errors import FormatError
from lamina.formats.hashes import sha3_256_hex
from lamina.services.ledger.errors import (
    DoubleSpend,
    DuplicateTransaction,
    GenesisBlockAlreadyExistsError,
    InvalidHash,
    InvalidSignature,
    SybilError,
    ValidationError,
)
from lamina.services.ledger.model.block import LedgerBlock, join_block, read_voters
from lamina.services.ledger.model.transaction import GENESIS, Transaction
from lamina.services.ledger.rules import spend
from lamina.services.ledger.rules.form import parse_transaction
from lamina.services.ledger.rules.spend import ChainView


class _Inner(msgspec.Struct, forbid_unknown_fields=True):
    timestamp: str
    transactions: list[dict[str, Any]]
    node_pubkey: str
    voters: list[str]


class _Wire(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    block: _Inner
    signature: str | None


@dataclass(frozen=True, slots=True)
class BlockView:
    """What the chain knows that a block's transactions depend on.

    Attributes:
        spends: facts about every output they spend.
        live_elsewhere: ids of those that stand in another block which is not invalid.
        genesis: id of the chain's first block; None where the chain is empty.
    """

    spends: ChainView
    live_elsewhere: AbstractSet[str]
    genesis: str | None


def open_block(document: object, members: AbstractSet[str]) -> LedgerBlock:
    """Check form, id, creator, signature and every transaction's form; the chain is not looked at.

    Args:
        document: a block as spec/ledger.md 1.5 writes it.
        members: public keys of the membership.

    Raises:
        ValidationError: the first rule broken (InvalidHash, SybilError, InvalidSignature,
            DuplicateTransaction and DoubleSpend have their own classes).
        SchemaValidationError, UnreadableBody: of a transaction.
    """
    wire = _read(document)
    _check_seal(wire, cast("dict[str, Any]", document)["block"], members)
    _check_differ([str(tx.get("id")) for tx in wire.block.transactions])
    transactions = [parse_transaction(tx) for tx in wire.block.transactions]
    _check_together(transactions)
    return join_block(
        transactions,
        block_id=wire.id,
        creator=wire.block.node_pubkey,
        voters=wire.block.voters,
        timestamp=wire.block.timestamp,
        signature=wire.signature or "",
    )


def check(block: LedgerBlock, view: BlockView, *, strict_owners: bool, signed: bool = False) -> None:
    """Check an opened block's transactions against the chain.

    Args:
        block: from `open_block`.
        view: facts about its transactions.
        strict_owners: as in `spend.check`.
        signed: as there, of every transaction.

    Raises:
        ValidationError: the first rule broken.
    """
    if is_genesis(block):
        if view.genesis not in {None, block.id}:
            raise GenesisBlockAlreadyExistsError
        spend.check_signatures(block.transactions[0])
        return
    for tx in block.transactions:
        if tx.id in view.live_elsewhere:
            raise DuplicateTransaction(f"transaction `{tx.id}` is already in another block")
        spend.check(tx, view.spends, strict_owners=strict_owners, signed=signed)


def check_voters(block: LedgerBlock, members: AbstractSet[str]) -> None:
    """The voters must be the whole membership (distribution-and-reliability G3).

    The original did not ask: a creator that listed itself alone decided alone.

    Raises:
        ValidationError: they are not.
    """
    if read_voters(block.body) != members:
        raise ValidationError("The voters of the block are not the federation")


def is_genesis(block: LedgerBlock) -> bool:
    """Whether a block can only be the first of a chain."""
    return block.transactions[0].operation == GENESIS


def _read(document: object) -> _Wire:
    try:
        wire = msgspec.convert(document, _Wire)
    except msgspec.ValidationError as error:
        raise ValidationError(f"This is not a block: {error}") from None
    if not wire.block.transactions:
        raise ValidationError("This is not a block: it holds no transaction")
    return wire


def _check_seal(wire: _Wire, inner: object, members: AbstractSet[str]) -> None:
    """Id, creator and signature."""
    try:
        text = encode(inner)
    except FormatError as error:
        raise ValidationError(f"This is not a block: {error}") from error
    if sha3_256_hex(text) != wire.id:
        raise InvalidHash(f"The block's id '{wire.id}' isn't equal to the hash of its body.")
    if wire.block.node_pubkey not in members:
        raise SybilError
    if not _is_signed(wire.block.node_pubkey, text, wire.signature):
        raise InvalidSignature("Invalid block signature")


def _is_signed(public_key: str, message: bytes, signature: str | None) -> bool:
    try:
        return signatures.verify(base58.decode_key(public_key), message, base58.decode(signature or ""))
    except FormatError:
        return False


def _check_differ(tx_ids: Sequence[str]) -> None:
    if len(set(tx_ids)) != len(tx_ids):
        raise DuplicateTransaction


def _check_together(transactions: Sequence[Transaction]) -> None:
    """Rules that concern more than one transaction of the block."""
    spends = [wanted for tx in transactions for wanted in tx.spends]
    if len(set(spends)) != len(spends):
        raise DoubleSpend("Two transactions of the block spend one output")
    if len(transactions) > 1 and any(tx.operation == GENESIS for tx in transactions):
        raise GenesisBlockAlreadyExistsError
