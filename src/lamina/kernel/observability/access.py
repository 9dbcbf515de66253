"""The access log: one JSON line per request, written by a thread so that no request waits for a disk.

Lines are bounded, queries are masked, and what the disk cannot take is counted and dropped.
"""

import threading
from collections import deque
from datetime import UTC, datetime
from typing import Protocol

import msgspec

from lamina.kernel.observability.redaction import masked_query

FLUSH_INTERVAL_S = 0.5
FLUSH_LINES = 512
PENDING_LINES_MAX = 65_536
TEXT_CHARACTERS_MAX = 1024


class Sink(Protocol):
    """Where finished lines go."""

    def write(self, data: bytes, /) -> object:
        """Take whole lines."""
        ...


class _Line(msgspec.Struct, gc=False):
    """A line; with msgspec half the cost of a dict with orjson."""

    timestamp: datetime
    service: str
    method: str
    path: str
    query: str
    status: int
    bytes_sent: int
    duration_ms: float
    peer: str
    request_id: str


_encode = msgspec.json.Encoder().encode


class AccessLog:
    """Collects lines and hands them to a sink twice a second, or sooner when there are many."""

    def __init__(self, sink: Sink, *, service: str) -> None:
        """Start the writing thread; make one per process, after it was started.

        Args:
            sink: a `RotatingFile`, or an unbuffered binary stream such as `sys.stdout.buffer.raw`.
            service: the `service` of every line.
        """
        self.lines_dropped = 0
        self._sink = sink
        self._service = service
        self._pending: deque[bytes] = deque()
        self._wake = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="access-log", daemon=True)
        self._thread.start()

    def record(
        self,
        method: str,
        path: str,
        query: str,
        status: int,
        *,
        bytes_sent: int,
        duration_s: float,
        peer: str,
        request_id: str,
    ) -> None:
        """Note one request that has ended.

        Args:
            method: of the request.
            path: as the client sent it; cut at 1,024 characters like every text of the client.
            query: undecoded, without the question mark.
            status: of the answer; 499 where the client left before it.
            bytes_sent: of the answer's body.
            duration_s: from the first byte of the request to the last of the answer.
            peer: address the request is charged to.
            request_id: the same as in the log.
        """
        line = _Line(
            datetime.now(UTC),
            self._service,
            method,
            path[:TEXT_CHARACTERS_MAX],
            masked_query(query)[:TEXT_CHARACTERS_MAX] if query else "",
            status,
            bytes_sent,
            int(duration_s * 1e6) / 1e3,
            peer,
            request_id[:TEXT_CHARACTERS_MAX],
        )
        self._keep(_encoded(line))

    def close(self) -> None:
        """Write what is pending and end the thread."""
        self._closing = True
        self._wake.set()
        self._thread.join()

    def _keep(self, line: bytes) -> None:
        if len(self._pending) >= PENDING_LINES_MAX:
            self.lines_dropped += 1
            return
        self._pending.append(line)
        if len(self._pending) == FLUSH_LINES:
            self._wake.set()

    def _run(self) -> None:
        while not self._closing:
            self._wake.wait(FLUSH_INTERVAL_S)
            self._wake.clear()
            self._flush()
        self._flush()

    def _flush(self) -> None:
        # One by one, as the loop's thread may add to the same deque meanwhile.
        lines = [self._pending.popleft() for _ in range(len(self._pending))]
        if not lines:
            return
        try:
            self._sink.write(b"".join(lines))
        except OSError:
            self.lines_dropped += len(lines)


def _encoded(line: _Line) -> bytes:
    try:
        return _encode(line) + b"\n"
    except UnicodeEncodeError:  # a lone surrogate from a badly encoded request
        clean = {name: _encodable(getattr(line, name)) for name in line.__struct_fields__}
        return _encode(clean) + b"\n"


def _encodable(value: object) -> object:
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
