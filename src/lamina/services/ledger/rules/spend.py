"""May this transaction spend what it says it spends (spec/ledger.md 2.2, rules 6 to 13)."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from lamina.formats.base58 import decode_key
from lamina.formats.errors import FormatError
from lamina.services.ledger.errors import (
    AmountError,
    AssetIdMismatch,
    DoubleSpend,
    GenesisBlockAlreadyExistsError,
    InputDoesNotExist,
    InvalidSignature,
    TransactionNotInValidBlock,
)
from lamina.services.ledger.model.status import Status
from lamina.services.ledger.model.transaction import CREATE, GENESIS, Input, Outpoint, Output, Transaction


@dataclass(slots=True)
class ChainView:
    """What the chain and the backlog know about the outputs some transactions want to spend.

    Attributes:
        transactions: the transactions whose outputs are wanted, with their status; only live ones.
        waiting: ids of such transactions that are in the backlog.
        spenders: for each wanted output, the ids that spend it in a block that is not invalid or in the
            backlog.
    """

    transactions: Mapping[str, tuple[Transaction, Status]] = field(
        default_factory=dict[str, tuple[Transaction, Status]]
    )
    waiting: AbstractSet[str] = frozenset()
    spenders: Mapping[Outpoint, AbstractSet[str]] = field(default_factory=dict[Outpoint, AbstractSet[str]])


def check(tx: Transaction, view: ChainView, *, strict_owners: bool, signed: bool = False) -> None:
    """Apply rules 6 to 13 in the order clients observe.

    Args:
        tx: a transaction whose form is right.
        view: facts about every output it spends.
        strict_owners: also refuse owners other than those who may and did sign (architecture 4).
        signed: this node already verified the signatures over these very bytes.

    Raises:
        ValidationError: the first rule broken.
    """
    if tx.operation == GENESIS:
        raise GenesisBlockAlreadyExistsError
    if tx.operation == CREATE:
        _check_create(tx, strict_owners=strict_owners, signed=signed)
        return
    spent = [_spent_output(tx, entry.spends, view) for entry in tx.inputs if entry.spends is not None]
    outputs = [output for output, _ in spent]
    _check_distinct(tx)
    _check_asset(tx, {asset_id for _, asset_id in spent})
    _check_amounts(tx, outputs)
    if signed:
        return
    for entry, output in zip(tx.inputs, outputs, strict=True):
        if entry.fulfillment is None or entry.fulfillment.condition_uri != output.condition_uri:
            raise InvalidSignature("Transaction signature is invalid.")
        if strict_owners and not _names_owners(entry, output):
            raise InvalidSignature("Transaction signature is invalid.")
    check_signatures(tx)


def _check_create(tx: Transaction, *, strict_owners: bool, signed: bool) -> None:
    if signed:
        return
    if strict_owners and not all(_owners_signed(entry) for entry in tx.inputs):
        raise InvalidSignature("Transaction signature is invalid.")
    check_signatures(tx)


def _owners_signed(entry: Input) -> bool:
    """Strict owners on CREATE: exactly the named owners signed."""
    if entry.fulfillment is None:
        return False
    try:
        owners = frozenset(map(decode_key, entry.owners_before))
    except FormatError:
        return False  # shaped like a key, but no key: nobody can have signed with it
    return entry.fulfillment.signers == owners


def _names_owners(entry: Input, output: Output) -> bool:
    """Strict owners on TRANSFER: the list beside the condition, or the keys in it where there is none."""
    if output.public_keys is None:
        return frozenset(entry.owners_before) == output.keys
    return entry.owners_before == output.public_keys


def _spent_output(tx: Transaction, wanted: Outpoint, view: ChainView) -> tuple[Output, str]:
    """Rules 6 to 8 for one input: the output it spends and that output's asset."""
    found = view.transactions.get(wanted.tx_id)
    if found is None:
        if wanted.tx_id in view.waiting:
            raise TransactionNotInValidBlock(f"input `{wanted.tx_id}` does not exist in a valid block")
        raise InputDoesNotExist(f"input `{wanted.tx_id}` doesn't exist")
    source, status = found
    if wanted.output_index >= len(source.outputs):
        raise InputDoesNotExist(f"input `{wanted.tx_id}` doesn't exist")
    if status is not Status.VALID:
        raise TransactionNotInValidBlock(f"input `{wanted.tx_id}` does not exist in a valid block")
    if view.spenders.get(wanted, frozenset[str]()) - {tx.id}:
        raise DoubleSpend(f"input `{wanted.tx_id}` was already spent")
    return source.outputs[wanted.output_index], source.asset_id


def _check_distinct(tx: Transaction) -> None:
    if len(set(tx.spends)) != len(tx.spends):
        raise DoubleSpend(f'tx "{tx.id}" spends inputs twice')


def _check_asset(tx: Transaction, asset_ids: set[str]) -> None:
    if len(asset_ids) > 1:
        raise AssetIdMismatch("All inputs of all transactions passed need to have the same asset id")
    if asset_ids != {tx.asset_id}:
        raise AssetIdMismatch("The asset id of the input does not match the asset id of the transaction")


def _check_amounts(tx: Transaction, spent: list[Output]) -> None:
    incoming = sum(output.amount for output in spent)
    outgoing = sum(output.amount for output in tx.outputs)
    if incoming != outgoing:
        raise AmountError(
            f"The amount used in the inputs `{incoming}` needs to be same as the amount used in the outputs "
            f"`{outgoing}`"
        )


def check_signatures(tx: Transaction) -> None:
    """Rule 13 without the spent outputs: every input is fulfilled over the normal form.

    Raises:
        InvalidSignature: one is not.
    """
    if not tx.is_normal:
        raise InvalidSignature("Transaction signature is invalid.")
    for entry in tx.inputs:
        if entry.fulfillment is None or not entry.fulfillment.verify(tx.message):
            raise InvalidSignature("Transaction signature is invalid.")
