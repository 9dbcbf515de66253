"""Transactions through the facade: validating, writing, finding, assigning (spec/ledger.md 5.1, 5.5, 5.6)."""

from collections.abc import Iterator
from typing import Literal, overload

from lamina.kernel.storage.database import Connection
from lamina.services.ledger.errors import CriticalDoubleInclusion, OperationError
from lamina.services.ledger.facade.document import Document, Model, opened, parsed, plain
from lamina.services.ledger.facade.member import Member
from lamina.services.ledger.model.identifier import is_id
from lamina.services.ledger.model.status import Status
from lamina.services.ledger.model.transaction import CREATE, TRANSFER, Transaction
from lamina.services.ledger.pipeline import assignment, stale
from lamina.services.ledger.rules import spend
from lamina.services.ledger.rules.form import check_key_names
from lamina.services.ledger.store import backlog, blocks, chain, transactions
from lamina.services.ledger.store.transactions import Copy

_BY_NOBODY = b""  # no seal: whoever takes the transaction verifies it


class Transactions(Member):
    """What a node does with transactions."""

    TX_VALID = "valid"
    TX_UNDECIDED = "undecided"
    TX_IN_BACKLOG = "backlog"

    def write_transaction(self, signed_transaction: Document | Model) -> None:
        """Put a transaction into the backlog, assigned to another node; one that waits already stays.

        Its form is checked, its signatures and what it spends are not: whoever makes the block does that.

        Raises:
            SchemaValidationError, ValidationError, UnreadableBody: it is not a transaction.
            CommitUnknown: it may be stored; writing it again is safe.
        """
        transaction = opened(signed_transaction)
        assignee = assignment.choose(self._federation)
        self._wait(backlog.insert(self.connection.database, [(transaction, _BY_NOBODY)], assignee))

    def delete_transaction(self, *transaction_id: str) -> None:
        """Remove transactions from the backlog."""
        ids = [tx_id for tx_id in transaction_id if is_id(tx_id)]

        async def work(cx: Connection) -> None:
            await backlog.delete(cx, ids)

        self._wait(self.connection.database.run("ledger.delete_backlog", work))

    def validate_transaction(self, transaction: Document | Model) -> Document | Model:
        """Check a transaction wholly, against the blocks that are not invalid.

        Returns:
            The transaction as given.

        Raises:
            SchemaValidationError, ValidationError, UnreadableBody: the first rule broken (spec/ledger.md 2).
        """
        checked = opened(transaction)
        view = self._wait(self.connection.database.run("ledger.read_chain", lambda cx: _view(cx, checked)))
        spend.check(checked, view, strict_owners=self._settings.strict_owners)
        if self._settings.strict_key_names:
            check_key_names(plain(transaction))
        return transaction

    def is_new_transaction(self, txid: str, exclude_block_id: str | None = None) -> bool:
        """Whether no block that is not invalid holds the transaction.

        Args:
            txid: its id.
            exclude_block_id: a block that does not count.
        """
        statuses = self.get_blocks_status_containing_tx(txid) or {}
        return all(
            word == Status.INVALID.word for block_id, word in statuses.items() if block_id != exclude_block_id
        )

    @overload
    def get_transaction(self, txid: str, include_status: Literal[False] = False) -> Document | None: ...
    @overload
    def get_transaction(
        self, txid: str, include_status: Literal[True]
    ) -> tuple[Document | None, str | None]: ...
    @overload
    def get_transaction(
        self, txid: str, include_status: bool
    ) -> Document | tuple[Document | None, str | None] | None: ...
    def get_transaction(
        self, txid: str, include_status: bool = False
    ) -> Document | tuple[Document | None, str | None] | None:
        """A transaction from its valid block, else an undecided one, else the backlog.

        Args:
            txid: its id.
            include_status: also return its status, as the second of two.

        Raises:
            CriticalDoubleInclusion: it is in more than one valid block.
        """
        found = self._wait(self._find(txid)) if is_id(txid) else None
        document = None if found is None else parsed(found.body)
        return (document, _word(found)) if include_status else document

    def get_status(self, txid: str) -> str | None:
        """`valid`, `undecided` or `backlog`; None for a transaction that is nowhere.

        Raises:
            CriticalDoubleInclusion: it is in more than one valid block.
        """
        return _word(self._wait(self._find(txid)) if is_id(txid) else None)

    def get_blocks_status_containing_tx(self, txid: str) -> dict[str, str] | None:
        """The blocks that hold a transaction, id to status in log order; None where there are none.

        Raises:
            CriticalDoubleInclusion: it is in more than one valid block.
        """
        return self._wait(self._find_blocks(txid)) if is_id(txid) else None

    def get_transactions_filtered(self, asset_id: str, operation: str | None = None) -> Iterator[Document]:
        """An asset's valid transactions in chain order, read as they are asked for.

        Args:
            asset_id: id of the CREATE that made the asset.
            operation: CREATE or TRANSFER; both when absent.

        Raises:
            OperationError: another operation.
        """
        if operation not in {None, CREATE, TRANSFER}:
            raise OperationError(f"The operation must be CREATE or TRANSFER, not {operation!r}")
        return self._history(asset_id, operation) if is_id(asset_id) else iter(())

    def get_stale_transactions(self) -> list[Document]:
        """Transactions assigned longer ago than `backlog_reassign_delay`, the oldest first, 1000 at most.

        Returns:
            Transactions with two more members: `assignee`, `assignment_timestamp` in Unix seconds.
        """
        found = self._wait(stale.find(self.connection.database, self.backlog_reassign_delay))
        return [
            {
                **parsed(entry.body),
                "assignee": entry.assignee,
                "assignment_timestamp": entry.assigned_at.timestamp(),
            }
            for entry in found
        ]

    def reassign_transaction(self, transaction: Document) -> str | None:
        """Give a waiting transaction to another node.

        Args:
            transaction: from `get_stale_transactions`; only `id` and `assignee` are looked at.

        Returns:
            The new node; None where the transaction no longer waits for that assignee.
        """
        tx_id, current = transaction["id"], transaction["assignee"]
        return self._wait(stale.reassign(self.connection.database, self._federation, tx_id, current))

    def _history(self, asset_id: str, operation: str | None) -> Iterator[Document]:
        place, rows = transactions.START, self._settings.page_rows
        while True:
            page = transactions.page_valid(
                self.connection.database, asset_id, operation, after=place, limit=rows
            )
            bodies, place = self._wait(page)
            yield from map(parsed, bodies)
            if len(bodies) < rows:
                return

    async def _find(self, tx_id: str) -> Copy | None:
        copies = await transactions.find_copies(self.connection.database, tx_id)
        _check_inclusion(tx_id, [copy.block_id for copy in copies if copy.status is Status.VALID])
        return min(copies, key=_precedence, default=None)

    async def _find_blocks(self, tx_id: str) -> dict[str, str] | None:
        statuses = await blocks.list_statuses(self.connection.database, tx_id)
        _check_inclusion(tx_id, [block_id for block_id, status in statuses.items() if status is Status.VALID])
        return {block_id: status.word for block_id, status in statuses.items()} or None


async def _view(cx: Connection, transaction: Transaction) -> spend.ChainView:
    return await chain.view_at_append(cx, [transaction])


def _check_inclusion(tx_id: str, valid_blocks: list[str | None]) -> None:
    if len(valid_blocks) > 1:
        raise CriticalDoubleInclusion(
            f"Transaction {tx_id} is present in multiple valid blocks: {valid_blocks}"
        )


def _precedence(copy: Copy) -> int:
    """Valid before undecided before backlog (spec/ledger.md 5.6)."""
    return [Status.VALID, Status.UNDECIDED, None].index(copy.status)


def _word(copy: Copy | None) -> str | None:
    if copy is None:
        return None
    return Transactions.TX_IN_BACKLOG if copy.status is None else copy.status.word
