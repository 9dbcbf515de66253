"""Benchmarks of both generations, and their events (spec/telemetry.md 6.7)."""

from collections.abc import Mapping, Sequence
from typing import Any

from lamina.kernel.storage.database import Database, Record

_COLUMNS = """
    id, setup::text AS setup, created_at, ts_start, ts_end, description, chain_spec::text AS chain_spec,
    benchmark_spec::text AS benchmark_spec, host_system_id
"""
_EVENT = "id, benchmark_id, name, phase, created_at"


async def list_all(database: Database, timeout_s: float) -> Sequence[Record]:
    """All of them, the newest first."""
    return await database.fetch(
        "telemetry.list_benchmarks",
        f"SELECT {_COLUMNS} FROM telemetry.benchmarks ORDER BY created_at DESC, id DESC",
        timeout_s=timeout_s,
    )


async def insert(database: Database, benchmark: Mapping[str, Any]) -> Record:
    """Store one; returns it as it is stored.

    Args:
        database: where.
        benchmark: `setup`, `chain_spec` and `benchmark_spec` are JSON text.

    Raises:
        RowsRefused: there is no such host system.
    """
    rows = await database.store(
        "telemetry.insert_benchmark",
        f"""
        INSERT INTO telemetry.benchmarks
               (setup, ts_start, ts_end, description, chain_spec, benchmark_spec, host_system_id)
        VALUES ($1::text::jsonb, $2, $3, $4, $5::text::jsonb, $6::text::jsonb, $7) RETURNING {_COLUMNS}
        """,
        benchmark.get("setup", "{}"),
        *(
            benchmark.get(name)
            for name in (
                "ts_start",
                "ts_end",
                "description",
                "chain_spec",
                "benchmark_spec",
                "host_system_id",
            )
        ),
    )
    return rows[0]


async def find_peer(database: Database, benchmark_id: int, timeout_s: float) -> str | None:
    """The peer that a benchmark's setup names."""
    rows = await database.fetch(
        "telemetry.find_benchmark_peer",
        """
        SELECT coalesce(setup #>> '{tetcore,peerId}', setup #>> '{substrate,peerId}') AS peer_id
          FROM telemetry.benchmarks WHERE id = $1
        """,
        benchmark_id,
        timeout_s=timeout_s,
    )
    return rows[0]["peer_id"] if rows else None


async def list_events(database: Database, benchmark_id: int, timeout_s: float) -> Sequence[Record]:
    """A benchmark's events by name."""
    return await database.fetch(
        "telemetry.list_benchmark_events",
        f"SELECT {_EVENT} FROM telemetry.benchmark_events WHERE benchmark_id = $1 ORDER BY name, id",
        benchmark_id,
        timeout_s=timeout_s,
    )


async def insert_event(database: Database, event: Mapping[str, Any]) -> Record:
    """Store an event; returns it with its id.

    Raises:
        RowsRefused: there is no such benchmark.
    """
    rows = await database.store(
        "telemetry.insert_benchmark_event",
        f"""
        INSERT INTO telemetry.benchmark_events (benchmark_id, name, phase, created_at)
        VALUES ($1, $2, $3, $4) RETURNING {_EVENT}
        """,
        event["benchmark_id"],
        event["name"],
        event["phase"],
        event["created_at"],
    )
    return rows[0]
