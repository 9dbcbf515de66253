"""Where a process's takeover stands, and how it is taken back."""

from typing import NamedTuple

from lamina.formats import base64url
from lamina.formats.ans104.item import parse
from lamina.kernel.storage.database import Database, Record
from lamina.services.scheduler.model.head import NONE
from lamina.services.scheduler.model.takeover import Refusal, TakeoverState
from lamina.services.scheduler.rules.chain import Chain
from lamina.services.scheduler.sequencer.process_proof import link_of, own_link_of
from lamina.services.scheduler.store import audit, takeovers
from lamina.services.scheduler.store.takeovers import Withdrawal
from lamina.services.scheduler.takeover.flaws import Flaws


class Standing(NamedTuple):
    """A process after some of its messages.

    Attributes:
        process: a row of `audit.processes`.
        base: the nonce before the first message's.
        chain: stands behind the last of those messages.
    """

    process: Record
    base: int
    chain: Chain


async def standing(database: Database, process_id: str, messages: int) -> Standing:
    """A process that was begun, after so many of its messages."""
    process = await audit.find_process(database, base64url.decode(process_id))
    assert process is not None, "it was begun"
    chain = Chain(process["process_id"], process["block_height"], process["ts"])
    base = NONE
    if process["assignment"] is not None:
        chain.go_on(own_link_of(process, parse(process["assignment"])))
        base = chain.head.nonce
    if messages:
        row = await audit.find_message(database, process["process_id"], base + messages)
        assert row is not None, "so many were copied"
        chain.go_on(link_of(row, parse(row["assignment"])))
    return Standing(process, base, chain)


async def take_back(database: Database, state: TakeoverState, flaws: Flaws) -> None:
    """Remove what is not proven of a process, which ends then where it was proven, and say why.

    Raises:
        DatabaseUnavailable, TakeoverMoved: nothing was removed.
    """
    at = await standing(database, state.process_id, state.verified or 0)
    head = None if state.verified is None else at.chain.head
    refusal = Refusal(state.process_id, state.verified, flaws.count, tuple(flaws.first))
    withdrawal = Withdrawal(at.process["process_id"], at.base, head, refusal)
    await takeovers.withdraw(database, state, withdrawal)
