"""The ledger's answers as they are on the wire; transactions are the plain dicts of `lamina.formats`."""

from typing import Any, Literal, TypedDict

from lamina.formats.transaction import Transaction

TransactionStatus = Literal["backlog", "undecided", "valid"]
BlockStatus = Literal["undecided", "valid", "invalid"]


class Collections(TypedDict):
    """Where the collections of the API are, and the event stream."""

    assets: str
    docs: str
    outputs: str
    statuses: str
    streams: str
    transactions: str


class _Versions(TypedDict):
    v1: Collections


class Node(TypedDict):
    """A node; `keyring` has the public keys of the federation's other nodes."""

    api: _Versions
    docs: str
    keyring: list[str]
    public_key: str
    software: str
    version: str


class OutputReference(TypedDict):
    """Where an output stands."""

    transaction_id: str
    output_index: int


class Asset(TypedDict):
    """An asset's id and payload."""

    id: str
    data: dict[str, Any] | None


class _BlockBody(TypedDict):
    timestamp: str
    transactions: list[Transaction]
    node_pubkey: str
    voters: list[str]


class Block(TypedDict):
    """A signed block."""

    id: str
    block: _BlockBody
    signature: str


class _Ballot(TypedDict):
    voting_for_block: str
    previous_block: str
    is_block_valid: bool
    invalid_reason: str | None
    timestamp: str


class Vote(TypedDict):
    """A node's signed vote on one block."""

    node_pubkey: str
    signature: str
    vote: _Ballot


class Event(TypedDict):
    """A transaction of a block that has just become valid."""

    block_id: str
    asset_id: str
    transaction_id: str
