"""From a posted document to a durable row: form, then one check and one write for many requests.

A 202 is answered only after the row is committed. What is written where is the acceptance's business: this
node's own backlog (`LocalAcceptance`), or the backlog a federation shares (`consensus.acceptance`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from lamina.formats.signatures import KeyPair
from lamina.kernel.errors import CommitUnknown, DatabaseUnavailable, LaminaError
from lamina.kernel.observability.statsd import Statsd
from lamina.kernel.storage.batching import Batcher
from lamina.kernel.storage.database import Database
from lamina.services.ledger.errors import DoubleSpend, ValidationError
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
    """A transaction of the right form, and what speaks against it apart from the chain."""

    transaction: Transaction
    objection: LaminaError | None


class Acceptor(Protocol):
    """Checks posted transactions against the chain and makes them durable."""

    async def accept(
        self, batch: Sequence[Transaction], objections: Mapping[str, LaminaError]
    ) -> list[LaminaError | None]:
        """For each None where it is durable, else why it is not or may not be."""
        ...


class Intake:
    """Accepts transactions for this node."""

    def __init__(self, acceptor: Acceptor, settings: LedgerSettings, statsd: Statsd) -> None:
        self._acceptor = acceptor
        self._settings = settings
        self._statsd = statsd
        self._batches = Batcher[Posted, None](
            "ledger.accept",
            self._accept,
            items_max=settings.accept_batch_max,
            delay_s=settings.accept_delay_ms / 1000,
            queue_max=settings.accept_queue_max,
            patience_s=ANSWER_MAX_S,
            late=_too_late,
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
        objection = self._objection(document)  # pyright: ignore[reportUnknownArgumentType]
        await self._batches.submit(Posted(transaction, objection))
        return transaction

    def _objection(self, document: dict[str, object]) -> LaminaError | None:
        """The key-name rule, whose turn comes after the chain's (spec/ledger.md 2, step f)."""
        try:
            if self._settings.strict_key_names:
                check_key_names(document)
        except ValidationError as refusal:
            return refusal
        return None

    async def _accept(self, batch: Sequence[Posted]) -> Sequence[LaminaError | None]:
        objections = {item.transaction.id: item.objection for item in batch if item.objection is not None}
        refusals = await self._acceptor.accept([item.transaction for item in batch], objections)
        accepted = refusals.count(None)
        if accepted:
            ACCEPTED.inc(accepted)
            self._statsd.count("web.tx.post", accepted)
        return refusals


class LocalAcceptance:
    """Accepts into this node's own backlog; implements `Acceptor`.

    Of two rivals for one output that arrive together, the first is accepted and the second refused; rivals
    that slip past each other meet in the block builder.
    """

    def __init__(self, database: Database, node: KeyPair, *, strict_owners: bool) -> None:
        self._database = database
        self._node = node
        self._seal = Seal(node)
        self._strict_owners = strict_owners

    async def accept(
        self, batch: Sequence[Transaction], objections: Mapping[str, LaminaError]
    ) -> list[LaminaError | None]:
        """Check and store a batch; one answer per transaction."""
        view = await chain.view_at_post(self._database, batch)
        claimed: dict[Outpoint, str] = {}
        refusals = [self._refusal(tx, view, claimed) or objections.get(tx.id) for tx in batch]
        sealed = {
            tx.id: (tx, self._seal.of(tx.body))
            for tx, refusal in zip(batch, refusals, strict=True)
            if refusal is None
        }
        if not sealed:
            return refusals
        try:
            await backlog.insert(self._database, list(sealed.values()), self._node.public)
        except CommitUnknown as unknown:
            present = await self._find_present(list(sealed))
            return [
                refusal or (None if tx.id in present else unknown)
                for tx, refusal in zip(batch, refusals, strict=True)
            ]
        return refusals

    async def _find_present(self, tx_ids: Sequence[str]) -> set[str]:
        """Which of them are stored after all, as far as the database can be asked."""
        try:
            return await backlog.find_present(self._database, tx_ids)
        except (CommitUnknown, DatabaseUnavailable):
            return set()

    def _refusal(
        self, tx: Transaction, view: spend.ChainView, claimed: dict[Outpoint, str]
    ) -> LaminaError | None:
        """Why one cannot be accepted, if so; its outputs count as claimed for the rest of the batch."""
        try:
            spend.check(tx, view, strict_owners=self._strict_owners)
            for wanted in tx.spends:
                if claimed.setdefault(wanted, tx.id) != tx.id:
                    raise DoubleSpend(f"input `{wanted.tx_id}` was already spent")
        except LaminaError as refusal:
            return refusal
        return None


def _too_late() -> CommitUnknown:
    return CommitUnknown("The database took too long; the transaction may be stored.")
