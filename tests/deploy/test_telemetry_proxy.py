"""Two real receivers on one database behind a real nginx with the shipped locations."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from tests.deploy.nginx_program import check, program, running
from tests.deploy.shipped import DEPLOY, settings_of
from tests.postgres_server import drop_database, free_port, new_database
from tests.process.command import Home
from tests.running_platform import RunningPlatform, open_directory
from tests.telemetry_messages import Node
from tests.telemetry_service import Telemetry, frames, wait_until
from tests.websocket_frames import Refused, WebSocket

from lamina.services.telemetry.settings import TelemetrySettings, address

NGINX = DEPLOY / "nginx"
LOCATIONS = NGINX / "telemetry-locations.conf"
SITE = NGINX / "telemetry.conf"
CONTAINER = DEPLOY / "container" / "telemetry-proxy.conf"
INCLUDED = "/etc/nginx/lamina/telemetry-locations.conf"
ALLOWED, REFUSED, READER = "127.0.0.5", "127.0.0.6", "127.0.0.1"
NODES, MESSAGES = 24, 40


def moved(text: str, changes: dict[str, str]) -> str:
    for before, after in changes.items():
        assert before in text, before
        text = text.replace(before, after)
    return text


def container_configuration(folder: Path, port: int, receivers: list[int]) -> Path:
    """The proxy of the compose file; only one loopback address may read, so that others can be refused."""
    (folder / "locations.conf").write_text(
        moved(LOCATIONS.read_text(), {"allow 127.0.0.0/8;": f"allow {READER};"})
    )
    changes = {
        "/tmp/": f"{folder}/",
        "receiver1:8080": f"127.0.0.1:{receivers[0]}",
        "receiver2:8080": f"127.0.0.1:{receivers[1]}",
        "listen 8080;": f"listen 127.0.0.1:{port};",
        INCLUDED: f"{folder}/locations.conf",
        "/dev/stderr": f"{folder}/error.log",
        "worker_rlimit_nofile 65536;": "",
        "worker_connections 16384;": "worker_connections 512;",
        "worker_processes auto;": "worker_processes 1; daemon off;",
    }
    (folder / "nginx.conf").write_text(moved(CONTAINER.read_text(), changes))
    return folder / "nginx.conf"


@pytest.mark.parametrize("marker", ["", "#allow ", "#plain "])
def test_nginx_accepts_the_site_with_every_option(tmp_path: Path, marker: str) -> None:
    program()
    home = Home(tmp_path)
    for args in (("ca", "ca"), ("node", "ca", "telemetry", "--host", "localhost")):
        assert home.run("certs", *args).returncode == 0
    locations = LOCATIONS.read_text()
    assert marker in SITE.read_text() + locations
    if marker:
        locations = locations.replace(marker, "")
    (tmp_path / "locations.conf").write_text(locations)
    changes = {
        "/etc/nginx/tls/telemetry.crt": f"{tmp_path}/ca/nodes/telemetry.crt",
        "/etc/nginx/tls/telemetry.key": f"{tmp_path}/ca/nodes/telemetry.key",
        "/var/log/nginx/": f"{tmp_path}/",
        INCLUDED: f"{tmp_path}/locations.conf",
        "listen 443 ssl;": f"listen 127.0.0.1:{free_port()} ssl;",
        "    listen [::]:443 ssl;\n": "",
        "#plain listen [::]:8000;": "",
        "listen 8000;": f"listen 127.0.0.1:{free_port()};",
    }
    site = moved(SITE.read_text(), changes)
    if marker:
        site = site.replace(marker, "")
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/pid; error_log {tmp_path}/error.log; events {{ worker_connections 64; }} http {{ {site} }}"
    )
    assert check(tmp_path, tmp_path / "nginx.conf") == ""


def test_the_site_leads_to_the_default_port_of_a_receiver() -> None:
    port = address(settings_of({}))[1]
    assert re.findall(r"^    server 127\.0\.0\.1:(\d+) ", SITE.read_text(), flags=re.MULTILINE) == [str(port)]
    assert f"/etc/nginx/lamina/{LOCATIONS.name}" == INCLUDED
    assert f"include {INCLUDED};" in SITE.read_text()


def test_timeouts_outlast_what_receivers_do() -> None:
    """A paused receiver neither reads nor pings; a query may take its whole time."""
    telemetry = settings_of({}).get(TelemetrySettings)
    nodes, _, readers = LOCATIONS.read_text().partition("location ~")[2].partition("location / {")
    assert re.findall(r"proxy_(?:read|send)_timeout +(\w+);", nodes) == ["1h", "1h"]
    (read, send) = re.findall(r"proxy_(?:read|send)_timeout +(\d)m;", readers)
    assert min(int(read), int(send)) * 60 > telemetry.query_timeout_s
    assert f"client_max_body_size  {telemetry.body_bytes_max // 2**20}m;" in readers


@dataclass
class Cluster:
    """The proxy, and the receivers behind it."""

    port: int
    receivers: list[Telemetry]

    def http(self, source: str = READER) -> httpx.Client:
        transport = httpx.HTTPTransport(local_address=source)
        return httpx.Client(base_url=f"http://127.0.0.1:{self.port}", transport=transport, timeout=30)

    def node(self, path: str = "/", *headers: str, source: str = ALLOWED) -> WebSocket:
        return WebSocket(self.port, path, *headers, source=source)

    def connected(self) -> list[float]:
        return [each.metrics()["current_tetcore_connections"] for each in self.receivers]

    def row(self, peer_id: str) -> dict[str, object]:
        with self.http() as client:
            return {row["peer_id"]: row for row in client.get("/nodes").json()}[peer_id]

    def stored(self, peer_id: str) -> int:
        with self.http() as client:
            answer = client.get("/nodes/log_stats", params={"peer_id": peer_id})
        return sum(row["qty"] for row in answer.json())


@pytest.fixture(scope="module")
def cluster(postgres: str) -> Iterator[Cluster]:
    """Started by the command and with the variables of the compose file."""
    program()
    with open_directory() as directory, ExitStack() as stack:
        dsn = new_database(postgres)
        stack.callback(drop_database, postgres, dsn)
        receivers = []
        for number in (1, 2):
            environment = {
                "DATABASE_URL": dsn,
                "TELEMETRY_ALLOWED_CIDRS": f"{ALLOWED}/32, 203.0.113.0/24",
                "TELEMETRY_TRUST_FORWARDED": "127.0.0.1/32",
                "LAMINA_HTTP__TRUSTED_PROXIES": "127.0.0.1/32",
            }
            platform = RunningPlatform(
                directory / f"data{number}", environment=environment, verb=("telemetry", "serve")
            )
            platform.dsn = None
            stack.callback(end, platform)
            receivers.append(Telemetry(platform))
            stack.callback(receivers[-1].http.close)
            platform.start()
        port = free_port()
        ports = [each.platform.telemetry_port for each in receivers]
        folder = directory / "nginx"
        folder.mkdir()
        with running(folder, container_configuration(folder, port, ports), port):
            yield Cluster(port, receivers)


def end(platform: RunningPlatform) -> None:
    if platform.process is not None and platform.process.poll() is None:
        assert platform.stop() == 0, platform.log_tail()


def test_nodes_are_spread_and_everything_they_say_is_found_through_either(cluster: Cluster) -> None:
    nodes = [Node(4000 + number, envelope=number % 2 or None) for number in range(NODES)]
    sockets = [cluster.node("/audit" if number % 3 else "/") for number in range(NODES)]
    assert min(cluster.connected()) >= NODES / 2 - 1
    for node, socket in zip(nodes, sockets, strict=True):
        socket.send(frames(node.talk(MESSAGES)))
        socket.close()
    for node in nodes:
        wait_until(
            lambda node=node: cluster.stored(node.peer_id) == MESSAGES, lambda: str(cluster.connected())
        )
    for receiver in cluster.receivers:
        assert [sum(receiver.stats(node.peer_id).values()) for node in nodes] == [MESSAGES] * NODES
    shares = [each.metrics()["telemetry_messages_stored_total"] for each in cluster.receivers]
    assert min(shares) >= MESSAGES
    assert sum(shares) == MESSAGES * NODES
    assert [cluster.row(node.peer_id)["audit"] for node in nodes] == [bool(n % 3) for n in range(NODES)]


def test_a_node_is_recorded_under_its_own_address_whatever_it_claims(cluster: Cluster) -> None:
    node = Node(4100)
    claims = ("Forwarded: for=198.51.100.1", "X-Forwarded-For: 198.51.100.2", "X-Real-IP: 198.51.100.3")
    with cluster.node("/submit", *claims) as socket:
        socket.send(frames([node.hello()]))
        wait_until(lambda: cluster.stored(node.peer_id) == 1)
    assert cluster.row(node.peer_id)["ip_addr"] == ALLOWED


@pytest.mark.parametrize("claim", ["Forwarded: for={}", "X-Forwarded-For: {}", "X-Real-IP: {}"])
@pytest.mark.parametrize("path", ["/", "/audit/", "/telemetry/submit", "//audit"])
def test_the_allow_list_cannot_be_talked_past(cluster: Cluster, claim: str, path: str) -> None:
    with pytest.raises(Refused) as refused:
        cluster.node(path, claim.format("203.0.113.7"), source=REFUSED)
    assert refused.value.status == 403


@pytest.mark.parametrize(
    "path",
    [
        "/nodes",
        "/audit/../nodes",
        "//nodes",
        "/stats/db",
        "/feed",
        "/live",
        "/telemetry/nodes",
        "/dashboard/live",
    ],
)
def test_who_may_connect_a_node_may_not_read(cluster: Cluster, path: str) -> None:
    with pytest.raises(Refused) as refused:
        cluster.node(path, source=ALLOWED)
    assert refused.value.status == 403


@pytest.mark.parametrize(
    "path", ["/metrics", "/metrics/", "/telemetry/metrics", "/telemetry//metrics", "/%6detrics"]
)
def test_metrics_are_the_receivers_own(cluster: Cluster, path: str) -> None:
    with cluster.http() as client:
        assert client.get(path).status_code == 404


def test_readers_get_pages_answers_and_feeds(cluster: Cluster) -> None:
    with cluster.http() as client:
        assert client.get("/health").text == "OK"
        assert client.get("/", headers={"accept": "text/html"}).headers["location"] == "/dashboard/live"
        created = client.post("/benchmarks", json={"setup": {"note": "x" * 900_000}})
        assert created.status_code == 200, created.text
    with cluster.node("/live", source=READER) as feed:
        assert b'"git_hash"' in feed.read_frame()[1]


def test_nodes_find_the_receiver_that_is_left(cluster: Cluster) -> None:
    """Last: it ends one."""
    victim, survivor = (each.platform for each in cluster.receivers)
    victim.kill()
    nodes = [Node(4200 + number) for number in range(6)]
    for node in nodes:
        with cluster.node() as socket:
            socket.send(frames(node.talk(10)))
            socket.close()
    for node in nodes:
        wait_until(lambda node=node: cluster.stored(node.peer_id) == 10, survivor.log_tail)
