"""One node's judgement on one entry of the log (spec/ledger.md 5.3, distribution-and-reliability 6.4 R3).

A function of the entry, the membership at its position and the facts the log says before it: every honest
node comes to the same verdict, and no entry, whatever it holds, raises anything but a refusal (G14).
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any, cast

from lamina.formats.canonical_json import ENCODE_DEPTH_MAX, parse
from lamina.formats.errors import FormatError
from lamina.kernel.errors import LaminaError
from lamina.services.ledger.errors import (
    GenesisBlockAlreadyExistsError,
    InvalidHash,
    InvalidRequest,
    SchemaValidationError,
    ValidationError,
)
from lamina.services.ledger.model.block import LedgerBlock
from lamina.services.ledger.model.entry import Entry
from lamina.services.ledger.model.transaction import Transaction
from lamina.services.ledger.rules import block as rules
from lamina.services.ledger.rules.form import parse_transaction

REFUSALS = (ValidationError, SchemaValidationError, InvalidRequest, FormatError)
"""What a judgement may raise: the entry is wrong, and the error's text says why."""


GENESIS_SEQ = 1
BLOCK_BYTES_MAX = 16 * 2**20
"""Size past which a block of more than one transaction is voted down (G15). No setting: nodes must agree."""


def open_entry(entry: Entry, members: AbstractSet[str]) -> LedgerBlock:
    """Check everything about an entry that can be said without the chain.

    Args:
        entry: from the log.
        members: public keys of the members at its position.

    Raises:
        ValidationError, SchemaValidationError, InvalidRequest, FormatError: the first rule broken.
    """
    block = rules.open_block(parse(entry.body, depth_max=ENCODE_DEPTH_MAX), members)
    if block.id != entry.block_id:
        raise InvalidHash(f"The log calls the block {entry.block_id}, it calls itself {block.id}")
    if block.body != entry.body:
        raise ValidationError("The block is not in canonical form")
    check_place(block, entry, members)
    return block


def check_place(block: LedgerBlock, entry: Entry, members: AbstractSet[str]) -> None:
    """Check what depends on where a block stands, and on nothing inside its transactions.

    Args:
        block: what the entry holds.
        entry: from the log.
        members: public keys of the members at its position.

    Raises:
        ValidationError: the first rule broken.
    """
    rules.check_voters(block, members)
    if rules.is_genesis(block) != (entry.seq == GENESIS_SEQ):
        raise GenesisBlockAlreadyExistsError("A GENESIS block opens the log, and nothing else does")
    if len(entry.body) > BLOCK_BYTES_MAX and len(block.transactions) > 1:
        raise ValidationError(f"The block has {len(entry.body)} bytes, the limit is {BLOCK_BYTES_MAX}")


def salvage(entry: Entry) -> list[Transaction]:
    """The transactions of a refused entry that are transactions at all; they may become valid elsewhere."""
    try:
        document: object = parse(entry.body, depth_max=ENCODE_DEPTH_MAX)
    except FormatError:
        return []
    inner = cast("Mapping[str, Any]", document).get("block") if isinstance(document, dict) else None
    listed = cast("Mapping[str, Any]", inner).get("transactions") if isinstance(inner, dict) else None
    found: dict[str, Transaction] = {}
    for wire in cast("list[Any]", listed) if isinstance(listed, list) else []:
        try:
            tx = parse_transaction(wire)
        except (LaminaError, FormatError):
            continue
        found.setdefault(tx.id, tx)
    return list(found.values())
