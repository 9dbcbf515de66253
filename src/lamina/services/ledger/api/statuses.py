"""`GET /api/v1/statuses` (spec/ledger.md 3.7)."""

from collections.abc import Awaitable, Callable

from lamina.kernel.contracts import Receive, Scope, Send
from lamina.kernel.storage.database import Database
from lamina.kernel.web.respond import json_response
from lamina.services.ledger import render
from lamina.services.ledger.api import query
from lamina.services.ledger.api.not_found import NotFound
from lamina.services.ledger.errors import InvalidRequest
from lamina.services.ledger.model.identifier import is_id
from lamina.services.ledger.settings import LedgerSettings
from lamina.services.ledger.store import blocks, transactions

FindStatus = Callable[[str], Awaitable[str | None]]


class GetStatus:
    """Where a transaction or a block stands."""

    def __init__(
        self, database: Database, settings: LedgerSettings, shared: FindStatus | None = None
    ) -> None:
        """Prepare.

        Args:
            database: this node's.
            settings: limits.
            shared: what a federation's log says of a transaction that this node's copy does not hold.
        """
        self._database = database
        self._settings = settings
        self._shared = shared

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer with one word, or 404."""
        asked = query.Query(scope, self._settings.query_bytes_max)
        asked.only("transaction_id", "block_id")
        tx_id, block_id = asked.optional("transaction_id"), asked.optional("block_id")
        if bool(tx_id) == bool(block_id):
            raise InvalidRequest("Provide exactly one query parameter. Choices are: block_id, transaction_id")
        word = await self._transaction(tx_id) if tx_id else await self._block(block_id or "")
        if word is None:
            raise NotFound
        await json_response(send, 200, render.status(word))

    async def _transaction(self, tx_id: str) -> str | None:
        if not is_id(tx_id):
            return None
        word = await transactions.find_status(self._database, tx_id)
        return word if word is not None or self._shared is None else await self._shared(tx_id)

    async def _block(self, block_id: str) -> str | None:
        status = await blocks.find_status(self._database, block_id)
        return None if status is None else status.word
