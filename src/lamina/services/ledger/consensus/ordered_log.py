"""The ordered log that the nodes of a federation share (distribution-and-reliability 6.2).

It is trusted for order and liveness, never for truth: whoever reads it judges what it reads. Calls raise
`DatabaseUnavailable` when nothing happened and `CommitUnknown` when it may have; each may be made again.
"""

from collections.abc import Sequence
from typing import Protocol

from lamina.services.ledger.model.block import LedgerBlock
from lamina.services.ledger.model.checkpoint import Checkpoint
from lamina.services.ledger.model.entry import Digest, Entry, Extent, Head, Range, Version
from lamina.services.ledger.model.log_outcome import Appended, Conflict, PublishedVote, TooLate
from lamina.services.ledger.model.recorded_change import RecordedChange
from lamina.services.ledger.model.transaction import Outpoint
from lamina.services.ledger.model.vote import Vote
from lamina.services.ledger.model.waiting import Candidate, Refusal, Release, Rivals, Stale, Submission


class OrderedLog(Protocol):
    """One log, as one node sees it."""

    async def read_head(self) -> Head:
        """The end of the log."""
        ...

    async def begin(self, genesis: LedgerBlock) -> bool:
        """Put a genesis block into an empty log; of several who try at once, one does."""
        ...

    async def append(self, block: LedgerBlock, *, below_seq: int | None) -> Appended | Conflict | TooLate:
        """Put a block at the end with all its claims, and its transactions out of the backlog, or nothing.

        Args:
            block: signed.
            below_seq: the position must be below this one.
        """
        ...

    async def read(self, after_seq: int, limit: int) -> Sequence[Entry]:
        """Blocks after a position in order; having shown position k it never shows a new block below k."""
        ...

    async def record_change(self, body: bytes) -> None:
        """Record a change of the membership beside the log's end; recording it again changes nothing."""
        ...

    async def read_changes(self, after: int) -> Sequence[RecordedChange]:
        """Recorded changes in order; all recorded before a block that `read` has shown are there."""
        ...

    async def measure(self) -> Extent:
        """Where the log ends, at one moment."""
        ...

    async def read_digests(self, positions: Sequence[int]) -> Sequence[Digest]:
        """What stands at positions, in order, without the blocks' bytes."""
        ...

    async def read_versions(self, where: Range) -> Sequence[Version]:
        """Which writing of its row stands at each position of a range, in order; a hint, never proof."""
        ...

    async def digest_versions(self, ranges: Sequence[Range]) -> Sequence[bytes | None]:
        """For each range, one digest over the versions of its rows in order; None where it has no row.

        As `LedgerCopy` makes it of those that were remembered.
        """
        ...

    async def publish_vote(self, vote: Vote) -> bool:
        """Show a vote to everybody; publishing it again changes nothing.

        Returns:
            False where the log does not have the block, and the vote cannot be shown.
        """
        ...

    async def read_votes(self, after: int, limit: int) -> Sequence[PublishedVote]:
        """Votes in the order they were published, each on a block of the log; as `read`, without gaps."""
        ...

    async def publish_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Show a checkpoint to everybody; publishing it again changes nothing."""
        ...

    async def read_checkpoints(self, after: int, limit: int) -> Sequence[tuple[int, bytes]]:
        """Published checkpoints as (position, bytes), in order; nothing of them is believed."""
        ...

    async def submit(self, submissions: Sequence[Submission]) -> None:
        """Make accepted transactions wait; one that waits already stays as it is."""
        ...

    async def find_accepted(self, tx_ids: Sequence[str]) -> set[str]:
        """Which of these wait, are in a live block or were rejected: how an unknown commit is resolved."""
        ...

    async def find_rivals(self, sources: Sequence[str], outputs: Sequence[Outpoint]) -> Rivals:
        """Which of these sources wait, and what that waits spends these outputs."""
        ...

    async def take(self, assignee: str, limit: int, held: Sequence[str]) -> Sequence[Candidate]:
        """The oldest transactions that wait for a node, save those it holds back; they go on waiting."""
        ...

    async def drop(self, tx_ids: Sequence[str]) -> None:
        """Let copies of transactions that are in a valid block wait no longer."""
        ...

    async def reject(self, refusals: Sequence[Refusal]) -> None:
        """End waiting transactions with a recorded reason."""
        ...

    async def release(self, release: Release) -> None:
        """Free an invalid block's claims and end its transactions or let them wait again, once."""
        ...

    async def find_stale(self, older_than_s: float, limit: int) -> Sequence[Stale]:
        """Transactions assigned longer ago than that, by the log's own clock, the oldest first."""
        ...

    async def reassign(self, stale: Stale, assignee: str) -> bool:
        """Give a stale transaction to another node; False where it no longer waits for that one."""
        ...
