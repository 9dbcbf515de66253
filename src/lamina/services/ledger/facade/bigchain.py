"""The ledger's library facade, named and shaped like the original's (spec/ledger.md 7)."""

from lamina.services.ledger.facade.assets import Assets
from lamina.services.ledger.facade.blocks import Blocks
from lamina.services.ledger.facade.outputs import Outputs
from lamina.services.ledger.facade.transactions import Transactions
from lamina.services.ledger.facade.votes import Votes


class Bigchain(Transactions, Outputs, Blocks, Votes, Assets):
    """One node: `Bigchain(public_key, private_key, keyring, connection, backlog_reassign_delay)`.

    Every call waits for its result; any number of threads may call. Documents are plain dicts of the wire
    shapes, or objects with `to_dict()` on the way in.
    """
