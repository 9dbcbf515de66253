"""Does a stored block prove itself, and do the rows beside it say what it says (spec/ledger.md 8, item 5).

Pure: the rows are given. The block's bytes are put together here anew, not by the code that made them, so
that a mistake there is seen.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

import msgspec

from lamina.formats import base58, signatures
from lamina.formats.canonical_json import encode, parse
from lamina.formats.errors import FormatError
from lamina.formats.hashes import sha3_256_hex
from lamina.kernel.errors import LaminaError
from lamina.services.ledger.errors import CriticalDuplicateVote
from lamina.services.ledger.model.status import Status
from lamina.services.ledger.model.stored import ClaimRow, Flaw, IndexRow, StoredBlock, VoteRow
from lamina.services.ledger.model.transaction import CREATE, GENESIS, TRANSFER, Transaction
from lamina.services.ledger.rules import election
from lamina.services.ledger.rules.form import parse_body, parse_transaction

GENESIS_SEQ = 1
_OPERATIONS = {GENESIS: 0, CREATE: 1, TRANSFER: 2}
_OPENING = b'{"block":'


class _Inner(msgspec.Struct, forbid_unknown_fields=True):
    node_pubkey: str
    timestamp: str
    transactions: list[msgspec.Raw]
    voters: list[str]


class _Envelope(msgspec.Struct, forbid_unknown_fields=True):
    block: _Inner
    id: str
    signature: str


_envelopes = msgspec.json.Decoder(_Envelope)
_vote_documents = msgspec.json.Decoder(dict[str, Any])


@dataclass(frozen=True, slots=True)
class OpenedBlock:
    """A block taken apart; `inner` is what its creator hashed and signed, written anew."""

    id: str
    creator: str
    signature: str
    voters: Sequence[str]
    bodies: Sequence[bytes]
    offsets: Sequence[int]
    inner: bytes


def open_block(body: bytes) -> OpenedBlock:
    """Take a block's bytes apart.

    Raises:
        FormatError: they are not a block of spec/ledger.md 1.5.
    """
    try:
        envelope = _envelopes.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise FormatError(f"not a block: {error}") from None
    block = envelope.block
    bodies = [bytes(raw) for raw in block.transactions]
    head = b"".join(
        (b'{"node_pubkey":', encode(block.node_pubkey), b',"timestamp":', encode(block.timestamp))
    )
    head += b',"transactions":['
    inner = b"".join((head, b",".join(bodies), b'],"voters":', encode(block.voters), b"}"))
    offsets = _offsets(len(_OPENING) + len(head), bodies)
    return OpenedBlock(
        envelope.id, block.node_pubkey, envelope.signature, block.voters, bodies, offsets, inner
    )


def _offsets(start: int, bodies: Iterable[bytes]) -> list[int]:
    offsets: list[int] = []
    for body in bodies:
        offsets.append(start)
        start += len(body) + 1
    return offsets


def check_form(stored: StoredBlock, opened: OpenedBlock) -> Iterator[Flaw]:
    """Canonical bytes, and the id that belongs to them: of every block, valid or not."""
    seq, name = stored.seq, stored.block_id
    closing = b',"id":' + encode(opened.id) + b',"signature":' + encode(opened.signature) + b"}"
    if _OPENING + opened.inner + closing != stored.body:
        yield Flaw("block_form", seq, name, "the stored bytes are not canonical")
    if opened.id != stored.block_id:
        yield Flaw("block_id", seq, name, f"the block calls itself {opened.id}")
    if sha3_256_hex(opened.inner) != opened.id:
        yield Flaw("block_id", seq, name, "the id is not the hash of the block")


def check_seal(stored: StoredBlock, opened: OpenedBlock, members: AbstractSet[str]) -> Iterator[Flaw]:
    """Creator, signature, voters: what a block voted invalid may owe."""
    seq, name = stored.seq, stored.block_id
    if opened.creator not in members:
        yield Flaw("block_creator", seq, name, f"its creator {opened.creator} is not a member")
    if not _is_signed(opened.creator, opened.inner, opened.signature):
        yield Flaw("block_signature", seq, name, "its creator's signature is not right")
    if set(opened.voters) != set(members):
        yield Flaw("block_voters", seq, name, "its voters are not the membership")
    if not opened.bodies:
        yield Flaw("block_empty", seq, name, "it holds no transaction")


def _is_signed(public_key: str, message: bytes, signature: str) -> bool:
    try:
        return signatures.verify(base58.decode_key(public_key), message, base58.decode(signature))
    except FormatError:
        return False


def read_transactions(stored: StoredBlock, opened: OpenedBlock) -> tuple[list[Transaction], list[Flaw]]:
    """The block's transactions with their form and ids checked.

    Returns:
        All of them and no flaw, or those that could be read and what is wrong.
    """
    transactions: list[Transaction] = []
    flaws: list[Flaw] = []
    for position, body in enumerate(opened.bodies):
        try:
            transactions.append(_read_transaction(body))
        except (LaminaError, FormatError) as error:
            flaws.append(
                Flaw("transaction_form", stored.seq, stored.block_id, f"transaction {position}: {error}")
            )
    flaws += _check_set(stored, transactions)
    return transactions, flaws


def _read_transaction(body: bytes) -> Transaction:
    transaction = parse_transaction(parse_body(body))
    if transaction.body != body:
        raise FormatError("the stored bytes are not canonical")
    return transaction


def _check_set(stored: StoredBlock, transactions: Sequence[Transaction]) -> Iterator[Flaw]:
    """No transaction twice, no output twice, GENESIS alone in the first block and nowhere else."""
    ids = [tx.id for tx in transactions]
    spends = [spend for tx in transactions for spend in tx.spends]
    if len(set(ids)) != len(ids):
        yield Flaw("block_duplicate", stored.seq, stored.block_id, "a transaction stands in it twice")
    if len(set(spends)) != len(spends):
        yield Flaw("double_spend", stored.seq, stored.block_id, "two of its transactions spend one output")
    operations = [tx.operation for tx in transactions]
    if (stored.seq == GENESIS_SEQ) != (operations == [GENESIS]) or operations.count(GENESIS) > 1:
        yield Flaw("genesis", stored.seq, stored.block_id, "a GENESIS transaction opens the log, alone")


def check_votes(
    stored: StoredBlock, previous: Mapping[str, str | None], *, first_previous: str | None
) -> Iterator[Flaw]:
    """Every vote is what its row says, and follows its voter's last one (spec/ledger.md 5.3, point 3).

    Args:
        stored: the block.
        previous: the last block each voter voted for; None where that is not known.
        first_previous: what a voter's first vote names: the genesis block; None when that is not known.
    """
    for row in stored.votes:
        expected = previous.get(row.voter, first_previous)
        if stored.seq == GENESIS_SEQ:
            yield Flaw("vote", stored.seq, stored.block_id, f"{row.voter} voted on the genesis block")
        elif expected is not None and row.previous_block != expected:
            text = f"{row.voter} names {row.previous_block} as the block before, not {expected}"
            yield Flaw("vote_chain", stored.seq, stored.block_id, text)
        if not _matches_body(row):
            yield Flaw("vote_form", stored.seq, stored.block_id, f"the vote of {row.voter} is not its row's")


def _matches_body(row: VoteRow) -> bool:
    try:
        vote = parse(row.body)
        statement = vote["vote"]
        told = VoteRow(
            statement["voting_for_block"],
            vote["node_pubkey"],
            statement["previous_block"],
            statement["is_block_valid"],
            encode(vote),
        )
    except (FormatError, KeyError, TypeError):
        return False
    return told == row


def check_election(stored: StoredBlock, members: AbstractSet[str]) -> Iterator[Flaw]:
    """The votes' signatures, and that counting them ends as recorded (spec/ledger.md 5.4).

    The electorate is the membership, whatever voters the block names (distribution-and-reliability G3).
    """
    seq, name = stored.seq, stored.block_id
    try:
        result = election.hold(stored.block_id, members, members, _documents(stored.votes))
    except CriticalDuplicateVote as error:
        yield Flaw("election", seq, name, error.detail)
        return
    for vote in (*result.ineligible, *result.malformed):
        yield Flaw("vote_signature", seq, name, f"the vote of {vote.get('node_pubkey')} does not count")
    recorded = recorded_status(stored)
    if result.status != recorded:
        text = f"its votes make it {result.status.word}, it is recorded as {recorded.word}"
        yield Flaw("election", seq, name, text)
    if stored.decision is not None and stored.decision.seq != seq:
        yield Flaw("election", seq, name, f"its decision is recorded for position {stored.decision.seq}")


def recorded_status(stored: StoredBlock) -> Status:
    """How the block's election ended, says the ledger."""
    return Status.UNDECIDED if stored.decision is None else Status(stored.decision.status)


def _documents(votes: Iterable[VoteRow]) -> list[Mapping[str, Any]]:
    """The votes as documents; what cannot be read is nobody's vote."""
    documents: list[Mapping[str, Any]] = []
    for row in votes:
        try:
            documents.append(_vote_documents.decode(row.body))
        except (msgspec.DecodeError, UnicodeDecodeError):
            documents.append({"node_pubkey": row.voter})
    return documents


def check_doubted(stored: StoredBlock) -> Iterator[Flaw]:
    """A block this node voted down is not valid, and only its place in the index is derived from it."""
    if recorded_status(stored) is Status.VALID:
        yield Flaw(
            "election", stored.seq, stored.block_id, "this node found it wrong, it is recorded as valid"
        )
    if stored.claims:
        yield Flaw("claims", stored.seq, stored.block_id, "ledger.claims has rows of a block found wrong")
    if any(row.status not in {2, 3} for row in stored.index):
        yield Flaw("tx_index", stored.seq, stored.block_id, "ledger.tx_index counts a block found wrong")


def check_rows(
    stored: StoredBlock, opened: OpenedBlock, transactions: Sequence[Transaction]
) -> Iterator[Flaw]:
    """The index and the claims say exactly what the block's transactions say."""
    status = int(recorded_status(stored))
    index = [
        IndexRow(position, tx.id, _OPERATIONS[tx.operation], tx.asset_id, offset, len(tx.body), status)
        for position, (tx, offset) in enumerate(zip(transactions, opened.offsets, strict=True))
    ]
    claims = [ClaimRow(*spend, tx.id, status) for tx in transactions for spend in tx.spends]
    yield from difference("tx_index", stored, index, stored.index)
    yield from difference("claims", stored, claims, stored.claims)


def difference(
    table: str, stored: StoredBlock, expected: Iterable[Hashable], found: Iterable[Hashable]
) -> Iterator[Flaw]:
    """Rows that the block implies and the table lacks, and the other way round.

    Args:
        table: its name, which is also the flaws' kind.
        stored: the block.
        expected: rows as the block implies them.
        found: rows as they are.
    """
    wanted, there = Counter(expected), Counter(found)
    for row in (wanted - there).elements():
        yield Flaw(table, stored.seq, stored.block_id, f"ledger.{table} lacks {row}")
    for row in (there - wanted).elements():
        yield Flaw(table, stored.seq, stored.block_id, f"ledger.{table} has {row}, which the block denies")
