"""A signed transaction of format 1.0 (spec/ledger.md 1.3).

`body` is the canonical JSON of the complete document: what is stored, hashed into blocks and served. It is
made once, when the transaction is accepted, and never serialised again.
"""

from typing import Any, NamedTuple

import msgspec

from lamina.formats.conditions import Fulfillment, details_keys

CREATE = "CREATE"
TRANSFER = "TRANSFER"
GENESIS = "GENESIS"


class Outpoint(NamedTuple):
    """One output of one transaction."""

    tx_id: str
    output_index: int


class Input(msgspec.Struct, frozen=True, gc=False):
    """What a transaction spends and the proof that it may; `fulfillment` is None for an unsigned input."""

    owners_before: tuple[str, ...]
    spends: Outpoint | None
    fulfillment: Fulfillment | None


class Output(msgspec.Struct, frozen=True, gc=False):
    """What may be spent next: an amount under a condition.

    `keys` are the keys anywhere in the condition's details; `public_keys` is the list the client wrote beside
    them, which nothing forces to agree (None is allowed).
    """

    amount: int
    condition_uri: str
    public_keys: tuple[str, ...] | None
    keys: frozenset[str]


class Transaction(msgspec.Struct, frozen=True, gc=False):
    """A transaction whose form and id have been checked.

    `is_normal` is False where a client wrote an amount or a condition URI other than the server recomputes
    it; such a document can never carry a right signature (spec/ledger.md 1.3).
    """

    id: str
    operation: str
    asset_id: str
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    body: bytes
    message: bytes
    is_normal: bool = True

    @property
    def spends(self) -> tuple[Outpoint, ...]:
        """The outputs this transaction spends, in input order."""
        if self.operation != TRANSFER:
            return ()
        return tuple(entry.spends for entry in self.inputs if entry.spends is not None)


class _StoredFulfills(msgspec.Struct):
    transaction_id: str
    output_index: int


class _StoredInput(msgspec.Struct):
    owners_before: list[str]
    fulfills: _StoredFulfills | None


class _StoredCondition(msgspec.Struct):
    details: dict[str, Any]
    uri: str


class _StoredOutput(msgspec.Struct):
    amount: str
    condition: _StoredCondition
    public_keys: list[str] | None


class _StoredAsset(msgspec.Struct):
    id: str | None = None


class _Stored(msgspec.Struct):
    id: str
    operation: str
    asset: _StoredAsset
    inputs: list[_StoredInput]
    outputs: list[_StoredOutput]


_decoder = msgspec.json.Decoder(_Stored)


def decode_stored(body: bytes) -> Transaction:
    """Read a transaction that was checked before it was stored; fulfillments are not looked at again.

    Args:
        body: canonical bytes from the log or the backlog.

    Raises:
        msgspec.DecodeError: the bytes are not what this ledger stores.
    """
    stored = _decoder.decode(body)
    return Transaction(
        id=stored.id,
        operation=stored.operation,
        asset_id=stored.asset.id or stored.id,
        inputs=tuple(_input(entry) for entry in stored.inputs),
        outputs=tuple(_output(entry) for entry in stored.outputs),
        body=body,
        message=b"",
    )


def _input(stored: _StoredInput) -> Input:
    fulfills = stored.fulfills
    spends = None if fulfills is None else Outpoint(fulfills.transaction_id, fulfills.output_index)
    return Input(tuple(stored.owners_before), spends, None)


def _output(stored: _StoredOutput) -> Output:
    return Output(
        amount=int(stored.amount),
        condition_uri=stored.condition.uri,
        public_keys=None if stored.public_keys is None else tuple(stored.public_keys),
        keys=frozenset(details_keys(stored.condition.details)),
    )
