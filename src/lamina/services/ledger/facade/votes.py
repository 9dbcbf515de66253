"""Votes through the facade: casting, counting, and where this node stands (spec/ledger.md 5.3, 5.4)."""

from lamina.services.ledger.facade.document import Document, Model, parsed, plain
from lamina.services.ledger.facade.member import Member
from lamina.services.ledger.model.vote import sign_vote
from lamina.services.ledger.pipeline.election import cast_vote, count, read_documents
from lamina.services.ledger.pipeline.vote import find_last_voted
from lamina.services.ledger.rules.election import is_eligible
from lamina.services.ledger.rules.vote import open_vote
from lamina.services.ledger.store import blocks, votes


class Votes(Member):
    """What a node does with votes."""

    def vote(
        self, block_id: str, previous_block_id: str, decision: bool, invalid_reason: str | None = None
    ) -> Document:
        """Sign a vote, without storing it.

        Args:
            block_id: the block to vote on.
            previous_block_id: the block this node voted on before, the genesis block at first.
            decision: whether the block is valid.
            invalid_reason: why it is not; nobody reads it.

        Raises:
            CyclicBlockchainError: the block would be its own predecessor.
        """
        vote = sign_vote(
            self._node,
            block_id=block_id,
            previous_block=previous_block_id,
            is_valid=decision,
            timestamp=self._timestamp(),
            invalid_reason=invalid_reason,
        )
        return parsed(vote.body)

    def write_vote(self, vote: Document | Model) -> None:
        """Store a vote, and end the block's election in the same transaction if this vote decides it.

        A vote that is stored already changes nothing.

        Raises:
            ValidationError, InvalidSignature: it is not a vote, or not its voter's.
            CriticalDuplicateVote: its voter has said something else on this block, or after that predecessor.
            CommitUnknown: it may be stored; writing it again is safe.
        """
        checked = open_vote(plain(vote))
        self._wait(
            self.connection.database.run(
                "ledger.cast_vote", lambda cx: cast_vote(cx, checked, self._federation)
            )
        )

    def has_previous_vote(self, block_id: str) -> bool:
        """Whether this node has voted on a block; what others stored in its name does not count."""
        found = self._wait(votes.find(self.connection.database, block_id))
        return any(is_eligible(vote, {self.me}) for vote in read_documents(found))

    def get_last_voted_block(self) -> Document | None:
        """The last block this node voted on; the genesis block at first, None without one.

        Raises:
            CyclicBlockchainError: this node's votes form a circle.
        """
        last = self._wait(
            self.connection.database.run("ledger.find_last_vote", lambda cx: find_last_voted(cx, self.me))
        )
        body = None if last is None else self._wait(blocks.find(self.connection.database, last))
        return None if body is None else parsed(body)

    def block_election_status(self, block: Document | Model) -> str:
        """`valid`, `invalid` or `undecided`: as recorded, or counted anew for a block that is not in the log.

        Raises:
            CriticalDuplicateVote: one node's votes on the block contradict each other.
        """
        document = plain(block)
        return self._wait(self._status(document["id"], frozenset(document["block"]["voters"])))

    async def _status(self, block_id: str, voters: frozenset[str]) -> str:
        recorded = await blocks.find_status(self.connection.database, block_id)
        if recorded is not None:
            return recorded.word
        result = await self.connection.database.run(
            "ledger.count_votes", lambda cx: count(cx, block_id, voters, self._federation)
        )
        return result.status.word
