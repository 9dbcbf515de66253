"""Ten bugs that the simulator must catch (distribution-and-reliability 13.1), each put in place of what it breaks."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from unittest.mock import patch

from tests.simulation.invariants import GENESIS_SEQ
from tests.simulation.node import Parts
from tests.simulation.node_copy import NodeTransaction
from tests.simulation.shared_log import SharedLog

from lamina.kernel.errors import CommitUnknown, LaminaError
from lamina.services.ledger.consensus.acceptance import Acceptance
from lamina.services.ledger.consensus.builder import Builder, Built
from lamina.services.ledger.consensus.follower import Follower
from lamina.services.ledger.consensus.ledger_copy import CopyTransaction
from lamina.services.ledger.model.block import LedgerBlock
from lamina.services.ledger.model.entry import Entry, Head
from lamina.services.ledger.model.log_outcome import OpenElection
from lamina.services.ledger.model.timestamp import write_timestamp
from lamina.services.ledger.model.transaction import Transaction
from lamina.services.ledger.model.vote import sign_vote
from lamina.services.ledger.model.waiting import Release, Submission
from lamina.services.ledger.rules import block as block_rules
from lamina.services.ledger.rules import spend
from lamina.services.ledger.rules.facts import Facts

Replacement = tuple[object, str, object]


def _drop_claims_index() -> list[Replacement]:
    def conflicts(self: SharedLog, block: LedgerBlock) -> list[str]:
        return []

    return [(SharedLog, "conflicts", conflicts)]


def _skip_voters_check() -> list[Replacement]:
    return [(block_rules, "check_voters", lambda block, members: None)]


class _HastyFollower(Follower):
    """Lets a vote out in the transaction that is to keep it."""

    async def _vote(self, cx: CopyTransaction, entry: Entry, head: Head, *, is_valid: bool) -> None:
        vote = sign_vote(
            self._node,
            block_id=entry.block_id,
            previous_block=head.tip,
            is_valid=is_valid,
            timestamp=write_timestamp(self._clock.time()),
        )
        await self._log.publish_vote(vote)
        await cx.add_vote(vote, is_published=True)


class _ParallelFollower(Follower):
    """Judges a page at once, and votes on whatever is judged first: the smallest block."""

    async def step(self) -> int:
        await self._publish()
        head = await self._copy.run("ledger.read_tip", lambda cx: cx.lock_tip())
        page = list(await self._log.read(head.seq, 16))
        for entry in sorted(page, key=lambda entry: len(entry.body)):
            await self._copy.run("ledger.copy_block", partial(self._follow, entry))
            await self._publish()
        return len(page)

    async def _follow(self, entry: Entry, cx: CopyTransaction) -> bool:
        verdict = await self._judge(cx, entry)
        head = await cx.lock_tip()
        if isinstance(verdict, LedgerBlock):
            await cx.add_block(entry, verdict)
        else:
            await cx.add_doubted(entry)
        if entry.seq > GENESIS_SEQ:
            await self._vote(cx, entry, head, is_valid=isinstance(verdict, LedgerBlock))
        return True


def _decide_twice() -> list[Replacement]:
    original = NodeTransaction.find_election

    async def find_election(self: NodeTransaction, block_id: str) -> OpenElection | None:
        """Elections never end."""
        found = await original(self, block_id)
        entry = self._copy.entries.get(block_id)
        if found is not None or entry is None or entry.seq == GENESIS_SEQ:
            return found
        bodies = [vote.body for vote in self._copy.votes.get(block_id, {}).values()]
        return OpenElection(entry.seq, block_id in self._copy.doubted, bodies)

    return [(NodeTransaction, "find_election", find_election)]


class _EagerBuilder(Builder):
    """Takes transactions out of the backlog before their block is in the log."""

    async def _append(self, transactions: Sequence[Transaction], built: Built) -> None:
        await self._log.drop([tx.id for tx in transactions])
        await super()._append(transactions, built)


class _PunctualFollower(Follower):
    """Finds a block from the future, by its own clock, wrong."""

    async def _judge(self, cx: CopyTransaction, entry: Entry) -> LedgerBlock | str | None:
        verdict = await super()._judge(cx, entry)
        if isinstance(verdict, LedgerBlock) and entry.seq > GENESIS_SEQ:
            stamp = int(entry.body.split(b'"timestamp":"', 1)[1][:10])
            if stamp > self._clock.time() + 60:
                return "FromTheFuture"
        return verdict


def _accept_bad_signature() -> list[Replacement]:
    return [(spend, "check_signatures", lambda tx: None)]


def _forget_requeue() -> list[Replacement]:
    def requeue(self: SharedLog, release: Release) -> None:
        return None

    return [(SharedLog, "requeue", requeue)]


class _HopefulAcceptance(Acceptance):
    """Takes a commit for done that may not be."""

    async def _submit(self, accepted: Sequence[Transaction], facts: Facts) -> dict[str, LaminaError]:
        submissions = [Submission(tx, self._assignment.choose(), facts.needs_seq(tx)) for tx in accepted]
        if submissions:
            with suppress(CommitUnknown):
                await self._log.submit(submissions)
        return {}


BUGS: dict[str, Callable[[], list[Replacement]]] = {
    "drop_claims_index": _drop_claims_index,
    "skip_voters_check": _skip_voters_check,
    "vote_before_persist": lambda: [(Parts, "follower", _HastyFollower)],
    "parallel_voting": lambda: [(Parts, "follower", _ParallelFollower)],
    "decide_twice": _decide_twice,
    "delete_backlog_before_commit": lambda: [(Parts, "builder", _EagerBuilder)],
    "trust_timestamps": lambda: [(Parts, "follower", _PunctualFollower)],
    "accept_bad_signature": _accept_bad_signature,
    "forget_requeue": _forget_requeue,
    "ignore_commit_unknown": lambda: [(Parts, "acceptance", _HopefulAcceptance)],
}


@contextmanager
def plant(bug: str | None) -> Iterator[None]:
    """Within, the code has this bug."""
    with ExitStack() as stack:
        for target, name, replacement in BUGS[bug]() if bug is not None else []:
            stack.enter_context(patch.object(target, name, replacement))
        yield
