"""The primary of a quorum cluster is killed under load: nothing acknowledged is lost, and it goes on soon.

The control runs the same load and the same check on a cluster that replicates without waiting, where a
failover loses what no standby had received: a check that cannot see that would see nothing.
"""

import asyncio

import pytest
from tests.faults.key_load import TABLE, KeyLoad, losses
from tests.postgres_server import in_thread
from tests.quorum_cluster import FailoverRefused, QuorumCluster
from tests.running_platform import open_directory

from lamina.kernel.storage.database import Database, PoolOptions

ACKNOWLEDGED_MIN = 5000
GAP_MAX_S = 5.0


async def stored_keys(cluster: QuorumCluster) -> list[int]:
    database = await Database.connect(PoolOptions(cluster.primary.dsn))
    rows = await database.fetch("test.read_keys", "SELECT key FROM keys")
    await database.close()
    return [row["key"] for row in rows]


async def load_through_failover(
    cluster: QuorumCluster, *, acknowledged: int, unsent: int = 0
) -> tuple[KeyLoad, list[str]]:
    """Load, kill the primary, fail over, load on; returns the load and what was lost.

    Args:
        cluster: with the table.
        acknowledged: keys to acknowledge, half of them before the kill.
        unsent: keys to acknowledge after the standbys stop receiving and before the kill.
    """
    load = KeyLoad(cluster.dsn)
    work = asyncio.ensure_future(load.run())
    await load.reach(acknowledged // 2)
    if unsent:
        for node in cluster.standbys:
            await asyncio.to_thread(node.stop_receiving)
        await load.reach(len(load.acknowledged) + unsent)
    cluster.primary.kill()
    before = len(load.acknowledged)
    await asyncio.to_thread(cluster.fail_over)
    await load.reach(before + acknowledged // 2 + 1)
    load.stop()
    await work
    return load, losses(load, await stored_keys(cluster))


def test_a_quorum_cluster_loses_nothing_when_its_primary_is_killed() -> None:
    with open_directory() as directory, QuorumCluster(directory).running() as cluster:
        cluster.primary.execute(TABLE)
        load, lost = in_thread(load_through_failover(cluster, acknowledged=ACKNOWLEDGED_MIN))
    print(
        f"{len(load.acknowledged)} acknowledged, {len(load.unknown)} unknown, of which "
        f"{sum(load.unknown.values())} present; {len(load.refused)} refused; gap {load.gap_s:.2f} s"
    )
    assert lost == []
    assert len(load.acknowledged) >= ACKNOWLEDGED_MIN
    assert load.gap_s <= GAP_MAX_S


def test_the_check_sees_what_an_asynchronous_cluster_loses() -> None:
    with open_directory() as directory, QuorumCluster(directory, synchronous=False).running() as cluster:
        cluster.primary.execute(TABLE)
        cluster.wait_for_quorum()
        _, lost = in_thread(load_through_failover(cluster, acknowledged=1000, unsent=50))
    print(f"{len(lost)} losses seen")
    assert len(lost) >= 50
    assert all("acknowledged and is lost" in each for each in lost)


def test_a_failover_is_refused_while_one_survivor_is_silent() -> None:
    with open_directory() as directory, QuorumCluster(directory).running() as cluster:
        with pytest.raises(FailoverRefused, match="answers"):
            cluster.fail_over()
        cluster.primary.kill()
        cluster.standbys[0].stop()
        with pytest.raises(FailoverRefused, match="everything"):
            cluster.fail_over()
        assert cluster.standbys[1].is_standby()
