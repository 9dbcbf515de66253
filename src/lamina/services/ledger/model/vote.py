"""A node's signed word on one block (spec/ledger.md 1.6)."""

from dataclasses import dataclass

from lamina.formats import base58
from lamina.formats.canonical_json import encode
from lamina.formats.signatures import KeyPair
from lamina.services.ledger.errors import CyclicBlockchainError


@dataclass(frozen=True, slots=True)
class Vote:
    """A signed vote; `body` is its canonical JSON."""

    voter: str
    block_id: str
    previous_block: str
    is_valid: bool
    body: bytes


def sign_vote(
    node: KeyPair,
    *,
    block_id: str,
    previous_block: str,
    is_valid: bool,
    timestamp: str,
    invalid_reason: str | None = None,
) -> Vote:
    """Vote on a block.

    Raises:
        CyclicBlockchainError: the block would be its own predecessor.
    """
    if block_id == previous_block:
        raise CyclicBlockchainError
    statement = {
        "voting_for_block": block_id,
        "previous_block": previous_block,
        "is_block_valid": is_valid,
        "invalid_reason": invalid_reason,
        "timestamp": timestamp,
    }
    signature = base58.encode(node.sign(encode(statement)))
    body = encode({"node_pubkey": node.public, "signature": signature, "vote": statement})
    return Vote(node.public, block_id, previous_block, is_valid, body)
