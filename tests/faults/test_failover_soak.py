"""Failover after failover under one load: the dead primary comes back as a standby and is killed again one day.

`LAMINA_KILLS` sets how many (5).
"""

import asyncio
import os
import random

import pytest
from tests.faults.key_load import TABLE, KeyLoad, losses
from tests.faults.test_failover import GAP_MAX_S, stored_keys
from tests.postgres_server import in_thread
from tests.quorum_cluster import QuorumCluster
from tests.running_platform import open_directory

KILLS = int(os.environ.get("LAMINA_KILLS", "5"))
LOAD_BETWEEN_KILLS_S = (2.0, 6.0)


async def load_through_failovers(cluster: QuorumCluster) -> tuple[KeyLoad, list[str]]:
    load = KeyLoad(cluster.dsn)
    work = asyncio.ensure_future(load.run())
    for _ in range(KILLS):
        await asyncio.sleep(random.uniform(*LOAD_BETWEEN_KILLS_S))
        dead = cluster.primary
        dead.kill()
        await asyncio.to_thread(cluster.fail_over)
        await asyncio.to_thread(cluster.rejoin, dead)
        await asyncio.to_thread(cluster.wait_for_quorum)
    await asyncio.sleep(LOAD_BETWEEN_KILLS_S[0])
    load.stop()
    await work
    return load, losses(load, await stored_keys(cluster))


@pytest.mark.soak
@pytest.mark.timeout(60 + 30 * KILLS)
def test_failover_after_failover_loses_nothing() -> None:
    with open_directory() as directory, QuorumCluster(directory).running() as cluster:
        cluster.primary.execute(TABLE)
        load, lost = in_thread(load_through_failovers(cluster))
    print(
        f"{KILLS} kills: {len(load.acknowledged)} acknowledged, {len(load.unknown)} unknown, of which "
        f"{sum(load.unknown.values())} present; {len(load.refused)} refused; longest gap {load.gap_s:.2f} s"
    )
    assert lost == []
    assert load.gap_s <= GAP_MAX_S
