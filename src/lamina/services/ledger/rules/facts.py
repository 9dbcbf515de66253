"""What one node's copy of the chain knows of transactions it must judge, and what it cannot say yet.

A verdict must not depend on when it is given: whatever hangs on a block whose election has not ended waits
for that election (distribution-and-reliability 6.4 R1).
"""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from lamina.services.ledger.model.transaction import Outpoint, Transaction
from lamina.services.ledger.rules.block import BlockView


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts about some transactions.

    Attributes:
        view: what the rules ask for.
        sources: position of the block each wanted source stands in.
        undecided_ids: sources, and transactions asked about, that stand in a block without a decision.
        undecided_spends: wanted outputs whose spender stands in such a block.
    """

    view: BlockView
    sources: Mapping[str, int] = field(default_factory=dict[str, int])
    undecided_ids: AbstractSet[str] = frozenset()
    undecided_spends: AbstractSet[Outpoint] = frozenset()

    def is_open(self, tx: Transaction) -> bool:
        """Whether what is to be said of a transaction hangs on an election that has not ended."""
        return tx.id in self.undecided_ids or any(
            wanted.tx_id in self.undecided_ids or wanted in self.undecided_spends for wanted in tx.spends
        )

    def needs_seq(self, tx: Transaction) -> int:
        """The position a copy must have reached to know every output this transaction spends."""
        return max((self.sources.get(wanted.tx_id, 0) for wanted in tx.spends), default=0)


def is_any_open(facts: Facts, transactions: Iterable[Transaction]) -> bool:
    """Whether a verdict on all of them together must wait."""
    return any(facts.is_open(tx) for tx in transactions)
