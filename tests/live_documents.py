"""Stored documents of nodes for tests of the live view, and what goes with them."""

from collections.abc import Sequence
from typing import Any

from lamina.services.telemetry.live.changes import Change
from lamina.services.telemetry.live.view import LiveView

GENESIS = "0x" + "aa" * 32
OTHER_GENESIS = "0x" + "bb" * 32
NO_HASH = "0x" + "00" * 32
T0 = 1_700_000_000_000


def block_hash(height: int) -> str:
    return f"0x{height:064x}"


def connected(name: str = "alice", **fields: Any) -> dict[str, Any]:
    return {
        "msg": "system.connected",
        "ts": "2021-03-01T00:00:00Z",
        "name": name,
        "chain": "Development",
        "genesis_hash": GENESIS,
        "implementation": "Node",
        "version": "2.1.2",
        "network_id": f"12D3KooW{name}",
        **fields,
    }


def block(height: Any, **fields: Any) -> dict[str, Any]:
    best = block_hash(height) if isinstance(height, int) else NO_HASH
    return {"msg": "block.import", "height": height, "best": best, "origin": "Own", **fields}


def finalized(height: int, **fields: Any) -> dict[str, Any]:
    return {"msg": "notify.finalized", "height": str(height), "best": block_hash(height), **fields}


def interval(**fields: Any) -> dict[str, Any]:
    return {"msg": "system.interval", **fields}


def hear(
    view: LiveView, now_ms: int, connection: Any, document: dict[str, Any], ip: str | None = None
) -> Sequence[Change]:
    return view.hear(now_ms, connection, document.get("telemetry_id"), ip, document)


def kinds(changes: Sequence[Change]) -> list[str]:
    return [type(change).__name__ for change in changes]
