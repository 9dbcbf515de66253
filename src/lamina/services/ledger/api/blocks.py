"""`/api/v1/blocks` (spec/ledger.md 3.9)."""

from lamina.kernel.contracts import Receive, Scope, Send
from lamina.kernel.storage.database import Database
from lamina.kernel.web.respond import json_response
from lamina.services.ledger import render
from lamina.services.ledger.api import query
from lamina.services.ledger.api.not_found import NotFound
from lamina.services.ledger.model.identifier import is_id
from lamina.services.ledger.settings import LedgerSettings
from lamina.services.ledger.store import blocks


class GetBlock:
    """A block by its id, whatever its status."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer with the block as it was signed, or 404."""
        body = await blocks.find(self._database, scope["path_params"]["id"])
        if body is None:
            raise NotFound
        await json_response(send, 200, body)


class ListBlocks:
    """Ids of the blocks that hold a transaction."""

    def __init__(self, database: Database, settings: LedgerSettings) -> None:
        self._database = database
        self._settings = settings

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer with the ids in log order."""
        asked = query.Query(scope, self._settings.query_bytes_max)
        tx_id, status = asked.required("transaction_id"), query.block_status(asked)
        asked.only("transaction_id", "status")
        found = await blocks.list_containing(self._database, tx_id, status) if is_id(tx_id) else []
        await json_response(send, 200, render.array(b'"%s"' % block_id.encode() for block_id in found))
