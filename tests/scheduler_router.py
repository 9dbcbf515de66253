"""A running router of the scheduler, and cheap stand-ins for the units behind it."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
from tests import plain_http
from tests.data_items import wallet
from tests.postgres_server import drop_database, new_database
from tests.running_platform import RunningPlatform, open_directory

from lamina.kernel.crypto.secret_file import create_secret

SEEN_WITHIN_S = 20.0
INTERVALS = {"schedulers_interval_s": 0.2, "unit_interval_s": 0.2, "unit_connect_timeout_s": 2}


class FakeUnit:
    """Answers `/health`, and whatever is posted with what it was told to answer; remembers what came."""

    def __init__(self) -> None:
        self.posted: list[tuple[str, Mapping[str, str], bytes]] = []
        self.answer: tuple[int, str, bytes] = (200, "application/json", b'{"id":"x","timestamp":1}')
        self.before_answer: Callable[[], None] = lambda: None
        self._server: ThreadingHTTPServer | None = None
        self._connections: list[socket.socket] = []
        self._port = 0
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Listen, always on the same port."""
        unit = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._answer(200, "text/plain", b"")

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", "0")))
                headers = {name.lower(): value for name, value in self.headers.items()}
                unit.posted.append((self.path, headers, body))
                unit.before_answer()
                with contextlib.suppress(OSError):
                    self._answer(*unit.answer)

            def _answer(self, status: int, kind: str, body: bytes) -> None:
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def process_request(self, request: Any, client_address: Any) -> None:
                unit._connections.append(request)
                super().process_request(request, client_address)

        self._server = Server(("127.0.0.1", self._port), Handler)
        self._port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """End every connection, and refuse new ones from now on."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._connections.clear()


class Router:
    """One router's door; redirects are not followed."""

    def __init__(self, platform: RunningPlatform) -> None:
        self.platform = platform
        self.url = f"http://127.0.0.1:{9001 + platform.offset}"
        self.http = plain_http.Client(base_url=self.url, timeout=60)

    def close(self) -> None:
        self.http.close()

    def post(self, item: bytes, **params: str) -> httpx.Response:
        return self.http.post("/", content=item, params=params)

    def place(self, item: bytes) -> str:
        """Post a spawn; returns the url of the unit it is sent to."""
        answer = self.post(item)
        assert answer.status_code == 307, answer.text
        assert answer.content == b""
        location = answer.headers["location"]
        assert location.endswith("/")
        return location[:-1]

    def location(self, path: str) -> str:
        answer = self.http.get(path)
        assert answer.status_code == 307, answer.text
        return answer.headers["location"]

    def error(self, answer: httpx.Response, status: int = 400) -> str:
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/json"
        return answer.json()["error"]

    def units(self) -> dict[str, dict[str, Any]]:
        answer = self.http.get("/lamina/units")
        assert answer.status_code == 200, answer.text
        return {unit["url"]: unit for unit in answer.json()["units"]}

    def wait_units(self, is_so: Callable[[dict[str, dict[str, Any]]], bool]) -> dict[str, dict[str, Any]]:
        """Until the units are as wanted."""
        deadline = time.monotonic() + SEEN_WITHIN_S
        while not is_so(units := self.units()):
            assert time.monotonic() < deadline, units
            time.sleep(0.05)
        return units

    def wait_serving(self) -> None:
        """Until it answers at all."""
        deadline = time.monotonic() + SEEN_WITHIN_S
        while True:
            with contextlib.suppress(httpx.TransportError):
                if self.http.get("/health").status_code == 200:
                    return
            assert time.monotonic() < deadline, self.platform.log_tail()
            time.sleep(0.05)

    def wait_up(self, *urls: str) -> None:
        """Until these units, and no others, are known to answer."""
        self.wait_units(lambda units: {url for url, unit in units.items() if unit["up"]} == set(urls))

    def wait_log(self, event: str) -> dict[str, Any]:
        deadline = time.monotonic() + SEEN_WITHIN_S
        while True:
            found = [each for each in self.platform.log_events() if each.get("event") == event]
            if found:
                return found[-1]
            assert time.monotonic() < deadline, self.platform.log_tail()
            time.sleep(0.05)


def write_list(path: Path, *entries: Mapping[str, object] | str) -> None:
    """Replace a scheduler list; an entry may be the url alone."""
    listed = [{"url": entry} if isinstance(entry, str) else dict(entry) for entry in entries]
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps(listed))
    beside.replace(path)


def write_wallet(directory: Path) -> Path:
    """The wallet that all units and routers share, where only its owner reads it."""
    path = directory / "shared.wallet.json"
    create_secret(path, wallet().jwk())
    return path


@contextlib.contextmanager
def fake_units(count: int) -> Iterator[Sequence[FakeUnit]]:
    """Cheap units, until the end of the block."""
    units = [FakeUnit() for _ in range(count)]
    try:
        yield units
    finally:
        for unit in units:
            unit.stop()


@contextlib.contextmanager
def database(server: str) -> Iterator[str]:
    """A database of its own, until the end of the block."""
    dsn = new_database(server)
    try:
        yield dsn
    finally:
        drop_database(server, dsn)


@contextlib.contextmanager
def router_running(dsn: str, listed: Path, *, is_ready: bool = True, **more: object) -> Iterator[Router]:
    """A router alone on a database, until the end of the block; one without units never becomes ready."""
    with open_directory() as directory:
        named = {"schedulers_path": listed, "wallet_path": write_wallet(directory)}
        options = {"mode": "router", **named, **INTERVALS, **more}
        environment = {f"LAMINA_SCHEDULER__{name.upper()}": str(value) for name, value in options.items()}
        platform = RunningPlatform(
            directory / "data", environment=environment, args=("--services", "scheduler")
        )
        platform.dsn = dsn
        router = Router(platform)
        try:
            platform.launch()
            if is_ready:
                platform.wait_ready()
            router.wait_serving()
            yield router
            assert platform.stop() == 0, platform.log_tail()
        finally:
            router.http.close()
            if platform.process is not None and platform.process.poll() is None:
                platform.kill()
