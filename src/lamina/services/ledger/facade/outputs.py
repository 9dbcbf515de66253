"""Outputs through the facade: whose they are, and what spends them (spec/ledger.md 3.6, 5.6)."""

from lamina.formats.base58 import decode_key
from lamina.formats.errors import FormatError
from lamina.services.ledger.errors import CriticalDoubleSpend
from lamina.services.ledger.facade.document import Document, parsed
from lamina.services.ledger.facade.member import Member
from lamina.services.ledger.model.identifier import is_id
from lamina.services.ledger.model.status import Status
from lamina.services.ledger.model.transaction import Outpoint
from lamina.services.ledger.store import outputs
from lamina.services.ledger.store.chain import INDEX_MAX


class Outputs(Member):
    """What a node knows of outputs; a link is `{"transaction_id": …, "output_index": …}`."""

    def get_spent(self, txid: str, output: int) -> Document | None:
        """The transaction that spends an output, in a valid block, else an undecided one, else the backlog.

        Args:
            txid: id of the transaction whose output it is.
            output: its index.

        Raises:
            CriticalDoubleSpend: more than one valid transaction spends it.
        """
        if not is_id(txid) or not 0 <= output <= INDEX_MAX:
            return None
        return self._wait(self._find_spender(Outpoint(txid, output)))

    def get_owned_ids(self, owner: str) -> list[Document]:
        """Links to the outputs a key can spend; spends that only wait in the backlog do not count."""
        return self.get_outputs_filtered(owner, spent=False)

    def get_outputs_filtered(self, owner: str, spent: bool | None = None) -> list[Document]:
        """Links to the outputs, in blocks that are not invalid, whose condition names a key, in chain order.

        Args:
            owner: a public key.
            spent: only spent, only unspent, or (None) both.
        """
        try:
            public_key = decode_key(owner)
        except FormatError:
            return []
        return self._wait(self._list(public_key, spent=spent))

    async def _find_spender(self, output: Outpoint) -> Document | None:
        spenders = await outputs.find_spenders(self.connection.database, output)
        if [status for status, _ in spenders].count(Status.VALID) > 1:
            raise CriticalDoubleSpend(
                f"`{output.tx_id}` was spent more than once. There is a problem with the chain"
            )
        for wanted in (Status.VALID, Status.UNDECIDED, None):
            for status, body in spenders:
                if status is wanted:
                    return parsed(body)
        return None

    async def _list(self, public_key: bytes, *, spent: bool | None) -> list[Document]:
        found: list[Outpoint] = []
        place, rows = outputs.START, self._settings.page_rows
        while True:
            page, place = await outputs.page(
                self.connection.database, public_key, spent=spent, after=place, limit=rows
            )
            found += page
            if len(page) < rows:
                return [{"transaction_id": each.tx_id, "output_index": each.output_index} for each in found]
