"""Telemetry's OpenAPI document against the running receiver: what it answers is what the document tells of."""

from typing import Any

import httpx
import pytest
from tests.described_answers import holds, response_of
from tests.telemetry_service import Telemetry, wait_until

from lamina.sdk.telemetry import Identity, TelemetryClient

GENESIS = "0x" + "de5c" * 16
PEER = "12D3KooWDescribedInTheOpenApiDocument"
UNDESCRIBED = {"/", "/audit", "/submit"}
"""Paths of the intake, which are told of in prose; pages are not of the API either."""


@pytest.fixture(scope="module")
def document(telemetry: Telemetry) -> dict[str, Any]:
    return telemetry.get("/lamina/openapi.json")


@pytest.fixture(scope="module")
def benchmark(telemetry: Telemetry) -> int:
    """Something to find under every path; its benchmark's number."""
    with TelemetryClient(telemetry.platform.telemetry_url) as client:
        with client.send(Identity(PEER, "Alice", "Described", genesis_hash=GENESIS)) as node:
            node.send("block.import", height=1, best=f"0x{1:064x}", origin="Own")
            node.send("system.interval", peers=3)
            node.send("tracing.profiling", target="pallet_babe", name="x", time=1)
            nodes = {"QmOther": {"connected": True, "reputation": -3}}
            node.send("system.network_state", state={"peerset": {"nodes": nodes}})
            node.flush()
            wait_until(lambda: GENESIS in {each["genesis_hash"] for each in client.chains()})
            telemetry.wait_stored(PEER, 5)
            LIVE.update({path: telemetry.http.get(path) for path in live_paths()})
        client.add_host_system(
            {"description": "d", "os": "o", "cpu_qty": 1, "cpu_clock": 2, "ram_mb": 3, "disk_info": "i"}
        )
        return client.add_benchmark({"tetcore": {"peerId": PEER}})["id"]


LIVE: dict[str, httpx.Response] = {}


def live_paths() -> list[str]:
    return [
        "/live/chains",
        f"/live/chains/{GENESIS}/nodes?name=ALICE&stale=false",
        f"/live/chains/{GENESIS}/stats",
    ]


def test_every_json_route_is_described_and_every_described_operation_is_routed(
    telemetry: Telemetry, document: dict[str, Any]
) -> None:
    for path, item in document["paths"].items():
        spelled = path.replace("{", "").replace("}", "")
        allowed = set(telemetry.http.options(spelled).headers["allow"].split(", "))
        assert allowed == {
            "OPTIONS",
            *(method.upper() for method in item),
            *({"HEAD"} if "get" in item else ()),
        }
        assert path not in UNDESCRIBED


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/nodes", "/nodes"),
        ("/nodes/log_stats", f"/nodes/log_stats?peer_id={PEER}"),
        ("/nodes/logs", f"/nodes/logs?peer_id={PEER}&start_time=2020-01-01T00:00:00Z&limit=3"),
        ("/nodes/{peer_id}/series", f"/nodes/{PEER}/series?field=peers&agg=p90"),
        ("/reputation", "/reputation?max_age_s=6000"),
        ("/reputation/{peer_id}", "/reputation/QmOther"),
        ("/reputation/mock/{qty}", "/reputation/mock/3"),
        ("/host_systems", "/host_systems"),
        ("/host_systems/example", "/host_systems/example"),
        ("/benchmarks", "/benchmarks"),
        ("/benchmarks/example", "/benchmarks/example"),
        ("/stats/db", "/stats/db"),
        ("/stats/version", "/stats/version"),
        ("/health", "/health"),
        ("/metrics", "/metrics"),
        ("/lamina/openapi.json", "/lamina/openapi.json"),
        ("/lamina/docs", "/lamina/docs"),
    ],
)
def test_an_answer_is_as_described(
    telemetry: Telemetry, document: dict[str, Any], benchmark: int, path: str, asked: str
) -> None:
    answer = telemetry.http.get(asked)
    assert answer.status_code == 200, answer.text
    assert answer.text not in {"", "[]"}
    holds(document, answer, path)
    if "text/csv" in response_of(document, path, "get", 200)["content"]:
        table = telemetry.http.get(asked, headers={"Accept": "text/csv"})
        assert table.headers["content-type"] == "text/csv; charset=utf-8"
        holds(document, table, path)


def test_what_is_live_is_as_described(document: dict[str, Any], benchmark: int) -> None:
    names = ("/live/chains", "/live/chains/{genesis}/nodes", "/live/chains/{genesis}/stats")
    for path, asked in zip(names, live_paths(), strict=True):
        assert LIVE[asked].status_code == 200
        assert LIVE[asked].json()
        holds(document, LIVE[asked], path)


def test_refusals_are_as_described(telemetry: Telemetry, document: dict[str, Any], benchmark: int) -> None:
    http = telemetry.http
    holds(document, http.get("/live/chains/0x00/nodes"), "/live/chains/{genesis}/nodes")
    holds(document, http.get("/reputation/%00"), "/reputation/{peer_id}")
    holds(document, http.delete("/nodes"), "/nodes")
    for body, status in ((b"{", 400), (b'{"os":1}', 400), (b" " * 1_048_577, 413)):
        answer = http.post("/host_systems", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == status
        holds(document, answer, "/host_systems", "post")
    nowhere = {"benchmark_id": 2**31 - 1, "name": "a", "phase": "b", "created_at": "2020-01-01T00:00:00"}
    answer = http.post("/benchmarks/events", json=nowhere)
    assert answer.status_code == 500
    holds(document, answer, "/benchmarks/events", "post")


def test_the_examples_can_be_posted(telemetry: Telemetry, document: dict[str, Any], benchmark: int) -> None:
    for path in ("/host_systems", "/benchmarks", "/benchmarks/events"):
        example = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["example"]
        answer = telemetry.http.post(path, json=example)
        assert answer.status_code == 200, answer.text
        holds(document, answer, path, "post")
    events = telemetry.http.get("/benchmarks/1/events")
    assert events.json()
    holds(document, events, "/benchmarks/{id}/events")
    targets = telemetry.http.get(f"/benchmarks/{benchmark}/targets")
    assert targets.json() == [{"target": "pallet_babe"}]
    holds(document, targets, "/benchmarks/{id}/targets")
