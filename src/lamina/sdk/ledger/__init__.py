"""Clients of the asset ledger, blocking and async, with the same methods.

They also speak to any BigchainDB Server 1.0.1.
"""

from lamina.formats.signatures import KeyPair
from lamina.formats.transaction import Recipient, Transaction
from lamina.sdk.ledger.async_client import AsyncLedgerClient
from lamina.sdk.ledger.client import LedgerClient
from lamina.sdk.ledger.documents import (
    Asset,
    Block,
    BlockStatus,
    Collections,
    Event,
    Node,
    OutputReference,
    TransactionStatus,
    Vote,
)
from lamina.sdk.ledger.errors import LedgerError, NotFound, NotValidInTime, Refused, StreamEnded

__all__ = [
    "Asset",
    "AsyncLedgerClient",
    "Block",
    "BlockStatus",
    "Collections",
    "Event",
    "KeyPair",
    "LedgerClient",
    "LedgerError",
    "Node",
    "NotFound",
    "NotValidInTime",
    "OutputReference",
    "Recipient",
    "Refused",
    "StreamEnded",
    "Transaction",
    "TransactionStatus",
    "Vote",
]
