"""A signed block (spec/ledger.md 1.5), put together around its transactions' canonical bytes.

The hashed form is a concatenation: no transaction is serialised again to be hashed, signed or stored.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lamina.formats import base58
from lamina.formats.canonical_json import encode
from lamina.formats.hashes import sha3_256_hex
from lamina.formats.signatures import KeyPair
from lamina.services.ledger.model.transaction import Transaction


@dataclass(frozen=True, slots=True)
class LedgerBlock:
    """A block ready for the log.

    `body` is the canonical JSON of the whole block; `offsets[i]` is where the i-th transaction's bytes begin
    in it.
    """

    id: str
    body: bytes
    transactions: tuple[Transaction, ...]
    offsets: tuple[int, ...]


_PREFIX = b'{"block":'


def seal_block(
    transactions: Sequence[Transaction], *, node: KeyPair, voters: Sequence[str], timestamp: str
) -> LedgerBlock:
    """Hash and sign a block of these transactions, in this order.

    Args:
        transactions: at least one.
        node: the creator's key.
        voters: public keys of the whole membership; their order is hashed as given.
        timestamp: Unix seconds as decimal digits.
    """
    assert transactions, "Empty block creation is not allowed"
    head = b'{"node_pubkey":"%s","timestamp":"%s","transactions":[' % (
        node.public.encode(),
        timestamp.encode(),
    )
    inner = b"".join(
        (head, b",".join([tx.body for tx in transactions]), b'],"voters":', encode(list(voters)), b"}")
    )
    block_id = sha3_256_hex(inner)
    signature = base58.encode(node.sign(inner))
    body = b"".join(
        (_PREFIX, inner, b',"id":"', block_id.encode(), b'","signature":"', signature.encode(), b'"}')
    )
    return LedgerBlock(block_id, body, tuple(transactions), _offsets(len(_PREFIX) + len(head), transactions))


def _offsets(start: int, transactions: Sequence[Transaction]) -> tuple[int, ...]:
    offsets: list[int] = []
    for tx in transactions:
        offsets.append(start)
        start += len(tx.body) + 1
    return tuple(offsets)
