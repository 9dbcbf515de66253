"""From a posted document to a durable backlog row: validation, then one write for many requests.

A 202 is answered only after the row is committed. Of two rivals for one output that arrive together, the
first is accepted and the second refused; rivals that slip past each other meet in the block builder.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lamina.formats.signatures import KeyPair
from lamina.kernel.errors import CommitUnknown, DatabaseUnavailable, LaminaError
from lamina.kernel.observability.statsd import Statsd
from lamina.kernel.storage.batching import Batcher
from lamina.kernel.storage.database import Database
from lamina.services.ledger.errors import DoubleSpend
from lamina.services.ledger.metrics import ACCEPTED
from lamina.services.ledger.model.transaction import Outpoint, Transaction
from lamina.services.ledger.pipeline.seal import Seal
from lamina.services.ledger.rules import spend
from lamina.services.ledger.rules.form import check_key_names, parse_transaction
from lamina.services.ledger.settings import LedgerSettings
from lamina.services.ledger.store import backlog, chain

# A write has its answer within 5 s even when the database hangs (distribution-and-reliability 13.6).
ANSWER_MAX_S = 4.8


@dataclass(frozen=True, slots=True)
class Posted:
    """A transaction of the right form with the document it came from."""

    transaction: Transaction
    document: dict[str, Any]


class Intake:
    """Accepts transactions for this node."""

    def __init__(self, database: Database, node: KeyPair, settings: LedgerSettings, statsd: Statsd) -> None:
        self._database = database
        self._node = node
        self._seal = Seal(node)
        self._settings = settings
        self._statsd = statsd
        self._batches = Batcher[Posted, None](
            "ledger.accept",
            self._accept,
            items_max=settings.accept_batch_max,
            delay_s=settings.accept_delay_ms / 1000,
            queue_max=settings.accept_queue_max,
        )
        self.run = self._batches.run

    async def submit(self, document: object) -> Transaction:
        """Validate a parsed document and make it durable.

        Returns:
            The transaction as stored; its `body` is the document in canonical form.

        Raises:
            InvalidRequest, SchemaValidationError, ValidationError: it is refused, and nothing is stored.
            Overloaded, DatabaseUnavailable: nothing is stored for now.
            CommitUnknown: it may be stored; posting it again is safe.
        """
        transaction = parse_transaction(document)
        assert isinstance(document, dict), "the schema admits objects only"
        posted = Posted(transaction, document)  # pyright: ignore[reportUnknownArgumentType]
        try:
            async with asyncio.timeout(ANSWER_MAX_S):
                await self._batches.submit(posted)
        except TimeoutError:
            raise CommitUnknown("The database took too long; the transaction may be stored.") from None
        return transaction

    async def _accept(self, batch: Sequence[Posted]) -> Sequence[LaminaError | None]:
        """Check and store a batch; one answer per item."""
        refusals = await self._check(batch)
        sealed = {
            item.transaction.id: (item.transaction, self._seal.of(item.transaction.body))
            for item, refusal in zip(batch, refusals, strict=True)
            if refusal is None
        }
        if not sealed:
            return refusals
        try:
            await backlog.insert(self._database, list(sealed.values()), self._node.public)
        except CommitUnknown as unknown:
            present = await self._find_present(list(sealed))
            missing = unknown if len(present) < len(sealed) else None
            return [
                refusal or (None if item.transaction.id in present else missing)
                for item, refusal in zip(batch, refusals, strict=True)
            ]
        ACCEPTED.inc(len(sealed))
        self._statsd.count("web.tx.post", len(sealed))
        return refusals

    async def _find_present(self, tx_ids: Sequence[str]) -> set[str]:
        """Which of them are stored after all, as far as the database can be asked."""
        try:
            return await backlog.find_present(self._database, tx_ids)
        except (CommitUnknown, DatabaseUnavailable):
            return set()

    async def _check(self, batch: Sequence[Posted]) -> list[LaminaError | None]:
        view = await chain.view_at_post(self._database, [item.transaction for item in batch])
        claimed: dict[Outpoint, str] = {}
        return [self._refusal(item, view, claimed) for item in batch]

    def _refusal(
        self, item: Posted, view: spend.ChainView, claimed: dict[Outpoint, str]
    ) -> LaminaError | None:
        """Why an item cannot be accepted, if so; its outputs count as claimed for the rest of the batch."""
        tx = item.transaction
        try:
            spend.check(tx, view, strict_owners=self._settings.strict_owners)
            if self._settings.strict_key_names:
                check_key_names(item.document)
            for wanted in tx.spends:
                if claimed.setdefault(wanted, tx.id) != tx.id:
                    raise DoubleSpend(f"input `{wanted.tx_id}` was already spent")
        except LaminaError as refusal:
            return refusal
        return None
