"""`/api/v1/transactions` (spec/ledger.md 3.3 to 3.5): the two hot endpoints of the product, and one list."""

from collections.abc import AsyncIterator, Sequence

from lamina.kernel.contracts import Receive, Scope, Send
from lamina.kernel.errors import LaminaError
from lamina.kernel.storage.batching import Batcher
from lamina.kernel.storage.byte_cache import ByteCache
from lamina.kernel.storage.database import Database
from lamina.kernel.web.array_stream import stream_array
from lamina.kernel.web.body import read_body
from lamina.kernel.web.respond import json_response
from lamina.services.ledger.api import query
from lamina.services.ledger.api.not_found import NotFound
from lamina.services.ledger.model.identifier import is_id
from lamina.services.ledger.pipeline.accept import Intake
from lamina.services.ledger.rules.form import parse_body
from lamina.services.ledger.settings import LedgerSettings
from lamina.services.ledger.store import transactions

READ_BATCH_MAX = 128


class PostTransaction:
    """`POST /transactions`: 202 once the transaction is durable."""

    def __init__(self, intake: Intake, settings: LedgerSettings) -> None:
        self._intake = intake
        self._body_bytes_max = settings.body_bytes_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the transaction in canonical form and where to ask for its status."""
        document = parse_body(await read_body(scope, receive, self._body_bytes_max))
        transaction = await self._intake.submit(document)
        location = b"../statuses?transaction_id=" + transaction.id.encode()
        await json_response(send, 202, transaction.body, [(b"location", location)])


class GetTransaction:
    """`GET /transactions/{id}`: canonical bytes of a valid transaction.

    Simultaneous reads share a query. A valid transaction never changes nor stops being valid (reliability
    G6), so what was read once is answered from memory.
    """

    def __init__(self, database: Database, settings: LedgerSettings) -> None:
        self._database = database
        self._known = ByteCache(settings.read_cache_bytes_max)
        # One query at a time: what arrives meanwhile shares the next one.
        self._reads = Batcher[str, bytes | None](
            "ledger.read", self._read, items_max=READ_BATCH_MAX, concurrency=1
        )
        self.run = self._reads.run

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer with the transaction or 404."""
        tx_id: str = scope["path_params"]["id"]
        body = self._known.get(tx_id)
        if body is None:
            body = await self._reads.submit(tx_id) if is_id(tx_id) else None
            if body is None:
                raise NotFound
            self._known.put(tx_id, body)
        await json_response(send, 200, body)

    async def _read(self, tx_ids: Sequence[str]) -> Sequence[bytes | LaminaError | None]:
        found = await transactions.find_valid(self._database, tx_ids)
        return [found.get(tx_id) for tx_id in tx_ids]


class ListTransactions:
    """`GET /transactions?asset_id=`: the history of an asset; unknown parameters are ignored here."""

    def __init__(self, database: Database, settings: LedgerSettings) -> None:
        self._database = database
        self._settings = settings

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer with the list in chain order."""
        asked = query.Query(scope, self._settings.query_bytes_max)
        operation = query.operation(asked)
        await stream_array(send, self._pages(query.asset_id(asked), operation))

    async def _pages(self, asset_id: str, operation: str | None) -> AsyncIterator[Sequence[bytes]]:
        place = transactions.START
        while True:
            bodies, place = await transactions.page_valid(
                self._database, asset_id, operation, after=place, limit=self._settings.page_rows
            )
            yield bodies
            if len(bodies) < self._settings.page_rows:
                return
