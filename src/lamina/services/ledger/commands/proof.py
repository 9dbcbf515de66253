"""The ledger proves itself from its own bytes, wherever they were copied to."""

from lamina.kernel.contracts import Advanced, Verdict
from lamina.kernel.storage.database import Database
from lamina.services.ledger.model.stored import Flaw
from lamina.services.ledger.pipeline.verify import Verification, Verifier

FLAWS_KEPT = 100


async def verify(database: Database, advanced: Advanced) -> Verdict:
    """Verify the whole chain; its members are the genesis block's, as a copy may be far from any node.

    Raises:
        DatabaseUnavailable: the database went away.
    """
    flaws: list[str] = []

    def keep(flaw: Flaw) -> None:
        if len(flaws) < FLAWS_KEPT:
            where = "" if flaw.seq is None else f"block {flaw.seq} "
            flaws.append(f"{flaw.kind} {where}{flaw.subject}: {flaw.text}")

    def report(state: Verification) -> None:
        advanced("blocks", state.blocks, state.last_seq)

    state = await Verifier(database, frozenset(), found=keep, advanced=report).run()
    checked = {"blocks": state.blocks, "transactions": state.transactions, "votes": state.votes}
    return Verdict(checked, state.flaws, flaws)
