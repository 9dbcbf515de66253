"""`deploy/nginx/lamina.conf` in a real nginx before a real platform: TLS, limits, the event stream."""

import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from tests.deploy.nginx_program import READY_TIMEOUT_S, check, running
from tests.deploy.shipped import DEPLOY, default_ports
from tests.postgres_server import free_port
from tests.process.command import Home
from tests.running_platform import RunningPlatform
from websockets.sync.client import connect

SOURCE = DEPLOY / "nginx" / "lamina.conf"
MAIN = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_processes 1;
events {{ worker_connections 256; }}
http {{
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    include {folder}/lamina.conf;
}}
"""


@dataclass
class Proxy:
    """The configuration in a directory, moved to free ports, with a certificate of its own authority."""

    folder: Path
    http: int = 9984
    stream: int = 9985

    def __post_init__(self) -> None:
        self.port, self.plain_port = free_port(), free_port()
        home = Home(self.folder)
        for args in (("ca", "ca"), ("node", "ca", "ledger", "--host", "localhost", "--host", "127.0.0.1")):
            assert home.run("certs", *args).returncode == 0
        self.trust = ssl.create_default_context(cafile=str(self.folder / "ca" / "ca.crt"))

    def write(self, text: str) -> Path:
        """The main configuration; paths and ports are this directory's and free ones."""
        moved = {
            "/etc/nginx/tls/ledger.crt": f"{self.folder}/ca/nodes/ledger.crt",
            "/etc/nginx/tls/ledger.key": f"{self.folder}/ca/nodes/ledger.key",
            "/etc/nginx/tls/ca.crt": f"{self.folder}/ca/ca.crt",
            "/etc/nginx/tls/crl.pem": f"{self.folder}/ca/crl.pem",
            "/etc/nginx/lamina-api-keys.map": f"{self.folder}/keys.map",
            "/var/log/nginx/": f"{self.folder}/",
            "    listen [::]:80;\n": "",
            "    listen [::]:443 ssl;\n": "",
            "listen 80;": f"listen 127.0.0.1:{self.plain_port};",
            "listen 443 ssl;": f"listen 127.0.0.1:{self.port} ssl;",
            "server 127.0.0.1:9984;": f"server 127.0.0.1:{self.http};",
            "server 127.0.0.1:9985;": f"server 127.0.0.1:{self.stream};",
        }
        for before, after in moved.items():
            assert before in text, before
            text = text.replace(before, after)
        (self.folder / "keys.map").write_text('"a-key" 1;\n')
        (self.folder / "lamina.conf").write_text(text)
        (self.folder / "nginx.conf").write_text(MAIN.format(folder=self.folder))
        return self.folder / "nginx.conf"


@pytest.fixture(scope="module")
def proxy(platform: RunningPlatform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """A running nginx in front of the platform."""
    folder = tmp_path_factory.mktemp("nginx")
    folder.chmod(0o755)
    made = Proxy(folder, 9984 + platform.offset, 9985 + platform.offset)
    with running(folder, made.write(SOURCE.read_text()), made.port):
        yield made


def client(proxy: Proxy) -> httpx.Client:
    return httpx.Client(base_url=f"https://localhost:{proxy.port}", verify=proxy.trust, trust_env=False)


def test_the_limits_are_those_the_specification_names() -> None:
    directives = dict(re.findall(r"^ {4}(\w+) +([^;]+);", SOURCE.read_text(), flags=re.MULTILINE))
    assert directives["client_max_body_size"] == "15k"
    assert directives["client_header_timeout"] == directives["client_body_timeout"] == "10s"
    assert directives["limit_req"] == "zone=lamina_requests burst=20 nodelay"
    assert "rate=10r/s;" in SOURCE.read_text()
    stream = SOURCE.read_text().partition("location /api/v1/streams/ {")[2].partition("}")[0]
    assert re.search(r"proxy_read_timeout +300s;", stream)
    ports = default_ports()
    assert re.findall(r"server 127\.0\.0\.1:(\d+);", SOURCE.read_text()) == [
        str(ports["http"]),
        str(ports["stream"]),
    ]


@pytest.mark.parametrize("marker", ["", "#key ", "#mtls "])
def test_nginx_accepts_it_with_every_option(tmp_path: Path, marker: str) -> None:
    text = SOURCE.read_text()
    assert marker in text
    configuration = Proxy(tmp_path).write(text.replace(marker, "") if marker else text)
    assert check(tmp_path, configuration) == ""


def test_the_ledger_answers_over_tls(proxy: Proxy) -> None:
    with client(proxy) as calls:
        answer = calls.get("/api/v1/")
    assert (answer.status_code, answer.headers["strict-transport-security"]) == (200, "max-age=31536000")
    assert "transactions" in answer.json()


def test_plain_http_is_sent_to_tls(proxy: Proxy) -> None:
    answer = httpx.get(f"http://127.0.0.1:{proxy.plain_port}/api/v1/?a=b", trust_env=False)
    assert (answer.status_code, answer.headers["location"]) == (308, "https://127.0.0.1/api/v1/?a=b")


def test_a_body_past_the_limit_is_refused_in_the_ledgers_words(proxy: Proxy) -> None:
    with client(proxy) as calls:
        answer = calls.post("/api/v1/transactions", content=b" " * (15 * 1024 + 1))
        assert (answer.status_code, answer.json()["status"]) == (413, 413)
        within = calls.post("/api/v1/transactions", content=b'{"a": "' + b"x" * 14_000 + b'"}')
    assert (within.status_code, within.json()["message"][:26]) == (400, "Invalid transaction schema")


def test_the_event_stream_is_upgraded(proxy: Proxy) -> None:
    url = f"wss://localhost:{proxy.port}/api/v1/streams/valid_transactions"
    with connect(url, ssl=proxy.trust, proxy=None) as stream:
        assert stream.ping().wait(READY_TIMEOUT_S)


def test_one_address_gets_its_burst_and_then_429(proxy: Proxy) -> None:
    with client(proxy) as calls:
        answers = [calls.get("/api/v1/") for _ in range(60)]
        refused = [each for each in answers if each.status_code == 429]
        assert {each.status_code for each in answers} == {200, 429}
        assert 10 <= len(refused) <= 45
        assert refused[0].json() == {"message": "Too many requests from this address", "status": 429}
        assert refused[0].headers["retry-after"] == "1"


def test_its_log_can_be_analysed(proxy: Proxy, tmp_path: Path) -> None:
    with client(proxy) as calls:
        calls.get("/api/v1/blocks/analysed")
    log = proxy.folder / "lamina-access.log"
    found = Home(tmp_path).json("logs", "analyse", str(log), "--json")
    assert found["lines"] >= 1
    assert found["lines_unreadable"] == 0
    assert found["slowest_routes"]
