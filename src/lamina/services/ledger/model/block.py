"""A signed block (spec/ledger.md 1.5), put together around its transactions' canonical bytes.

The hashed form is a concatenation: no transaction is serialised again to be hashed, signed or stored.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

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


@dataclass(frozen=True, slots=True)
class _Content:
    """What is hashed and signed, and where its first transaction begins."""

    inner: bytes
    start: int
    transactions: tuple[Transaction, ...]


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
    content = _content(transactions, node.public, voters, timestamp)
    return _assemble(content, sha3_256_hex(content.inner), base58.encode(node.sign(content.inner)))


def split(transactions: Sequence[Transaction], bytes_max: int) -> Iterator[list[Transaction]]:
    """The contents of blocks of at most so many bytes (reliability G15); one transaction always fits."""
    chunk: list[Transaction] = []
    size = 0
    for tx in transactions:
        if chunk and size + len(tx.body) > bytes_max:
            yield chunk
            chunk, size = [], 0
        chunk.append(tx)
        size += len(tx.body)
    if chunk:
        yield chunk


def join_block(
    transactions: Sequence[Transaction],
    *,
    block_id: str,
    creator: str,
    voters: Sequence[str],
    timestamp: str,
    signature: str,
) -> LedgerBlock:
    """Put a block together that somebody else has sealed; nothing is checked."""
    return _assemble(_content(transactions, creator, voters, timestamp), block_id, signature)


def _content(
    transactions: Sequence[Transaction], creator: str, voters: Sequence[str], timestamp: str
) -> _Content:
    head = b'{"node_pubkey":%s,"timestamp":%s,"transactions":[' % (encode(creator), encode(timestamp))
    inner = b"".join(
        (head, b",".join([tx.body for tx in transactions]), b'],"voters":', encode(list(voters)), b"}")
    )
    return _Content(inner, len(_PREFIX) + len(head), tuple(transactions))


def _assemble(content: _Content, block_id: str, signature: str) -> LedgerBlock:
    tail = b',"id":%s,"signature":%s}' % (encode(block_id), encode(signature))
    body = b"".join((_PREFIX, content.inner, tail))
    return LedgerBlock(block_id, body, content.transactions, _offsets(content.start, content.transactions))


def _offsets(start: int, transactions: Sequence[Transaction]) -> tuple[int, ...]:
    offsets: list[int] = []
    for tx in transactions:
        offsets.append(start)
        start += len(tx.body) + 1
    return tuple(offsets)


class _Voters(msgspec.Struct):
    voters: list[str]


class _VotersOnly(msgspec.Struct):
    block: _Voters


_voters_decoder = msgspec.json.Decoder(_VotersOnly)


def read_voters(body: bytes) -> frozenset[str]:
    """The voters a stored block names.

    Raises:
        msgspec.DecodeError: the bytes are not what this ledger stores.
    """
    return frozenset(_voters_decoder.decode(body).block.voters)
