"""The original's table names, unqualified, as Grafana and old scripts use them (spec/telemetry.md 4.1, 12)."""

import asyncpg
import pytest
from structlog.testing import capture_logs
from tests.storage.telemetry_store import count, midnight, open_peer, said

from lamina.kernel.storage.database import Database
from lamina.services.telemetry.intake.purge import Purge
from lamina.services.telemetry.settings import TelemetrySettings
from lamina.services.telemetry.store import partitions
from lamina.services.telemetry.store.proof import verify
from lamina.services.telemetry.store.schema import publish_views

COLUMNS = {
    "peer_connections": {"id", "ip_addr", "peer_id", "created_at", "audit", "name", "chain", "version", "authority",
                         "startup_time", "implementation"},
    "tetcore_logs": {"id", "created_at", "logs", "peer_connection_id"},
    "substrate_logs": {"id", "created_at", "logs", "peer_connection_id"},
    "host_systems": {"id", "description", "os", "cpu_qty", "cpu_clock", "ram_mb", "disk_info"},
    "benchmarks": {"id", "setup", "created_at"},
    "benchmark_events": {"id", "benchmark_id", "name", "phase", "created_at"},
}  # fmt: skip


@pytest.fixture
async def database(telemetry_database: Database) -> Database:
    await partitions.ensure(telemetry_database, midnight().date())
    await publish_views(telemetry_database)
    return telemetry_database


async def test_every_name_is_readable_and_again_at_each_start(database: Database) -> None:
    await publish_views(database)
    for name, columns in COLUMNS.items():
        rows = await database.fetch(
            "test.columns",
            "SELECT attname FROM pg_attribute WHERE attrelid = ('public.' || $1)::regclass AND attnum > 0", name,
        )  # fmt: skip
        assert {row["attname"] for row in rows} >= columns
        assert list(await database.fetch("test.read", f"SELECT * FROM {name}")) == []


async def test_what_is_inserted_by_the_original_names_is_ours(database: Database, telemetry_dsn: str) -> None:
    outside = await asyncpg.connect(telemetry_dsn)
    try:
        peer = await outside.fetchval(
            "INSERT INTO peer_connections (ip_addr, peer_id) VALUES ('127.0.0.1:1', 'Qm1') RETURNING id"
        )
        for table in ("tetcore_logs", "substrate_logs"):
            await outside.execute(
                f'INSERT INTO {table} (logs, peer_connection_id) VALUES (\'{{"msg":"x"}}\', $1)', peer
            )
        system = await outside.fetchval(
            "INSERT INTO host_systems (description, os, cpu_qty, cpu_clock, ram_mb, disk_info) "
            "VALUES ('', '', 1, 1, 1, '') RETURNING id"
        )
        benchmark = await outside.fetchval(
            "INSERT INTO benchmarks (setup, host_system_id) VALUES ('{}', $1) RETURNING id", system
        )
        await outside.execute(
            "INSERT INTO benchmark_events (benchmark_id, name, phase) VALUES ($1, 'n', 'start')", benchmark
        )
    finally:
        await outside.close()
    assert {name: await count(database, name) for name in ("peer_connections", "tetcore_logs", "benchmark_events")} == {
        "peer_connections": 1, "tetcore_logs": 2, "benchmark_events": 1,
    }  # fmt: skip
    rows = await database.fetch(
        "test.rows",
        "SELECT id, created_at > (now() AT TIME ZONE 'utc') - interval '1 minute' AS is_now FROM tetcore_logs",
    )
    assert all(row["is_now"] for row in rows)
    assert len({row["id"] for row in rows}) == 2
    peer = await open_peer(database)
    await said(database, peer, [midnight()] * 50)
    assert len({row["id"] for row in await database.fetch("test.ids", "SELECT id FROM tetcore_logs")}) == 52


async def test_the_dashboards_questions_are_answered(database: Database) -> None:
    peer = await open_peer(database)
    await said(database, peer, [midnight()] * 3)
    rows = await database.fetch(
        "test.dashboard",
        "SELECT l.created_at AS time, l.logs->>'msg' AS msg, c.ip_addr FROM substrate_logs l "
        "JOIN peer_connections c ON c.id = l.peer_connection_id WHERE l.logs->>'msg' = 'x' "
        "AND l.created_at BETWEEN $1 AND $2",
        midnight(-1).replace(tzinfo=None), midnight(1).replace(tzinfo=None),
    )  # fmt: skip
    assert len(rows) == 3
    split = await database.fetchval("test.split", "SELECT split_part(ip_addr, ':', 1) FROM peer_connections")
    assert split == "127.0.0.1"


async def test_a_table_of_the_original_stays_and_is_named(telemetry_database: Database) -> None:
    await telemetry_database.store("test.make", "CREATE TABLE public.tetcore_logs (id serial, old text)")
    await telemetry_database.store("test.fill", "INSERT INTO public.tetcore_logs (old) VALUES ('kept')")
    with capture_logs() as logs:
        await publish_views(telemetry_database)
    assert await telemetry_database.fetchval("test.old", "SELECT old FROM tetcore_logs") == "kept"
    assert await telemetry_database.fetchval("test.view", "SELECT count(*) FROM substrate_logs") == 0
    (warning,) = [entry for entry in logs if entry["log_level"] == "warning"]
    assert warning["table"] == "tetcore_logs"
    assert "RENAME" in warning["hint"]


async def test_views_do_not_keep_days_from_being_dropped(database: Database) -> None:
    peer = await open_peer(database)
    await said(database, peer, [midnight(-1), midnight()])
    await Purge(database, TelemetrySettings()).once(0)
    assert await database.fetchval("test.left", "SELECT count(*) FROM tetcore_logs") == 0


async def test_a_proof_finds_messages_of_nobody(database: Database) -> None:
    peer = await open_peer(database)
    await said(database, peer, [midnight()] * 5)
    whole = await verify(database, lambda *_: None)
    assert (whole.checked["messages"], whole.flaw_count) == (5, 0)
    await database.store("test.break", "DELETE FROM telemetry.peer_connections")
    broken = await verify(database, lambda *_: None)
    assert broken.flaw_count == 1
    assert str(peer.row_id) in broken.flaws[0]
