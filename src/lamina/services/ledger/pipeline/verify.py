"""Proves the whole ledger again from its own bytes (spec/ledger.md 8, item 5), one page of blocks at a time.

Ids, signatures, voters, links, spend rules, votes and elections are recomputed; the tables derived from the
blocks must say the same. Blocks that are appended meanwhile are left for the next run. What an attacker who
can rewrite every table could still do is drop the newest blocks: only a copy elsewhere shows that.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

import msgspec

from lamina.formats.errors import FormatError
from lamina.kernel.errors import LaminaError
from lamina.kernel.storage.database import Connection, Database
from lamina.services.ledger.errors import ValidationError
from lamina.services.ledger.model.membership import Membership
from lamina.services.ledger.model.recorded_change import RecordedChange
from lamina.services.ledger.model.status import Status
from lamina.services.ledger.model.stored import Flaw, OwnerRow, StoredBlock
from lamina.services.ledger.model.transaction import CREATE, GENESIS, Outpoint, Transaction
from lamina.services.ledger.rules import evidence, spend
from lamina.services.ledger.rules.evidence import GENESIS_SEQ, OpenedBlock
from lamina.services.ledger.rules.form import parse_body, parse_transaction
from lamina.services.ledger.rules.membership import open_change
from lamina.services.ledger.rules.words import asset_vector
from lamina.services.ledger.store import audit
from lamina.services.ledger.store import membership as membership_store
from lamina.services.ledger.store.audit import Ends
from lamina.services.ledger.store.log import owned

PAGE_BLOCKS = 64
PAGE_BYTES = 8_388_608
SOURCES_MAX = 64  # read at once: a source may be as large as a body may be


@dataclass(slots=True)
class Verification:
    """How far a verification has come.

    Attributes:
        first_seq: the position it began at.
        last_seq: the position it ends at.
        seq: the last position looked at.
        blocks, transactions, votes: how many were looked at.
        flaws: how many flaws were reported.
        membership: whose public keys every block's voters must be, by position.
    """

    first_seq: int
    last_seq: int
    seq: int
    membership: Membership
    blocks: int = 0
    transactions: int = 0
    votes: int = 0
    flaws: int = 0


@dataclass(slots=True)
class _Trail:
    """What the blocks before say about the next one, and about the end.

    Attributes:
        previous: id of the block before; None where it is not known.
        first_vote: what a voter's first vote must name; None where its votes before are not known.
        last_votes: the last block each voter voted for; None where it may have voted since.
        owners: owner rows the settled blocks imply.
        open_seqs: blocks that were undecided when they were looked at; their rows may be gone meanwhile.
    """

    previous: str | None
    first_vote: str | None
    last_votes: dict[str, str | None] = field(default_factory=dict[str, str | None])
    owners: int = 0
    open_seqs: list[int] = field(default_factory=list[int])


class Verifier:
    """Verifies one ledger."""

    def __init__(
        self,
        database: Database,
        members: AbstractSet[str],
        *,
        found: Callable[[Flaw], None],
        advanced: Callable[[Verification], None],
    ) -> None:
        """Prepare.

        Args:
            database: the reader.
            members: public keys of the configuration; the genesis block's voters count when empty.
            found: told every flaw.
            advanced: told after every page of blocks.
        """
        self._database = database
        self._members = members
        self._found = found
        self._advanced = advanced

    async def run(self, first_seq: int = GENESIS_SEQ) -> Verification:
        """Verify from a position to the end the log has now.

        Raises:
            DatabaseUnavailable: the database went away.
        """
        ends = await audit.read_ends(self._database)
        last_seq = max(ends.seq, ends.last_seq)
        membership, flaws = await self._membership()
        state = Verification(first_seq, last_seq, first_seq - 1, membership)
        self._tell(state, flaws)
        trail = await self._pick_up(first_seq)
        while await self._verify_page(state, trail):
            self._advanced(state)
        self._tell(state, _check_ends(ends, state))
        self._tell(state, await self._sweep(state, trail))
        return state

    async def _membership(self) -> tuple[Membership, list[Flaw]]:
        """The members at every position: those of the beginning, and the changes that prove themselves."""
        async with self._database.transaction("ledger.read_genesis") as cx:
            page = await audit.read_page(cx, 0, GENESIS_SEQ, blocks_max=1, bytes_max=PAGE_BYTES)
        membership, flaws = Membership.of(self._members_at_first(page)), list[Flaw]()
        for recorded, kept in await membership_store.read_recorded(self._database):
            try:
                change = open_change(
                    recorded.body,
                    membership,
                    genesis=page[0].block_id if page else "",
                    recorded_seq=recorded.recorded_seq,
                )
            except ValidationError as broken:
                flaws.append(_membership_flaw(recorded, broken.detail))
                continue
            if change != kept:
                flaws.append(_membership_flaw(recorded, f"it says {change}, the row says {kept}"))
            membership = membership.with_change(change)
        return membership, flaws

    def _members_at_first(self, page: Sequence[StoredBlock]) -> AbstractSet[str]:
        """The configured ones; a node that joined later configures itself beside those of the beginning."""
        try:
            voters = set(evidence.open_block(page[0].body).voters) if page else set[str]()
        except FormatError:
            voters = set[str]()
        joined_later = len(self._members - voters) == 1 and voters < self._members
        return voters if joined_later or not self._members else self._members

    async def _pick_up(self, first_seq: int) -> _Trail:
        """What stands before the first position, believed as it is."""
        genesis = await audit.read_block_id(self._database, GENESIS_SEQ)
        if first_seq == GENESIS_SEQ:
            return _Trail(previous="", first_vote=genesis)
        before = await audit.read_block_id(self._database, first_seq - 1)
        voters = [] if before is None else await audit.read_voters(self._database, before)
        return _Trail(previous=before, first_vote=None, last_votes=dict.fromkeys(voters, before))

    async def _verify_page(self, state: Verification, trail: _Trail) -> bool:
        """Verify the next blocks as they stand at one moment; False where there are none."""
        async with self._database.transaction("ledger.verify_page") as cx:
            await audit.take_snapshot(cx)
            page = await audit.read_page(
                cx, state.seq, state.last_seq, blocks_max=PAGE_BLOCKS, bytes_max=PAGE_BYTES
            )
            for stored in page:
                await self._verify_block(cx, stored, state, trail)
        for voter in state.membership.at(state.last_seq):
            # Who lags behind may vote on these blocks before the next page is read.
            if trail.last_votes.get(voter) != trail.previous:
                trail.last_votes[voter] = None
        return bool(page)

    async def _verify_block(
        self, cx: Connection, stored: StoredBlock, state: Verification, trail: _Trail
    ) -> None:
        self._tell(state, _check_link(stored, state, trail))
        self._tell(state, evidence.check_votes(stored, trail.last_votes, first_previous=trail.first_vote))
        try:
            opened = evidence.open_block(stored.body)
        except FormatError as error:
            if not stored.is_doubted:
                self._tell(state, [Flaw("block_form", stored.seq, stored.block_id, str(error))])
        else:
            await self._verify_content(cx, stored, opened, state, trail)
        self._tell(state, evidence.check_election(stored, state.membership.at(stored.seq)))
        trail.previous = stored.block_id
        trail.last_votes |= {vote.voter: stored.block_id for vote in stored.votes}
        state.seq = stored.seq
        state.blocks += 1
        state.votes += len(stored.votes)

    async def _verify_content(
        self, cx: Connection, stored: StoredBlock, opened: OpenedBlock, state: Verification, trail: _Trail
    ) -> None:
        state.transactions += len(opened.bodies)
        if stored.is_doubted:
            self._tell(state, evidence.check_doubted(stored))
            return
        transactions, flaws = evidence.read_transactions(stored, opened)
        self._tell(state, evidence.check_form(stored, opened))
        if evidence.recorded_status(stored) is not Status.INVALID:
            self._tell(state, flaws)
            self._tell(state, evidence.check_seal(stored, opened, state.membership.at(stored.seq)))
            await self._verify_transactions(cx, stored, transactions, state)
        if len(transactions) < len(opened.bodies):
            return  # what cannot be read implies no rows
        self._tell(state, evidence.check_rows(stored, opened, transactions))
        self._tell(state, await _check_owners(cx, stored, transactions, trail))
        self._tell(state, await _check_words(cx, stored, transactions))

    async def _verify_transactions(
        self, cx: Connection, stored: StoredBlock, transactions: Sequence[Transaction], state: Verification
    ) -> None:
        for chunk in _chunks(transactions):
            self._tell(state, await _check_spends(cx, stored, chunk))
        tx_ids = [tx.id for tx in transactions]
        for tx_id, seq in await audit.find_live_elsewhere(cx, tx_ids, stored.seq):
            text = f"transaction {tx_id} stands in block {seq} too"
            self._tell(state, [Flaw("block_duplicate", stored.seq, stored.block_id, text)])

    async def _sweep(self, state: Verification, trail: _Trail) -> list[Flaw]:
        """What no block accounts for."""
        flaws = [
            Flaw("stray", None, table, f"ledger.{table} has {count} rows of blocks that are not in the log")
            for table, count in (await audit.count_strays(self._database)).items()
            if count
        ]
        owners = await audit.count_owners(
            self._database, state.first_seq, state.last_seq, without=trail.open_seqs
        )
        if owners != trail.owners:
            text = f"ledger.owners has {owners} rows for these blocks, they imply {trail.owners}"
            flaws.append(Flaw("owners", None, "owners", text))
        return flaws

    def _tell(self, state: Verification, flaws: Iterator[Flaw] | Sequence[Flaw]) -> None:
        for flaw in flaws:
            state.flaws += 1
            self._found(flaw)


async def _check_owners(
    cx: Connection, stored: StoredBlock, transactions: Sequence[Transaction], trail: _Trail
) -> list[Flaw]:
    """Rows of invalid blocks are removed, so they owe none."""
    expected = [
        OwnerRow(key.hex(), position, index, tx.id)
        for position, tx in enumerate(transactions)
        for key, index in owned(tx)
    ]
    keys = list({row.public_key for row in expected})
    found = await audit.find_owners(cx, stored.seq, keys)
    if evidence.recorded_status(stored) is Status.INVALID:
        expected = []
    if stored.seq != GENESIS_SEQ and evidence.recorded_status(stored) is Status.UNDECIDED:
        trail.open_seqs.append(stored.seq)
    else:
        trail.owners += len(expected)
    return list(evidence.difference("owners", stored, expected, found))


async def _check_words(
    cx: Connection, stored: StoredBlock, transactions: Sequence[Transaction]
) -> list[Flaw]:
    """As owners, invalid blocks owe none."""
    texts = {
        position: words
        for position, tx in enumerate(transactions)
        if evidence.recorded_status(stored) is not Status.INVALID
        and tx.operation == CREATE
        and (words := asset_vector(parse_body(tx.body)["asset"]["data"]))
    }
    rows = await audit.compare_words(cx, stored.seq, list(texts.items()))
    return [
        Flaw(
            "assets",
            stored.seq,
            stored.block_id,
            f"the words of transaction {row.position} are not right",
        )
        for row in rows
        if not row.is_right or row.position >= len(transactions) or row.tx_id != transactions[row.position].id
    ]


async def _check_spends(
    cx: Connection, stored: StoredBlock, transactions: Sequence[Transaction]
) -> list[Flaw]:
    """Spend rules and signatures, against earlier blocks that were themselves verified.

    Owners are not held strictly: that is a choice of this node's intake, not a rule of the chain.
    """
    view = await _view(cx, stored, [spent for tx in transactions for spent in tx.spends])
    flaws: list[Flaw] = []
    for tx in transactions:
        try:
            if tx.operation == GENESIS:
                _check_genesis_signature(tx)
            else:
                spend.check(tx, view, strict_owners=False)
        except ValidationError as broken:
            text = f"transaction {tx.id}: {type(broken).__name__}: {broken.detail}"
            flaws.append(Flaw("transaction_rule", stored.seq, stored.block_id, text))
    return flaws


async def _view(cx: Connection, stored: StoredBlock, spends: Sequence[Outpoint]) -> spend.ChainView:
    found: dict[str, tuple[Transaction, Status]] = {}
    spenders: defaultdict[Outpoint, set[str]] = defaultdict(set)
    wanted = list({spent.tx_id for spent in spends})
    for begin in range(0, len(wanted), SOURCES_MAX):
        ids = wanted[begin : begin + SOURCES_MAX]
        for tx_id, status, body in await audit.find_sources(cx, ids, stored.seq):
            source = _source(tx_id, body)
            if source is not None:
                found[tx_id] = (source, status)
    for output, spender in await audit.find_spenders(cx, spends) if spends else ():
        spenders[output].add(spender)
    return spend.ChainView(found, frozenset(), spenders)


def _check_link(stored: StoredBlock, state: Verification, trail: _Trail) -> Iterator[Flaw]:
    """Positions without gaps, each block naming the one before."""
    if stored.seq != state.seq + 1:
        text = f"positions {state.seq + 1} to {stored.seq - 1} are missing"
        yield Flaw("log_gap", stored.seq, stored.block_id, text)
    elif trail.previous is not None and stored.previous != trail.previous:
        text = f"it names {stored.previous or 'no block'} as the one before, not {trail.previous or 'none'}"
        yield Flaw("log_link", stored.seq, stored.block_id, text)


def _check_ends(ends: Ends, state: Verification) -> Iterator[Flaw]:
    if (ends.seq, ends.tip) != (ends.last_seq, ends.last_block):
        text = f"the head says the log ends at {ends.seq} ({ends.tip}), it ends at {ends.last_seq}"
        yield Flaw("log_head", None, "log_head", text)
    if not ends.position == ends.last_position == ends.decisions:
        text = f"the head counts {ends.position} decisions; {ends.decisions} end at {ends.last_position}"
        yield Flaw("decision_head", None, "decision_head", text)
    if state.seq < state.last_seq and state.first_seq <= state.last_seq:
        text = f"positions {state.seq + 1} to {state.last_seq} are missing"
        yield Flaw("log_gap", state.seq + 1, "log", text)


def _membership_flaw(recorded: RecordedChange, text: str) -> Flaw:
    return Flaw("membership", None, f"change {recorded.position}", text)


def _check_genesis_signature(tx: Transaction) -> None:
    for entry in tx.inputs:
        if entry.fulfillment is None or not entry.fulfillment.verify(tx.message):
            raise ValidationError("the signature of the GENESIS transaction is not right")


def _source(tx_id: str, body: bytes) -> Transaction | None:
    """A spent transaction, its id computed again; its bytes are not kept."""
    try:
        source = parse_transaction(parse_body(body))
    except (LaminaError, FormatError):
        return None
    return msgspec.structs.replace(source, body=b"", message=b"") if source.id == tx_id else None


def _chunks(transactions: Sequence[Transaction]) -> Iterator[Sequence[Transaction]]:
    """Groups that spend few outputs together, so that their sources fit into memory."""
    chunk: list[Transaction] = []
    count = 0
    for tx in transactions:
        if chunk and count + len(tx.inputs) > SOURCES_MAX:
            yield chunk
            chunk, count = [], 0
        chunk.append(tx)
        count += len(tx.inputs)
    if chunk:
        yield chunk
