"""What a builder holds back must not wait for a word that may never come (found by simulation seed 2290)."""

from collections.abc import Awaitable
from typing import Any

from tests.simulation.clients import Clients
from tests.simulation.kernel import Kernel
from tests.simulation.node import LIMITS
from tests.simulation.simulation import Simulation

from lamina.services.ledger.consensus.builder import Builder
from lamina.services.ledger.consensus.follower import Follower
from lamina.services.ledger.consensus.opened_blocks import OpenedBlocks
from lamina.services.ledger.consensus.roster import Roster
from lamina.services.ledger.model.waiting import Submission
from lamina.services.ledger.rules.form import parse_transaction


def _finish(kernel: Kernel, work: Awaitable[Any]) -> Any:
    """Drive one production step to its end, with nobody beside it."""
    results: list[Any] = []

    async def keep() -> None:
        results.append(await work)

    kernel.spawn("step", keep())
    kernel.run(kernel.now + 60.0)
    return results[0]


def test_a_copy_that_moved_unnoticed_lets_go_what_was_held() -> None:
    world = Simulation(seed=0, nodes=1, transactions=0)
    world.network.profile = world.profile.healed()
    node, kernel = world.nodes[0], world.kernel
    key, log, copy = node._key, node._log, node.copy
    follower = Follower(
        log, copy, key, Roster(world.membership), OpenedBlocks(), strict_owners=True, clock=node.clock
    )
    builder = Builder(
        log,
        copy,
        key,
        lambda: world.membership,
        LIMITS,
        opened=OpenedBlocks(),
        strict_owners=True,
        clock=node.clock,
    )
    tx = parse_transaction(Clients(kernel, [], world.watch.book, 0)._issue())
    _finish(kernel, node._begin())
    _finish(kernel, follower.step())
    _finish(kernel, log.submit([Submission(tx, key.public)]))
    assert len(_finish(kernel, builder.step()).blocks) == 1
    _finish(kernel, log.submit([Submission(tx, key.public)]))  # the request arrives once more

    assert _finish(kernel, builder.step()).taken == 1  # conflicts with the block that is not copied yet
    assert _finish(kernel, follower.step()) == 1  # and its caller is not told: the commit ended unknown
    assert _finish(kernel, builder.step()).taken == 0
    assert _finish(kernel, builder.step()).taken == 1
    assert world.log.backlog == {}
