"""The ledger as a library, with the names and the synchronous calls of the original (spec/ledger.md 7).

`Bigchain` is one node of a federation; `Connection` is the database several of them may share.
"""

from lamina.services.ledger.facade.bigchain import Bigchain
from lamina.services.ledger.facade.connection import Connection

__all__ = ["Bigchain", "Connection"]
