"""Hostile peers of the scheduler, and ids that would lead to others (distribution-and-reliability 14: SSRF)."""

import contextlib
import json
import threading
import time
from collections.abc import Generator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tests.scheduler_unit import Unit, message, scheduler_running, signer, spawn

from lamina.formats.avro_tags import Tag

HEIGHT = {"height": 1_500_000, "current": "x" * 64}
PATIENCE_S = 30.0


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Clients leave when they have enough."""


class Peer:
    """A gateway that answers `/info`, and everything else as it is told; it remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.manner = "ok"
        self.elsewhere = ""
        self.url = ""

    @contextlib.contextmanager
    def running(self) -> Generator["Peer"]:
        peer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                peer.asked.append(f"{self.command} {self.path}")
                if self.path == "/info":
                    self.give(200, json.dumps(HEIGHT).encode())
                else:
                    peer.answer(self)

            do_HEAD = do_GET  # noqa: N815

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                self.do_GET()

            def give(self, status: int, body: bytes, **headers: str) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_request(self, *_: object) -> None:
                """Say nothing."""

        server = _Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.manner = "ok"
            server.shutdown()
            server.server_close()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        match self.manner:
            case "drip" | "flood":
                handler.give(200, b"")
                chunk, pause_s = (b" ", 0.2) if self.manner == "drip" else (b" " * 1_000_000, 0.0)
                while self.manner != "ok":
                    handler.wfile.write(chunk)
                    time.sleep(pause_s)
            case "redirect":
                handler.give(302, b"", location=f"{self.elsewhere}/secret")
            case "hang up":
                handler.connection.close()
            case "ok":
                handler.give(200, b"{}")
            case body:
                handler.give(200, body.encode())


@pytest.fixture(scope="module")
def peer() -> Iterator[Peer]:
    with Peer().running() as running:
        yield running


@pytest.fixture(scope="module")
def inner() -> Iterator[Peer]:
    """Something that only this machine may ask."""
    with Peer().running() as running:
        yield running


@pytest.fixture(scope="module")
def unit(peer: Peer) -> Iterator[Unit]:
    with scheduler_running(
        ("scheduler",), gateway_url=peer.url, gateway_timeout_s=2, gateway_body_bytes_max=1_000_000,
        gateway_interval_s=1, process_assignment=True,
    ) as running:  # fmt: skip
        deadline = time.monotonic() + PATIENCE_S
        while running.http.get("/timestamp").status_code != 200:
            assert time.monotonic() < deadline, running.platform.log_tail()
            time.sleep(0.1)
        yield running
        faults = [
            each for each in running.platform.log_events() if each.get("level") in {"error", "critical"}
        ]
        assert faults == []


HOSTILE_IDS = [
    "http://169.254.169.254/latest/meta-data", "//169.254.169.254/", "x@169.254.169.254", "../../etc/passwd",
    "..%2f..%2fetc", "a" * 42 + "/", "a" * 43 + "@evil", "a" * 43 + "?x=1", "a" * 43 + "#", "a" * 42 + "é", "a" * 42,
    "a" * 44, "", "\0" * 43, "a" * 42 + "\n", "gopher://x",
]  # fmt: skip


@pytest.mark.parametrize("hostile", HOSTILE_IDS, ids=map(ascii, HOSTILE_IDS))
def test_only_ids_lead_to_a_gateway(unit: Unit, peer: Peer, inner: Peer, hostile: str) -> None:
    peer.manner = "ok"
    process = spawn(signer())
    assert unit.post(process.to_bytes()).status_code == 200
    before = set(peer.asked)
    for params in (
        {"process-id": process.id, "assign": hostile},
        {"process-id": process.id, "assign": hostile, "base-layer": ""},
        {"process-id": hostile, "assign": "A" * 43},
    ):
        answer = unit.http.post("/", params=params)
        assert answer.status_code == 400, answer.text
        assert "error" in answer.json()
    answer = unit.post(spawn(signer(), Tag("On-Boot", hostile)).to_bytes())
    assert answer.json() == {"error": "Invalid tx id for On-Boot tag"}
    # Uploads of what is there go on meanwhile; nothing else was asked of anybody.
    assert set(peer.asked) - before <= {"GET /info", "POST /tx/arweave"}
    assert inner.asked == []


ANSWERS = ["redirect", "hang up", "drip", "flood", "", "nope", "[]", "null", "1e999", "[" * 100_000, '{"data": []}',
           '{"data": {"transactions": {"edges": []}}}', '{"data": {"transactions": "x"}}', '{"number_of_confirmations": "9"}',
           '{"number_of_confirmations": true}', '{"number_of_confirmations": 1e400}']  # fmt: skip


@pytest.mark.timeout(120)
@pytest.mark.parametrize("manner", ANSWERS, ids=[each[:30] or "nothing" for each in ANSWERS])
def test_whatever_a_gateway_answers(unit: Unit, peer: Peer, inner: Peer, manner: str) -> None:
    """It is no reason to schedule, none to fail, and none to wait for longer than one request may take."""
    by = signer()
    process = spawn(by)
    peer.manner = "ok"
    assert unit.post(process.to_bytes()).status_code == 200
    peer.manner, peer.elsewhere = manner, inner.url.replace("127.0.0.1", "localhost")
    try:
        for more in ({}, {"base-layer": ""}):
            answer = unit.http.post("/", params={"process-id": process.id, "assign": "A" * 43, **more})
            assert answer.status_code == 400, (manner[:30], answer.status_code, answer.text)
        meanwhile = unit.post(message(by, process, b"meanwhile").to_bytes())
        assert meanwhile.status_code == 200, meanwhile.text
        assert len(unit.edges(process.id)) == 2
    finally:
        peer.manner = "ok"
    assert inner.asked == []


@pytest.mark.timeout(120)
@pytest.mark.parametrize("manner", ["drip", "flood"])
def test_an_uploader_that_never_ends_its_answer_holds_up_no_upload(
    unit: Unit, peer: Peer, manner: str
) -> None:
    by = signer()
    process = spawn(by)
    begun = uploads_begun(peer)
    peer.manner = manner
    try:
        for item in (process, *(message(by, process, b"%d" % number) for number in range(12))):
            assert unit.post(item.to_bytes()).status_code == 200
        deadline = time.monotonic() + PATIENCE_S
        while uploads_begun(peer) < begun + 12:  # more than may be under way at once
            assert time.monotonic() < deadline, "the uploader waits for the end of an answer"
            time.sleep(0.1)
    finally:
        peer.manner = "ok"


def uploads_begun(peer: Peer) -> int:
    return peer.asked.count("POST /tx/arweave")
