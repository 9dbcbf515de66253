"""Turns waiting transactions into blocks (spec/ledger.md 5.2), and with one voter decides them at once.

One round is one transaction: take rows out of the backlog, lock the head, check the chain again, append,
vote, decide, record what was refused. Whatever happens to the process, a row is either still waiting or has
reached its recorded end.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import structlog

from lamina.formats.signatures import KeyPair
from lamina.kernel.clock import Clock
from lamina.kernel.errors import CommitUnknown, DatabaseUnavailable, LaminaError
from lamina.kernel.observability.statsd import Statsd
from lamina.kernel.storage.database import Connection, Database
from lamina.kernel.storage.wakeup import Wakeups
from lamina.services.ledger.errors import DoubleSpend, InvalidHash, ValidationError
from lamina.services.ledger.metrics import BLOCK_TRANSACTIONS, BLOCKS, REJECTED
from lamina.services.ledger.model.block import LedgerBlock, seal_block, split
from lamina.services.ledger.model.status import Status
from lamina.services.ledger.model.timestamp import write_timestamp
from lamina.services.ledger.model.transaction import Outpoint, Transaction, decode_stored
from lamina.services.ledger.model.vote import sign_vote
from lamina.services.ledger.pipeline.seal import Seal
from lamina.services.ledger.rules import spend
from lamina.services.ledger.rules.form import parse_body, parse_transaction
from lamina.services.ledger.settings import LedgerSettings
from lamina.services.ledger.store import backlog, chain, decisions, log, rejected, votes
from lamina.services.ledger.store.backlog import Waiting

_log = structlog.get_logger("lamina.ledger.block")


@dataclass(slots=True)
class Round:
    """What became of the rows taken out of the backlog."""

    taken: int = 0
    blocks: list[LedgerBlock] = field(default_factory=list)
    refused: list[tuple[Waiting, str, str]] = field(default_factory=list)


class BlockBuilder:
    """Builds this node's blocks, one round after another."""

    def __init__(
        self,
        database: Database,
        wakeups: Wakeups,
        node: KeyPair,
        settings: LedgerSettings,
        *,
        clock: Clock,
        statsd: Statsd,
    ) -> None:
        self._database = database
        self._wakeups = wakeups
        self._node = node
        self._seal = Seal(node)
        self._settings = settings
        self._clock = clock
        self._statsd = statsd

    async def run(self) -> None:
        """Build blocks until cancelled; what was left waiting by an earlier process is picked up first."""
        while True:
            try:
                took = (await self.step()).taken
            except (DatabaseUnavailable, CommitUnknown) as failure:
                _log.warning("block round did not finish; nothing is lost", reason=failure.detail)
                await asyncio.sleep(self._settings.poll_busy_ms / 1000)
                continue
            if took >= self._settings.block_transactions_max:
                continue
            poll_ms = self._settings.poll_busy_ms if took else self._settings.poll_idle_ms
            await self._wakeups.wait(backlog.CHANNEL, poll_ms / 1000)
            await asyncio.sleep(self._interval_s(took))

    def _interval_s(self, took: int) -> float:
        """Long enough under load that a block's fixed costs are shared by many, short when there are few."""
        shortest, longest = self._settings.block_interval_min_ms, self._settings.block_interval_max_ms
        return min(max(took, shortest), longest) / 1000

    async def step(self) -> Round:
        """One round.

        Raises:
            DatabaseUnavailable: nothing happened.
            CommitUnknown: it happened wholly or not at all; the next round sees which.
        """
        done = await self._database.run("ledger.append_block", self._round)
        self._count(done)
        return done

    async def _round(self, cx: Connection) -> Round:
        rows = await backlog.take(cx, self._node.public, self._settings.block_transactions_max)
        if not rows:
            return Round()
        result = Round(taken=len(rows))
        candidates = list(self._open(rows, result))
        head = await log.lock_head(cx)
        admitted = await self._admit(cx, candidates, result)
        for transactions in split(admitted, self._settings.block_bytes_max):
            head = await self._append(cx, head, transactions, result)
        spenders = [tx.id for _, tx, _ in candidates if tx.spends]
        await backlog.forget_spends(cx, [*spenders, *(row.tx_id for row, _, _ in result.refused)])
        await rejected.insert(cx, result.refused)
        if result.blocks:
            await decisions.announce(cx)
        return result

    def _open(self, rows: Sequence[Waiting], result: Round) -> Iterator[tuple[Waiting, Transaction, bool]]:
        """Decode rows: (row, transaction, whether this node's seal vouches for its signatures)."""
        for row in rows:
            try:
                sealed = self._seal.fits(row.body, row.seal)
                tx = decode_stored(row.body) if sealed else parse_transaction(parse_body(row.body))
                if tx.id != row.tx_id:
                    raise InvalidHash(f"The row of {row.tx_id} holds transaction {tx.id}.")
                yield row, tx, sealed
            except (LaminaError, ValueError) as refusal:
                _refuse(result, row, refusal)

    async def _admit(
        self, cx: Connection, candidates: Sequence[tuple[Waiting, Transaction, bool]], result: Round
    ) -> list[Transaction]:
        """Check the chain again under the head lock; the first of two rivals is admitted."""
        transactions = [tx for _, tx, _ in candidates]
        live = await chain.find_live(cx, [tx.id for tx in transactions])
        view = await chain.view_at_append(cx, transactions)
        admitted: list[Transaction] = []
        claimed: set[Outpoint] = set()
        for row, tx, sealed in candidates:
            if tx.id in live:
                continue  # already in a block: the copy is dropped (spec/ledger.md 2.3, duplicates)
            try:
                spend.check(tx, view, strict_owners=self._settings.strict_owners, signed=sealed)
                _claim(tx, claimed)
            except ValidationError as refusal:
                _refuse(result, row, refusal)
                continue
            admitted.append(tx)
        return admitted

    async def _append(
        self, cx: Connection, head: log.Head, transactions: Sequence[Transaction], result: Round
    ) -> log.Head:
        """Append a block, vote for it and, being the only voter, decide it in the same transaction."""
        timestamp = write_timestamp(self._clock.time())
        block = seal_block(transactions, node=self._node, voters=[self._node.public], timestamp=timestamp)
        vote = sign_vote(
            self._node, block_id=block.id, previous_block=head.tip, is_valid=True, timestamp=timestamp
        )
        following = await log.append(cx, head, block, Status.VALID)
        await votes.insert(cx, vote)
        await decisions.insert(cx, block_id=block.id, seq=following.seq, status=Status.VALID)
        result.blocks.append(block)
        return following

    def _count(self, done: Round) -> None:
        for block in done.blocks:
            BLOCKS.inc()
            BLOCK_TRANSACTIONS.observe(len(block.transactions))
            self._statsd.count("pipelines.block.throughput", len(block.transactions))
            self._statsd.count("pipelines.vote.throughput", len(block.transactions))
            _log.debug("block is valid", block_id=block.id, transactions=len(block.transactions))
        for row, reason, detail in done.refused:
            REJECTED.labels(reason).inc()
            _log.warning("transaction rejected", tx_id=row.tx_id, reason=reason, detail=detail)


def _claim(tx: Transaction, claimed: set[Outpoint]) -> None:
    for wanted in tx.spends:
        if wanted in claimed:
            raise DoubleSpend(f"input `{wanted.tx_id}` was already spent")
    claimed.update(tx.spends)


def _refuse(result: Round, row: Waiting, refusal: Exception) -> None:
    """Record the end of a row; one that cannot even be read must not stop the others (G14)."""
    detail = refusal.detail if isinstance(refusal, LaminaError) else str(refusal)
    result.refused.append((row, type(refusal).__name__, detail))
