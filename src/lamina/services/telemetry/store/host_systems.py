"""Machines that benchmarks ran on."""

from collections.abc import Mapping, Sequence
from typing import Any

from lamina.kernel.storage.database import Database, Record

_COLUMNS = "id, description, os, cpu_qty, cpu_clock, ram_mb, disk_info"


async def list_all(database: Database, timeout_s: float) -> Sequence[Record]:
    """All of them, by id."""
    return await database.fetch(
        "telemetry.list_host_systems",
        f"SELECT {_COLUMNS} FROM telemetry.host_systems ORDER BY id",
        timeout_s=timeout_s,
    )


async def insert(database: Database, system: Mapping[str, Any]) -> Record:
    """Store one; returns it with its id."""
    rows = await database.store(
        "telemetry.insert_host_system",
        f"""
        INSERT INTO telemetry.host_systems (description, os, cpu_qty, cpu_clock, ram_mb, disk_info)
        VALUES ($1, $2, $3, $4, $5, $6) RETURNING {_COLUMNS}
        """,
        *(system[name] for name in ("description", "os", "cpu_qty", "cpu_clock", "ram_mb", "disk_info")),
    )
    return rows[0]
