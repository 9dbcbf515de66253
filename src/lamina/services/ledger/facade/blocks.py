"""Blocks through the facade: making, checking, writing and finding them (spec/ledger.md 1.5, 5.2, 5.3)."""

from collections.abc import Sequence
from typing import Literal, overload

from lamina.services.ledger.errors import GenesisBlockAlreadyExistsError, OperationError
from lamina.services.ledger.facade.document import Document, Model, opened, parsed, plain
from lamina.services.ledger.facade.member import Member
from lamina.services.ledger.model.block import LedgerBlock, seal_block
from lamina.services.ledger.pipeline import genesis
from lamina.services.ledger.pipeline.append import append_block
from lamina.services.ledger.pipeline.vote import check_block
from lamina.services.ledger.rules.block import check_voters, open_block
from lamina.services.ledger.store import blocks


class Blocks(Member):
    """What a node does with blocks."""

    BLOCK_VALID = "valid"
    BLOCK_INVALID = "invalid"
    BLOCK_UNDECIDED = "undecided"

    def create_block(self, validated_transactions: Sequence[Document | Model]) -> Document:
        """Make and sign a block; of its transactions only the form is checked.

        Raises:
            OperationError: there is no transaction.
            SchemaValidationError, ValidationError, UnreadableBody: one is not a transaction.
        """
        if not validated_transactions:
            raise OperationError("Empty block creation is not allowed")
        transactions = [opened(tx) for tx in validated_transactions]
        voters = self._federation.voters
        block = seal_block(transactions, node=self._node, voters=voters, timestamp=self._timestamp())
        return parsed(block.body)

    def validate_block(self, block: Document | Model) -> Document | Model:
        """Check a block by itself and against the chain (spec/ledger.md 5.3, point 2).

        Returns:
            The block as given.

        Raises:
            ValidationError, SchemaValidationError, UnreadableBody: the first rule broken.
        """
        document, strict_owners = plain(block), self._settings.strict_owners
        check = self.connection.database.run(
            "ledger.check_block",
            lambda cx: check_block(cx, document, self._federation, strict_owners=strict_owners),
        )
        self._wait(check)
        return block

    def write_block(self, block: Document | Model) -> None:
        """Append a block to the log, undecided, and take its transactions out of the backlog.

        Its assets come with it. Whether its transactions are valid is for the votes to say. A block that is
        in the log already stays as it is.

        Raises:
            ValidationError: it is not a block of this federation, or a transaction or an output of it is in
                another block that is not invalid (DuplicateTransaction, DoubleSpend).
            OperationError: there is no genesis block yet.
            CommitUnknown: it may be written; writing it again is safe.
        """
        finished = open_block(plain(block), self._federation.members)
        check_voters(finished, self._federation.members)
        self._wait(append_block(self.connection.database, finished))

    def prepare_genesis_block(self) -> Document:
        """A genesis block by this node, not written anywhere."""
        return parsed(self._genesis().body)

    def create_genesis_block(self) -> Document:
        """Begin the chain; of several nodes that try at once, one does.

        Raises:
            GenesisBlockAlreadyExistsError: it has begun.
            CommitUnknown: it may have begun with this block.
        """
        block = self._genesis()
        if not self._wait(genesis.begin(self.connection.database, block)):
            raise GenesisBlockAlreadyExistsError("Cannot create the Genesis block")
        return parsed(block.body)

    @overload
    def get_block(self, block_id: str, include_status: Literal[False] = False) -> Document | None: ...
    @overload
    def get_block(
        self, block_id: str, include_status: Literal[True]
    ) -> tuple[Document | None, str | None]: ...
    @overload
    def get_block(
        self, block_id: str, include_status: bool
    ) -> Document | tuple[Document | None, str | None] | None: ...
    def get_block(
        self, block_id: str, include_status: bool = False
    ) -> Document | tuple[Document | None, str | None] | None:
        """A block by id, whatever its status.

        Args:
            block_id: its id.
            include_status: also return its status, as the second of two.
        """
        body = self._wait(blocks.find(self.connection.database, block_id))
        document = None if body is None else parsed(body)
        if not include_status:
            return document
        status = self._wait(blocks.find_status(self.connection.database, block_id))
        return document, None if status is None else status.word

    def _genesis(self) -> LedgerBlock:
        return genesis.make_genesis(self._node, self._federation.voters, self._timestamp())
