"""Rows to the original's JSON (spec/telemetry.md 6): the only place with its field names."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from lamina.kernel.storage.database import Record
from lamina.services.telemetry.model.element import Element
from lamina.services.telemetry.model.interest import Pair

_NODE = (
    "id", "ip_addr", "peer_id", "created_at", "audit", "name", "chain", "version", "authority",
    "startup_time", "implementation", "genesis_hash", "target_os", "target_arch", "target_env",
)  # fmt: skip


def timestamp(moment: datetime) -> str:
    """Zone-less ISO text with the fewest of 0, 3 or 6 digits that show it (spec 6.1)."""
    micros = moment.microsecond
    return moment.isoformat(
        timespec="seconds" if not micros else "microseconds" if micros % 1000 else "milliseconds"
    )


def dumps(document: object) -> bytes:
    """One JSON document."""
    return orjson.dumps(document)


def node(row: Record) -> dict[str, Any]:
    """An element of `/nodes`."""
    shown = {name: row[name] for name in _NODE}
    shown["created_at"] = timestamp(row["created_at"])
    shown["sysinfo"] = _raw(row["sysinfo"])
    return shown


def log(peer_id: str, row: Record) -> dict[str, Any]:
    """An element of `/nodes/logs`."""
    return {
        "ip_addr": row["ip_addr"],
        "peer_id": peer_id,
        "msg": row["msg"],
        "created_at": timestamp(row["created_at"]),
        "logs": _raw(row["logs"]),
    }


def log_stat(row: Record) -> dict[str, Any]:
    """An element of `/nodes/log_stats`."""
    return {"qty": row["qty"], "log_type": "unknown" if row["msg"] is None else row["msg"]}


def reputations(row: Record) -> dict[str, Any]:
    """An element of `/reputation`: three parallel arrays."""
    return {
        "reporting_peer": row["peer_id"],
        "remote_peer": _raw(row["remote_peers"]),
        "reputation": _raw(row["reputations"]),
        "connected": _raw(row["connections"]),
        "ts": timestamp(row["created_at"]),
    }


def mock_reputations(reporter: str, peers: Sequence[str], invented: Sequence[int], ts: str) -> dict[str, Any]:
    """An element of `/reputation/mock/{qty}`."""
    shown = [(peer, value) for peer, value in zip(peers, invented, strict=True) if peer != reporter]
    return {
        "reporting_peer": reporter,
        "remote_peer": [peer for peer, _ in shown],
        "reputation": [value for _, value in shown],
        "connected": [True] * len(shown),
        "ts": ts,
    }


def reputation(row: Record) -> dict[str, Any]:
    """An element of `/reputation/{peer_id}`."""
    return {
        "reporting_peer": row["peer_id"],
        "reputation": _raw(row["reputation"]),
        "connected": _raw(row["connected"]),
        "ts": timestamp(row["created_at"]),
    }


def point(row: Record) -> tuple[str, float]:
    """An element of `/nodes/{peer_id}/series`."""
    return timestamp(row["ts"]), row["value"]


def table(elements: Iterable[Mapping[str, Any]], *, with_head: bool = True) -> bytes:
    """The same list as CSV (RFC 4180); what is no plain value is JSON in its cell."""
    text = io.StringIO()
    writer = csv.writer(text)
    for element in elements:
        if with_head:
            writer.writerow(element)
            with_head = False
        writer.writerow([_cell(value) for value in element.values()])
    return text.getvalue().encode()


def _cell(value: object) -> object:
    if value is None or isinstance(value, str):
        return value
    return orjson.dumps(value).decode()


def relation(row: Record) -> dict[str, Any]:
    """An element of `/stats/db`."""
    return {"relation": row["relation"], "size": row["size"]}


def host_system(row: Record) -> dict[str, Any]:
    """An element of `/host_systems`."""
    return dict(row.items())


def benchmark(row: Record) -> dict[str, Any]:
    """An element of `/benchmarks`: the keys of both generations."""
    return {
        "id": row["id"],
        "setup": _raw(row["setup"]),
        "created_at": timestamp(row["created_at"]),
        "ts_start": _time(row["ts_start"]),
        "ts_end": _time(row["ts_end"]),
        "description": row["description"],
        "chain_spec": _raw(row["chain_spec"]),
        "benchmark_spec": _raw(row["benchmark_spec"]),
        "host_system_id": row["host_system_id"],
    }


def benchmark_event(row: Record) -> dict[str, Any]:
    """An element of `/benchmarks/{id}/events`."""
    shown = dict(row.items())
    shown["created_at"] = timestamp(row["created_at"])
    return shown


def target(name: str) -> dict[str, str]:
    """An element of `/benchmarks/{id}/targets`."""
    return {"target": name}


def peer_message(pair: Pair, elements: Iterable[Element]) -> str:
    """An update of `/feed`."""
    peer_id, msg = pair
    data = [{**each.fields, "created_at": timestamp(each.created_at)} for each in elements]
    return orjson.dumps({"peer_message": {"peer_id": peer_id, "msg": msg}, "data": data}).decode()


def failure(text: str) -> bytes:
    """Why a POST failed."""
    return orjson.dumps({"error": text})


def query_failure() -> bytes:
    """What the original says of every read that failed."""
    return b'"Error while processing query"'


def array(elements: Iterable[Mapping[str, Any]]) -> bytes:
    """A JSON list."""
    return orjson.dumps(list(elements))


def parts(elements: Sequence[Mapping[str, Any]]) -> list[bytes]:
    """The elements of a list that is streamed."""
    return [orjson.dumps(element) for element in elements]


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else timestamp(moment)


def _raw(text: str | None) -> orjson.Fragment | None:
    """JSON that the database wrote already."""
    return None if text is None else orjson.Fragment(text)
