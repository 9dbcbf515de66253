"""A node's signed word on the state that a log's blocks lead to (distribution-and-reliability 6.6)."""

from dataclasses import dataclass

from lamina.formats import base58
from lamina.formats.canonical_json import encode
from lamina.formats.signatures import KeyPair


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Which outputs are unspent once every block up to a position is decided; `body` is canonical JSON."""

    node: str
    seq: int
    block_id: str
    state_hash: str
    body: bytes


def sign_checkpoint(node: KeyPair, *, seq: int, block_id: str, state_hash: str) -> Checkpoint:
    """Make one.

    Args:
        node: who says so.
        seq: the position up to which everything is decided, and behind which nothing is.
        block_id: the block there.
        state_hash: of `rules.state_hash`.
    """
    statement = {"block_id": block_id, "seq": seq, "state_hash": state_hash}
    signature = base58.encode(node.sign(encode(statement)))
    body = encode({"checkpoint": statement, "node_pubkey": node.public, "signature": signature})
    return Checkpoint(node.public, seq, block_id, state_hash, body)
