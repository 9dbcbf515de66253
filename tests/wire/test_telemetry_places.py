"""Where nodes are: by a city database that the operator names (spec/telemetry.md B.2)."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.city_database import city, write_database
from tests.running_platform import RunningPlatform, open_directory
from tests.telemetry_service import Telemetry, frames, telemetry_running, wait_until

GENESIS = "0x" + "ab" * 32
_names = (f"node {number}" for number in itertools.count())


@pytest.fixture(scope="module")
def telemetry(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Telemetry]:
    path = write_database(
        tmp_path_factory.mktemp("places") / "city.mmdb",
        {
            "203.0.113.0/25": city(48.8566, 2.3522, "Paris"),
            "203.0.113.128/25": city(-33.9, 18.4, None),
            "2001:db8::/32": city(35.6, 139.7, "Tokyo"),
            "198.51.100.0/24": {"country": {"iso_code": "XX"}},
            "192.0.2.0/24": "a text, no record",
        },
    )
    with telemetry_running(
        postgres, city_database=path, trust_forwarded="127.0.0.0/8", cache_update_interval_ms=100,
        expose_node_details=True,
    ) as running:  # fmt: skip
        yield running


def hello(name: str) -> dict[str, Any]:
    return {
        "msg": "system.connected", "name": name, "chain": "Testnet", "genesis_hash": GENESIS, "config": "",
        "implementation": "Node", "version": "2", "authority": False, "network_id": f"12D3KooW{name}",
        "ts": "2021-03-01T12:00:00Z",
    }  # fmt: skip


def node_of(telemetry: Telemetry, name: str) -> dict[str, Any] | None:
    answer = telemetry.http.get(f"/live/chains/{GENESIS}/nodes", params={"name": name})
    return answer.json()[0] if answer.status_code == 200 and answer.json() else None


def place_of(telemetry: Telemetry, *headers: str) -> dict[str, Any] | None:
    """Where the live view says that a node with these headers is."""
    name = next(_names)
    with telemetry.node("/submit", *headers) as node:
        node.send(frames([hello(name)]))
        wait_until(lambda: node_of(telemetry, name) is not None)
        shown = node_of(telemetry, name)
        assert shown is not None
        return shown["location"]


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("203.0.113.7", {"latitude": 48.8566, "longitude": 2.3522, "city": "Paris"}),
        ("203.0.113.200", {"latitude": -33.9, "longitude": 18.4, "city": ""}),
        ("[2001:db8::1]", {"latitude": 35.6, "longitude": 139.7, "city": "Tokyo"}),
        ("198.51.100.1", None),
        ("192.0.2.1", None),
        ("8.8.8.8", None),
    ],
)
def test_a_node_is_where_the_database_says(
    telemetry: Telemetry, address: str, place: dict[str, Any] | None
) -> None:
    assert place_of(telemetry, f'Forwarded: for="{address}"') == place


def test_this_machine_is_in_berlin(telemetry: Telemetry) -> None:
    assert place_of(telemetry) == {"latitude": 52.516666, "longitude": 13.4, "city": "Berlin"}


@pytest.mark.parametrize("content", [None, b"", b"no database at all", b"\xab\xcd\xefMaxMind.com"])
def test_a_file_that_is_no_database_ends_the_start(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "city.mmdb"
    if content is not None:
        path.write_bytes(content)
    with open_directory() as directory:
        platform = RunningPlatform(
            directory / "data",
            environment={"LAMINA_TELEMETRY__CITY_DATABASE": str(path)},
            args=("--services", "telemetry"),
        )
        platform.launch()
        assert platform.process is not None
        try:
            assert platform.process.wait(60) != 0
        finally:
            platform.kill()
        assert f"{path} cannot be read as a city database" in platform.log.read_text()
