"""Collects published votes, ends elections, lets go of invalid blocks (spec/ledger.md 5.4, 5.5)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import structlog

from lamina.services.ledger.consensus.assignment import Assignment
from lamina.services.ledger.consensus.election import Decided, decide, read_document
from lamina.services.ledger.consensus.ledger_copy import CopyTransaction, LedgerCopy
from lamina.services.ledger.consensus.ordered_log import OrderedLog
from lamina.services.ledger.errors import InvalidSignature, ValidationError
from lamina.services.ledger.model.entry import Entry
from lamina.services.ledger.model.log_outcome import PublishedVote
from lamina.services.ledger.model.membership import Membership
from lamina.services.ledger.model.vote import Vote
from lamina.services.ledger.model.waiting import Release
from lamina.services.ledger.rules.judgement import salvage
from lamina.services.ledger.rules.vote import open_vote

_log = structlog.get_logger("lamina.ledger.decider")

PAGE_VOTES = 256
RELEASES = 16


@dataclass(slots=True)
class Counted:
    """What a page of votes led to."""

    looked_at: int = 0
    ignored: int = 0
    contradictions: int = 0
    decided: list[Decided] = field(default_factory=list[Decided])


class Decider:
    """Counts for one node."""

    def __init__(
        self,
        log: OrderedLog,
        copy: LedgerCopy,
        membership: Callable[[], Membership],
        assignment: Assignment,
    ) -> None:
        """Prepare.

        Args:
            log: where votes are published and transactions wait.
            copy: where this node keeps votes and decisions.
            membership: who the members are, as known now.
            assignment: which node a transaction that waits again is given to.
        """
        self._log = log
        self._copy = copy
        self._membership = membership
        self._assignment = assignment

    async def step(self) -> Counted:
        """Look at the next published votes; then let go what belongs to blocks that were decided invalid.

        Raises:
            LedgerConflict: a majority finds right what this node's rules forbid; nothing is recorded.
            DatabaseUnavailable, CommitUnknown: the next step goes on from what is stored.
        """
        cursor = await self._copy.run("ledger.read_vote_cursor", lambda cx: cx.read_vote_cursor())
        page = await self._log.read_votes(cursor, PAGE_VOTES)
        counted = Counted()
        if page:
            opened = [self._open(published) for published in page]
            counted = await self._copy.run("ledger.count_votes", partial(self._count, page, opened))
        await self._release()
        return counted

    def _open(self, published: PublishedVote) -> Vote | None:
        """A vote its voter signed, who is or was a member; what anybody else publishes is ignored (G4)."""
        try:
            vote = open_vote(read_document(published.body))
        except (ValidationError, InvalidSignature):
            return None
        if vote.block_id != published.block_id or not self._membership().knows(vote.voter):
            return None
        return vote

    async def _count(
        self, page: Sequence[PublishedVote], opened: Sequence[Vote | None], cx: CopyTransaction
    ) -> Counted:
        counted = Counted(looked_at=len(page))
        if page[-1].position <= await cx.read_vote_cursor():
            return counted  # another process of this node was faster
        concerned: dict[str, None] = {}
        for vote in opened:
            if vote is None:
                counted.ignored += 1
                continue
            rival = await cx.add_vote(vote, is_published=True)
            if rival is None:
                concerned[vote.block_id] = None
                continue
            await cx.add_evidence(rival, vote)
            counted.contradictions += 1
            _log.critical("a node contradicts itself", voter=vote.voter, block_id=vote.block_id)
        for block_id in concerned:
            decided = await decide(cx, block_id, self._membership())
            if decided is not None:
                counted.decided.append(decided)
        await cx.move_vote_cursor(page[-1].position)
        return counted

    async def _release(self) -> None:
        """Every node does this for every invalid block; the log lets the first of them do it."""
        for entry in await self._copy.run("ledger.read_unreleased", lambda cx: cx.read_unreleased(RELEASES)):
            await self._log.release(self._plan(entry))
            await self._copy.run("ledger.mark_released", partial(_mark_released, entry.block_id))

    def _plan(self, entry: Entry) -> Release:
        return Release(entry.block_id, [(tx, self._assignment.choose()) for tx in salvage(entry)])


async def _mark_released(block_id: str, cx: CopyTransaction) -> None:
    await cx.mark_released(block_id)
