"""Compares the shared log with this node's copy again and again: what is past may not change.

The follower sees a lie about what comes next; the watch sees a row of the past that was rewritten, deleted or
put in (distribution-and-reliability 6.5, 6.6). It reads digests, so that a long log costs little: the newest
blocks each time, and the older ones in turn.
"""

from collections.abc import Sequence
from functools import partial

from lamina.services.ledger.consensus.ledger_copy import CopyTransaction, LedgerCopy
from lamina.services.ledger.consensus.ordered_log import OrderedLog
from lamina.services.ledger.errors import LedgerConflict
from lamina.services.ledger.model.entry import Digest

WINDOW = 512
"""Blocks compared at a time: the newest ones, and as many of the older ones in turn."""


class Watch:
    """Watches the log for one node."""

    def __init__(self, log: OrderedLog, copy: LedgerCopy) -> None:
        self._log = log
        self._copy = copy
        self._turn = 0

    async def step(self) -> None:
        """Compare the newest blocks and the next of the older ones.

        Raises:
            LedgerConflict: the log says something else of a block than it did when it was copied.
            DatabaseUnavailable: nothing was compared.
        """
        head = await self._copy.run("ledger.read_tip", lambda cx: cx.lock_tip())
        extent = await self._log.measure()
        if extent.blocks != extent.last_seq or extent.last_seq != extent.head_seq:
            raise LedgerConflict(
                f"The log has {extent.blocks} blocks, the last at position {extent.last_seq}, "
                f"and says that it ends at {extent.head_seq}.",
                seq=extent.last_seq,
            )
        if extent.last_seq < head.seq:
            raise LedgerConflict(
                f"The log ends at {extent.last_seq}, the copy at {head.seq}.", seq=extent.last_seq + 1
            )
        newest = max(0, head.seq - WINDOW)
        await self._compare(newest, head.seq)
        if newest:
            await self._compare(self._turn, min(self._turn + WINDOW, newest))
            self._turn = self._turn + WINDOW if self._turn + WINDOW < newest else 0
        if extent.last_vote < await self._copy.run(
            "ledger.read_vote_cursor", lambda cx: cx.read_vote_cursor()
        ):
            # The log was restored and counts its votes anew; looking at one again changes nothing.
            await self._copy.run("ledger.restart_votes", lambda cx: cx.move_vote_cursor(0))

    async def _compare(self, after_seq: int, until_seq: int) -> None:
        own = await self._copy.run("ledger.read_digests", partial(_digests, after_seq, until_seq))
        shared = await self._log.read_digests(after_seq, until_seq)
        for mine, theirs in zip(own, shared, strict=False):
            if mine != theirs:
                raise LedgerConflict(
                    f"Block {mine.block_id} at position {mine.seq} is not the one that was copied.",
                    seq=mine.seq,
                )
        if len(own) != len(shared):
            raise LedgerConflict(
                f"The log lacks blocks between {after_seq + 1} and {until_seq}.", seq=until_seq
            )


async def _digests(after_seq: int, until_seq: int, cx: CopyTransaction) -> Sequence[Digest]:
    return await cx.read_digests(after_seq, until_seq)
