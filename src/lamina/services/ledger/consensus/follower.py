"""Copies the log block by block, judging each and voting on it in log order (R1, R2).

The vote is durable together with the copied block before anybody is told of it; after a crash the stored
bytes are published again and nothing is ever signed twice for one place.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from functools import partial

import structlog

from lamina.formats.signatures import KeyPair
from lamina.kernel.clock import Clock
from lamina.services.ledger.consensus.election import decide
from lamina.services.ledger.consensus.ledger_copy import CopyTransaction, LedgerCopy
from lamina.services.ledger.consensus.opened_blocks import Opened, OpenedBlocks
from lamina.services.ledger.consensus.ordered_log import OrderedLog
from lamina.services.ledger.consensus.roster import Roster
from lamina.services.ledger.errors import CriticalDuplicateVote, LedgerConflict, ValidationError
from lamina.services.ledger.model.block import LedgerBlock
from lamina.services.ledger.model.entry import Entry, Head
from lamina.services.ledger.model.identifier import is_id
from lamina.services.ledger.model.membership import Change
from lamina.services.ledger.model.recorded_change import RecordedChange
from lamina.services.ledger.model.timestamp import write_timestamp
from lamina.services.ledger.model.vote import Vote, sign_vote
from lamina.services.ledger.rules import block as rules
from lamina.services.ledger.rules import judgement
from lamina.services.ledger.rules.facts import is_any_open
from lamina.services.ledger.rules.membership import open_change

_log = structlog.get_logger("lamina.ledger.follower")

PAGE_BLOCKS = 16
VOTES_PER_PUBLICATION = 64


class Follower:
    """Follows the log for one node."""

    def __init__(
        self,
        log: OrderedLog,
        copy: LedgerCopy,
        node: KeyPair,
        roster: Roster,
        opened: OpenedBlocks,
        *,
        strict_owners: bool,
        clock: Clock,
    ) -> None:
        """Prepare.

        Args:
            log: what all nodes share.
            copy: what this node has made of it.
            node: whose votes these are; a node that is no member at a position copies without voting.
            roster: who the members are; it learns what the log says of that.
            opened: what the builder of this process has built, and what was read before.
            strict_owners: as in `rules.spend.check`; the same on every node.
            clock: for the time written into votes.
        """
        self._log = log
        self._copy = copy
        self._node = node
        self._roster = roster
        self._opened = opened
        self._votes_before: int | None = None
        self._strict_owners = strict_owners
        self._clock = clock

    async def step(self) -> int:
        """Copy and vote on what follows in the log, as far as it can be judged now.

        Returns:
            How many blocks were copied.

        Raises:
            LedgerConflict: the log is not the one this node has copied; nothing was copied or signed.
            CriticalDuplicateVote: somebody signs with this node's key.
            DatabaseUnavailable, CommitUnknown: the next step goes on from what is stored.
        """
        await self._publish()
        if not await self._knows_own_votes():
            return 0
        head = await self._copy.run("ledger.read_tip", lambda cx: cx.lock_tip())
        copied = 0
        # The first block comes alone: changes of the membership name it.
        entries = await self._log.read(head.seq, PAGE_BLOCKS if head.seq else 1)
        if head.seq:
            # After the blocks: whatever was recorded before one of them is seen now.
            await self._learn()
        for entry in entries:
            if not await self._copy.run("ledger.copy_block", partial(self._follow, entry)):
                break
            copied += 1
            await self._publish()
        return copied

    async def _knows_own_votes(self) -> bool:
        """Whether every vote that was published before this process began has been looked at.

        A copy that was lost and is made again may have had votes of this node; signing anew for their places
        would contradict them.
        """
        if self._votes_before is None:
            self._votes_before = (await self._log.measure()).last_vote
        if self._votes_before:
            cursor = await self._copy.run("ledger.read_vote_cursor", lambda cx: cx.read_vote_cursor())
            if cursor < self._votes_before:
                return False
            self._votes_before = 0
        return True

    async def _learn(self) -> None:
        """Read the changes of the membership that were recorded since."""
        cursor = await self._copy.run("ledger.read_change_cursor", lambda cx: cx.read_change_cursor())
        for recorded in await self._log.read_changes(cursor):
            change = await self._copy.run("ledger.add_change", partial(self._admit, recorded))
            if change is not None:
                self._roster.learn(change)

    async def _admit(self, recorded: RecordedChange, cx: CopyTransaction) -> Change | None:
        head, genesis = await cx.lock_tip(), await cx.read_genesis()
        change = None
        try:
            change = open_change(
                recorded.body, self._roster(), genesis=genesis or "", recorded_seq=recorded.recorded_seq
            )
        except ValidationError as refusal:
            _log.warning("a change of the membership does not stand", reason=refusal.detail)
        if change is not None and change.from_seq <= head.seq:
            raise LedgerConflict(
                f"A change of the members from {change.from_seq} on was put in after block {head.seq}.",
                seq=change.from_seq,
            )
        await cx.add_change(recorded, change)
        return change

    async def _follow(self, entry: Entry, cx: CopyTransaction) -> bool:
        """Copy, judge and vote on one entry in one transaction; False where its turn has not come."""
        head = await cx.lock_tip()
        if entry.seq <= head.seq:
            return True  # another process of this node was faster
        check_link(entry, head)
        verdict = await self._judge(cx, entry)
        if verdict is None:
            return False
        if isinstance(verdict, LedgerBlock):
            await cx.add_block(entry, verdict)
        else:
            await cx.add_doubted(entry)
        if entry.seq > judgement.GENESIS_SEQ:
            await self._vote(cx, entry, head, is_valid=isinstance(verdict, LedgerBlock))
            await decide(cx, entry.block_id, self._roster())
        return True

    async def _judge(self, cx: CopyTransaction, entry: Entry) -> LedgerBlock | str | None:
        """The block where it is right, the reason where it is not, None where it is too early to say."""
        members = self._roster().at(entry.seq)
        try:
            block, is_verified = self._open(entry, members)
            facts = await cx.read_facts(block.transactions)
            if is_any_open(facts, block.transactions):
                return None
            rules.check(block, facts.view, strict_owners=self._strict_owners, signed=is_verified)
        except judgement.REFUSALS as refusal:
            if entry.seq == judgement.GENESIS_SEQ:
                raise LedgerConflict(f"The first block is not of this federation: {refusal}", seq=1) from None
            reason = type(refusal).__name__
            _log.warning("block voted down", block_id=entry.block_id, reason=reason, detail=str(refusal))
            return reason
        return block

    def _open(self, entry: Entry, members: AbstractSet[str]) -> Opened:
        """Take an entry apart, unless this process has: then only what depends on its place is checked.

        Raises:
            Those of `judgement.REFUSALS`.
        """
        opened = self._opened.find(entry)
        if opened is not None:
            judgement.check_place(opened.block, entry, members)
            return opened
        block = judgement.open_entry(entry, members)
        self._opened.remember(block, is_verified=False)
        return Opened(block, is_verified=False)

    async def _vote(self, cx: CopyTransaction, entry: Entry, head: Head, *, is_valid: bool) -> None:
        if self._node.public not in self._roster().at(entry.seq):
            return
        vote = sign_vote(
            self._node,
            block_id=entry.block_id,
            previous_block=head.tip,
            is_valid=is_valid,
            timestamp=write_timestamp(self._clock.time()),
        )
        said = await cx.add_vote(vote, is_published=False)
        if said is not None and not says_the_same(said, vote):
            raise CriticalDuplicateVote(
                f"Somebody else has voted with this node's key around block {entry.block_id}",
                hint="Stop this node, and run one node per key.",
            )

    async def _publish(self) -> None:
        """Show everybody the votes that are durable here and may not have been shown."""
        while votes := await self._copy.run(
            "ledger.read_unpublished_votes", lambda cx: cx.read_unpublished(VOTES_PER_PUBLICATION)
        ):
            shown = [vote for vote in votes if await self._log.publish_vote(vote)]
            await self._copy.run("ledger.mark_votes_published", partial(_mark, shown))
            if len(shown) < len(votes):
                return  # the log lacks their blocks: the next step tries again


def says_the_same(said: Vote, vote: Vote) -> bool:
    """Whether an earlier vote of this node, from before its copy was lost, stands for this one."""
    return (said.block_id, said.previous_block, said.is_valid) == (
        vote.block_id, vote.previous_block, vote.is_valid,
    )  # fmt: skip


async def _mark(votes: Sequence[Vote], cx: CopyTransaction) -> None:
    await cx.mark_published(votes)


def check_link(entry: Entry, head: Head) -> None:
    """The next entry continues exactly what was copied (distribution-and-reliability 6.5).

    Raises:
        LedgerConflict: a position is missing, the entry follows another block, or it has no id that a vote
            could name.
    """
    if entry.seq != head.seq + 1:
        raise LedgerConflict(f"The log goes on at {entry.seq}, the copy ends at {head.seq}.", seq=entry.seq)
    if entry.previous != head.tip:
        raise LedgerConflict(
            f"Block {entry.block_id} follows {entry.previous}, the copy ends with {head.tip}.", seq=entry.seq
        )
    if not is_id(entry.block_id) or entry.block_id == head.tip:
        raise LedgerConflict(f"The log calls the block at {entry.seq} {entry.block_id!r}.", seq=entry.seq)
