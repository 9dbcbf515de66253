import json
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from lamina.kernel.observability.access import PENDING_LINES_MAX, AccessLog
from lamina.kernel.observability.redaction import register_secret
from lamina.kernel.observability.rotating import RotatingFile


class Collected:
    def __init__(self) -> None:
        self.data = b""
        self.gate = threading.Event()
        self.gate.set()

    def write(self, data: bytes) -> None:
        self.gate.wait()
        self.data += data

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.data.splitlines()]


def record(log: AccessLog, path: str = "/api/v1/blocks", query: str = "", request_id: str = "r1") -> None:
    log.record(
        "GET", path, query, 200, bytes_sent=12, duration_s=0.0123, peer="127.0.0.1", request_id=request_id
    )


def test_a_request_is_one_line_of_json() -> None:
    sink = Collected()
    log = AccessLog(sink, service="ledger")
    record(log, query="limit=3")
    log.close()
    (line,) = sink.lines()
    written_at = datetime.fromisoformat(line.pop("timestamp"))
    assert datetime.now(UTC) - written_at < timedelta(seconds=60)
    assert line == {
        "service": "ledger",
        "method": "GET",
        "path": "/api/v1/blocks",
        "query": "limit=3",
        "status": 200,
        "bytes_sent": 12,
        "duration_ms": 12.3,
        "peer": "127.0.0.1",
        "request_id": "r1",
    }


def test_lines_are_written_without_waiting_for_the_end() -> None:
    sink = Collected()
    log = AccessLog(sink, service="ledger")
    record(log)
    deadline = time.monotonic() + 5
    while not sink.data and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(sink.lines()) == 1
    log.close()


def test_no_line_is_lost_while_lines_are_written() -> None:
    sink = Collected()
    log = AccessLog(sink, service="ledger")
    for number in range(20_000):
        record(log, request_id=str(number))
    log.close()
    assert [line["request_id"] for line in sink.lines()] == [str(number) for number in range(20_000)]


def test_what_a_client_sends_is_bounded_and_masked() -> None:
    register_secret("marker-in-a-query")
    sink = Collected()
    log = AccessLog(sink, service="ledger")
    record(
        log,
        path="/" * 10_000,
        query="token=marker&x=marker-in-a-query&y=" + "z" * 10_000,
        request_id="i" * 10_000,
    )
    log.close()
    assert len(sink.data) < 4000
    assert b"marker" not in sink.data
    assert sink.lines()[0]["query"].startswith("token=***&x=***&y=zz")


def test_badly_encoded_requests_are_logged_readably() -> None:
    sink = Collected()
    log = AccessLog(sink, service="ledger")
    record(log, path='/\udcff"\n\x00')
    log.close()
    assert sink.lines()[0]["path"] == '/\\udcff"\n\x00'
    assert sink.data.count(b"\n") == 1


def test_a_stuck_disk_costs_lines_not_memory() -> None:
    sink = Collected()
    sink.gate.clear()
    log = AccessLog(sink, service="ledger")
    for _ in range(2 * PENDING_LINES_MAX + 1000):
        record(log)
    dropped = log.lines_dropped
    sink.gate.set()
    log.close()
    assert dropped > 0
    assert sink.data.count(b"\n") + dropped == 2 * PENDING_LINES_MAX + 1000


def test_a_full_disk_is_counted() -> None:
    class Full:
        def write(self, data: bytes) -> None:
            raise OSError(28, "No space left on device")

    log = AccessLog(Full(), service="ledger")
    record(log)
    log.close()
    assert log.lines_dropped == 1


def test_it_writes_to_a_rotating_file(tmp_path: Path) -> None:
    file = RotatingFile(tmp_path / "log" / "access.log", bytes_max=1 << 20, keep=1)
    log = AccessLog(file, service="ledger")
    record(log)
    log.close()
    file.close()
    assert json.loads((tmp_path / "log" / "access.log").read_text())["status"] == 200
