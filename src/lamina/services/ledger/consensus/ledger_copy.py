"""A node's own verified copy of the log: what it answers clients from, and what it judges by.

Everything in it has been judged by this node. A transaction on it ends as on any database: committed, rolled
back (`DatabaseUnavailable`), or unknown (`CommitUnknown`); every piece of work begins by reading where the
copy stands, so that doing it again is safe.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

from lamina.services.ledger.model.block import LedgerBlock
from lamina.services.ledger.model.checkpoint import Checkpoint
from lamina.services.ledger.model.entry import Compared, Digest, Entry, Head, Range, Version
from lamina.services.ledger.model.log_outcome import OpenElection
from lamina.services.ledger.model.membership import Change
from lamina.services.ledger.model.recorded_change import RecordedChange
from lamina.services.ledger.model.status import Status
from lamina.services.ledger.model.transaction import Transaction
from lamina.services.ledger.model.vote import Vote
from lamina.services.ledger.rules.facts import Facts

T = TypeVar("T")


class CopyTransaction(Protocol):
    """Reads and writes that become durable together."""

    async def lock_tip(self) -> Head:
        """Where the copy ends; nobody else moves it until the transaction ends."""
        ...

    async def read_genesis(self) -> str | None:
        """Id of the first block; None where nothing is copied yet."""
        ...

    async def read_change_cursor(self) -> int:
        """The position of the last recorded change that was looked at."""
        ...

    async def add_change(self, recorded: RecordedChange, change: Change | None) -> None:
        """Keep a change that stands, or (None) that one was looked at and does not."""
        ...

    async def find_window(self, until_seq: int, *, blocks_max: int, bytes_max: int) -> int:
        """The position before a run of blocks that ends at a position and is not larger than that.

        The block at the end always belongs to it.
        """
        ...

    async def read_digests(self, positions: Sequence[int]) -> Sequence[Digest]:
        """What was copied at positions, in order, without the blocks' bytes."""
        ...

    async def read_compared(self, where: Range) -> Sequence[Compared]:
        """The copied blocks of a range in order, and in which version each was found to be in the log."""
        ...

    async def digest_versions(self, ranges: Sequence[Range]) -> Sequence[bytes | None]:
        """For each range, one digest over the versions that are remembered for it, as `OrderedLog`."""
        ...

    async def remember_versions(self, versions: Sequence[Version]) -> None:
        """These rows of the log were found to hold what was copied; those of copied entries are known."""
        ...

    async def read_facts(self, transactions: Sequence[Transaction]) -> Facts:
        """What the copy knows of what these transactions spend, and of themselves."""
        ...

    async def add_block(self, entry: Entry, block: LedgerBlock) -> None:
        """Move the tip to a block this node finds right; it has no decision yet."""
        ...

    async def add_doubted(self, entry: Entry) -> None:
        """Move the tip to a block this node finds wrong: its bytes are kept, nothing is derived from them."""
        ...

    async def add_vote(self, vote: Vote, *, is_published: bool) -> Vote | None:
        """Keep a vote.

        Returns:
            None where it is kept now or was before; else another vote of the same voter on the same block or
            behind the same predecessor, which stays.
        """
        ...

    async def add_evidence(self, first: Vote, second: Vote) -> None:
        """Keep two votes by which a voter contradicts itself."""
        ...

    async def lock_elections(self) -> None:
        """Take the right to decide until the transaction ends: the last of two votes sees the first."""
        ...

    async def find_election(self, block_id: str) -> OpenElection | None:
        """A copied block that has no decision; the first block never has one."""
        ...

    async def decide(self, block_id: str, seq: int, status: Status) -> None:
        """Freeze a block's status, and give what is derived from it the same."""
        ...

    async def read_vote_cursor(self) -> int:
        """The position of the last published vote that was looked at."""
        ...

    async def move_vote_cursor(self, position: int) -> None:
        """Look at none of these again."""
        ...

    async def read_frontier(self) -> Head | None:
        """The newest decided block; None where one below it is undecided, or none is decided."""
        ...

    async def read_unspent(self, bucket: int) -> bytes:
        """The unspent outputs of valid transactions whose id begins with a byte, as `rules.state_hash`."""
        ...

    async def read_block_id(self, seq: int) -> str | None:
        """The block that was copied at a position."""
        ...

    async def read_last_checkpoint(self, node: str) -> int:
        """The position of a node's newest checkpoint; 0 where it has none."""
        ...

    async def find_checkpoint(self, node: str, seq: int) -> Checkpoint | None:
        """A node's checkpoint at a position."""
        ...

    async def add_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Keep a checkpoint; one that is kept already changes nothing."""
        ...

    async def read_unpublished(self, limit: int) -> Sequence[Vote]:
        """This node's votes that may not have been published, in log order."""
        ...

    async def mark_published(self, votes: Sequence[Vote]) -> None:
        """These have been."""
        ...

    async def read_unreleased(self, limit: int) -> Sequence[Entry]:
        """Blocks decided invalid whose transactions may not have been let go, in log order."""
        ...

    async def mark_released(self, block_id: str) -> None:
        """They have been."""
        ...


class LedgerCopy(Protocol):
    """The copy of one node."""

    async def run(self, name: str, work: Callable[[CopyTransaction], Awaitable[T]]) -> T:
        """Do work in one transaction, named `<service>.<verb>_<noun>`; it may be done again."""
        ...
