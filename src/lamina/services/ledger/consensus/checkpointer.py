"""Signs what state the log has led to, and compares it with what the others sign (reliability 6.6).

Two honest nodes that have decided the same blocks have the same unspent outputs. Where they have not, one of
them is broken or lies, or a rule differs: that is an alarm, and nothing is healed by itself.
"""

from collections.abc import Callable
from functools import partial

import structlog

from lamina.formats.signatures import KeyPair
from lamina.kernel.clock import Clock
from lamina.services.ledger.consensus.ledger_copy import CopyTransaction, LedgerCopy
from lamina.services.ledger.consensus.ordered_log import OrderedLog
from lamina.services.ledger.errors import CheckpointConflict, InvalidSignature, ValidationError
from lamina.services.ledger.model.checkpoint import Checkpoint, sign_checkpoint
from lamina.services.ledger.model.membership import Membership
from lamina.services.ledger.rules.checkpoint import open_checkpoint
from lamina.services.ledger.rules.state_hash import BUCKETS, StateHash

_log = structlog.get_logger("lamina.ledger.checkpoint")

BLOCKS_MAX = 100
"""Decided blocks after which a checkpoint is due."""
INTERVAL_S = 60.0
"""Time after which one is due where there are fewer."""
PAGE = 256


class Checkpointer:
    """Makes and compares checkpoints for one node."""

    def __init__(
        self,
        log: OrderedLog,
        copy: LedgerCopy,
        node: KeyPair,
        membership: Callable[[], Membership],
        clock: Clock,
    ) -> None:
        """Prepare.

        Args:
            log: where checkpoints are exchanged.
            copy: whose state they are of.
            node: who signs.
            membership: whose checkpoints count.
            clock: for the interval.
        """
        self._log = log
        self._copy = copy
        self._node = node
        self._membership = membership
        self._clock = clock
        self._due_at = clock.monotonic() + INTERVAL_S
        self._position = 0

    async def step(self) -> Checkpoint | None:
        """Make a checkpoint if one is due, and look at those of others.

        Returns:
            The one made.

        Raises:
            CheckpointConflict: another member signed another state for the same blocks.
            DatabaseUnavailable, CommitUnknown: the next step goes on.
        """
        made = await self._make()
        await self._compare_others()
        return made

    async def _make(self) -> Checkpoint | None:
        last = await self._copy.run(
            "ledger.read_checkpoint", lambda cx: cx.read_last_checkpoint(self._node.public)
        )
        frontier = await self._copy.run("ledger.read_frontier", lambda cx: cx.read_frontier())
        is_time = self._clock.monotonic() >= self._due_at
        if frontier is None or frontier.seq <= last or (frontier.seq - last < BLOCKS_MAX and not is_time):
            return None
        checkpoint = await self._copy.run("ledger.take_checkpoint", partial(take, self._node))
        if checkpoint is not None:
            self._due_at = self._clock.monotonic() + INTERVAL_S
            await self._log.publish_checkpoint(checkpoint)
        return checkpoint

    async def _compare_others(self) -> None:
        while page := await self._log.read_checkpoints(self._position, PAGE):
            for position, body in page:
                theirs = self._open(body)
                if theirs is not None and not await self._copy.run(
                    "ledger.keep_checkpoint", partial(self._agree, theirs)
                ):
                    raise CheckpointConflict(
                        f"{theirs.node} signed another state than this node has at position {theirs.seq}.",
                        seq=theirs.seq,
                    )
                self._position = position

    def _open(self, body: bytes) -> Checkpoint | None:
        """A checkpoint that another member signed; what anybody else publishes is ignored."""
        try:
            checkpoint = open_checkpoint(body)
        except (ValidationError, InvalidSignature):
            return None
        is_others = checkpoint.node != self._node.public and self._membership().knows(checkpoint.node)
        return checkpoint if is_others else None

    async def _agree(self, theirs: Checkpoint, cx: CopyTransaction) -> bool:
        """Keep another's checkpoint; whether it says what this node's copy says, as far as that can tell."""
        await cx.add_checkpoint(theirs)
        own_block = await cx.read_block_id(theirs.seq)
        own = await cx.find_checkpoint(self._node.public, theirs.seq)
        return own_block in {None, theirs.block_id} and (own is None or own.state_hash == theirs.state_hash)


async def take(node: KeyPair, cx: CopyTransaction) -> Checkpoint | None:
    """Sign the state of the copy as it stands, and keep that; None where blocks below are undecided."""
    await cx.lock_elections()
    frontier = await cx.read_frontier()
    if frontier is None:
        return None
    state = StateHash()
    for bucket in range(BUCKETS):
        state.add(await cx.read_unspent(bucket))
    checkpoint = sign_checkpoint(node, seq=frontier.seq, block_id=frontier.tip, state_hash=state.hexdigest())
    await cx.add_checkpoint(checkpoint)
    return checkpoint
