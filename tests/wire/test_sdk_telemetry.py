"""`lamina.sdk.telemetry` against a running receiver: what is sent is found again, by both clients."""

import secrets
from collections import defaultdict
from datetime import UTC, datetime, timedelta

import pytest
from tests.receiving import Receiver, receiving
from tests.telemetry_service import Telemetry, wait_until
from websockets.sync.server import ServerConnection

from lamina.sdk.telemetry import (
    AsyncTelemetryClient,
    Identity,
    NotFound,
    NotRead,
    Refused,
    TelemetryClient,
    TelemetryError,
)


def invented() -> Identity:
    return Identity(
        f"Qm{secrets.token_hex(20)}", "Alice", "Chain of the SDK", genesis_hash=f"0x{secrets.token_hex(32)}"
    )


def heights(client: TelemetryClient) -> dict[str | None, int]:
    """How far each chain is, as far as is known."""
    return defaultdict(int, {each["genesis_hash"]: each["best"]["height"] for each in client.chains()})


def test_what_a_node_sends_is_found_again(telemetry: Telemetry) -> None:
    identity, begin = invented(), datetime.now(UTC)
    with TelemetryClient(telemetry.platform.telemetry_url) as client:
        with client.send(identity) as node:
            node.send("block.import", height=1, best=f"0x{1:064x}", origin="Own")
            node.send("system.interval", at=begin - timedelta(hours=1), peers=7)
            node.flush()
            assert identity.genesis_hash is not None
            wait_until(lambda: heights(client)[identity.genesis_hash] == 1)
            (live,) = client.chain_nodes(identity.genesis_hash, name="ali", stale=False)
            assert (live["name"], live["best"]["height"]) == ("Alice", 1)
            assert "version" in client.chain_statistics(identity.genesis_hash)
        telemetry.wait_stored(identity.network_id, 3)
        (shown,) = [each for each in client.nodes() if each["peer_id"] == identity.network_id]
        assert (shown["name"], shown["audit"], shown["authority"]) == ("Alice", False, False)
        (block,) = client.logs(identity.network_id, msg="block.import", start_time=begin)
        assert (block["logs"]["height"], block["logs"]["origin"]) == (1, "Own")
        old = client.logs(identity.network_id, end_time=begin - timedelta(minutes=1))
        assert [each["msg"] for each in old] == ["system.interval"]
        ((_, peers),) = client.series(identity.network_id, "peers", aggregate="max")
        assert peers == 7
        assert {each["log_type"]: each["qty"] for each in client.log_stats(identity.network_id)} == {
            "block.import": 1, "system.connected": 1, "system.interval": 1,
        }  # fmt: skip


def test_reputations_benchmarks_and_sizes(telemetry: Telemetry) -> None:
    identity, other = invented(), "Qm'other\""
    with TelemetryClient(telemetry.platform.telemetry_url) as client:
        with client.send(identity, audit=True) as node:
            nodes = {other: {"connected": True, "reputation": -3}}
            node.send("system.network_state", state={"peerset": {"nodes": nodes}})
        telemetry.wait_stored(identity.network_id, 2)
        (reported,) = client.reputation_of(other, limit=5)
        assert (reported["reporting_peer"], reported["reputation"]) == (identity.network_id, -3)
        (mine,) = [each for each in client.reputations() if each["reporting_peer"] == identity.network_id]
        assert mine["remote_peer"] == [other]
        logged = client.reputations(logged=True, max_age_s=600)
        assert identity.network_id not in {each["reporting_peer"] for each in logged}
        system = client.add_host_system(
            {"description": "d", "os": "o", "cpu_qty": 1, "cpu_clock": 2, "ram_mb": 3, "disk_info": "i"}
        )
        assert system in client.host_systems()
        benchmark = client.add_benchmark({"tetcore": {"peerId": identity.network_id}})
        event = client.add_benchmark_event(
            benchmark["id"], "warmup", "start", datetime(2020, 1, 1, tzinfo=UTC)
        )
        assert client.benchmark_events(benchmark["id"]) == [event]
        assert client.benchmark_targets(benchmark["id"]) == []
        assert benchmark in client.benchmarks()
        assert any(each["relation"].endswith("peer_connections") for each in client.sizes())


def test_errors_are_exceptions(telemetry: Telemetry) -> None:
    with TelemetryClient(telemetry.platform.telemetry_url) as client:
        with pytest.raises(NotFound, match="There is no such chain now"):
            client.chain_nodes("0x00")
        with pytest.raises(Refused, match="Json deserialize error"):
            client.add_host_system({"os": "x"})  # pyright: ignore[reportArgumentType]
        with pytest.raises(TelemetryError) as caught:
            client.add_benchmark_event(2**31 - 1, "a", "b", datetime(2020, 1, 1, tzinfo=UTC))
        assert caught.value.status == 500


async def test_the_async_client_does_the_same(telemetry: Telemetry) -> None:
    identity = invented()
    async with AsyncTelemetryClient(telemetry.platform.telemetry_url) as client:
        async with client.send(identity) as node:
            await node.send("block.import", height=2)
            await node.flush()
        telemetry.wait_stored(identity.network_id, 2)
        (block,) = await client.logs(identity.network_id, msg="block.import")
        assert block["logs"]["height"] == 2
        assert identity.network_id in {each["peer_id"] for each in await client.nodes()}
        with pytest.raises(NotFound):
            await client.chain_statistics("0x00")


def after_two(receiver: Receiver, connection: ServerConnection) -> None:
    """Read two messages, then be gone without a word on what else came."""
    for count, _ in enumerate(receiver.read(connection), start=1):
        if count == 2:
            connection.close(1011, "over")
            return


def test_a_connection_that_ends_early_is_told() -> None:
    with receiving(after_two) as receiver, TelemetryClient(receiver.url.replace("ws", "http", 1)) as client:
        with pytest.raises(NotRead, match=r"1011 over|cut off") as caught:
            send_much(client)
        assert caught.value.count > 2


def send_much(client: TelemetryClient) -> None:
    with client.send(invented()) as node:
        for height in range(100_000):
            node.send("block.import", height=height)


async def test_it_is_told_by_the_async_client_too() -> None:
    with receiving(after_two) as receiver:
        async with AsyncTelemetryClient(receiver.url.replace("ws", "http", 1)) as client:
            with pytest.raises(NotRead, match=r"1011 over|cut off"):
                await send_much_async(client)


async def send_much_async(client: AsyncTelemetryClient) -> None:
    async with client.send(invented()) as node:
        for height in range(100_000):
            await node.send("block.import", height=height)


def test_an_address_that_is_not_allowed_is_told(telemetry: Telemetry) -> None:
    with TelemetryClient(f"{telemetry.platform.telemetry_url}/nowhere") as client:
        with pytest.raises(TelemetryError) as caught, client.send(invented()):
            pass
        assert caught.value.status == 404
