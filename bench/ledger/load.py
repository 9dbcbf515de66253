"""The load generator, a process of its own: `python -m bench.ledger.load JOB.json` prints a `Result`.

Requests are bytes before the clock starts, answers are parsed no further than their status and length. Closed
loop: every connection sends its next request when it has its answer. Open loop: requests fall due at a steady
rate, and a late one's latency counts from when it was due.
"""

import asyncio
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import msgspec
import uvloop

from bench.latency import Latency
from bench.ledger.stream import StreamFollower

TICK_S = 0.001
ANSWER_TIMEOUT_S = 30.0


class Request(msgspec.Struct, array_like=True):
    """Bytes to send; `key` names it in the stream, `after` is the key that must be valid before it."""

    key: bytes
    data: bytes
    after: bytes = b""


class Job(msgspec.Struct):
    """What to do.

    Attributes:
        requests: file of `write_requests`.
        host, port: where to connect.
        connections: keep-alive connections.
        more_ports: connections are dealt out over `port` and these.
        seconds: for how long requests are sent.
        rate: requests a second of an open loop; None closes the loop.
        is_cycled: start again at the first request after the last.
        stream: port and path of the event stream to follow.
        drain_s: how long to wait afterwards for events.
    """

    requests: str
    host: str
    port: int
    connections: int
    seconds: float
    rate: float | None = None
    is_cycled: bool = False
    stream: tuple[int, str] | None = None
    drain_s: float = 20.0
    more_ports: list[int] = []


class Result(msgspec.Struct):
    """What happened: counts, rates a second, latencies, and what the generator itself cost."""

    answered: int
    statuses: dict[str, int]
    valid: int
    answered_per_s: float
    valid_per_s: float
    answer_ms: Latency | None
    valid_ms: Latency | None
    cpu_s: float
    elapsed_s: float


def write_requests(path: Path, requests: Sequence[Request]) -> Path:
    """Write what a job sends."""
    path.write_bytes(msgspec.msgpack.encode(requests))
    return path


def post(body: bytes) -> bytes:
    """A request that posts a transaction."""
    head = f"POST /api/v1/transactions/ HTTP/1.1\r\nHost: ledger\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"Content-Type: application/json\r\nAccept: */*\r\n\r\n" + body


def get(path: str) -> bytes:
    """A request that reads."""
    return f"GET {path} HTTP/1.1\r\nHost: ledger\r\nAccept: */*\r\n\r\n".encode()


class Load:
    """Sends a job's requests and keeps the times."""

    def __init__(self, job: Job, requests: Sequence[Request]) -> None:
        self._job = job
        self._ready = deque(request for request in requests if not request.after)
        self._following: dict[bytes, list[Request]] = {}
        for request in requests:
            if request.after:
                self._following.setdefault(request.after, []).append(request)
        self._idle: deque[_Connection] = deque()
        self._posted: dict[bytes, float] = {}
        self._answer_s: list[float] = []
        self._valid_s: list[float] = []
        self._statuses: dict[bytes, int] = {}
        self._begun = self._last_answer = self._last_valid = 0.0
        self._sent = 0
        self._is_open = False

    async def run(self) -> Result:
        """Connect, send for as long as the job says, wait for the rest."""
        job, loop = self._job, asyncio.get_running_loop()
        if job.stream is not None:
            port, path = job.stream
            _, follower = await loop.create_connection(
                lambda: StreamFollower(job.host, path, self.became_valid), job.host, port
            )
            await follower.opened
        ports = [job.port, *job.more_ports]
        connections = [
            (await loop.create_connection(lambda: _Connection(self), job.host, ports[number % len(ports)]))[1]
            for number in range(job.connections)
        ]
        cpu_s, self._begun, self._is_open = time.process_time(), time.perf_counter(), True
        self._idle.extend(connections)
        await (self._run_closed() if job.rate is None else self._run_open(job.rate))
        await self._settle()
        return self._result(time.process_time() - cpu_s)

    async def _run_closed(self) -> None:
        self._feed()
        await self._until(self._is_done, self._job.seconds)
        self._is_open = False

    async def _run_open(self, rate: float) -> None:
        waiting: deque[tuple[Request, float]] = deque()
        released, end = 0, self._begun + self._job.seconds
        while (now := time.perf_counter()) < end:
            due = int((now - self._begun) * rate)
            while released < due and (request := self._next()) is not None:
                released += 1
                waiting.append((request, self._begun + released / rate))
            while waiting and self._idle:
                # In turn, so that none stays idle until the server closes it.
                self._idle.popleft().send(*waiting.popleft())
            await asyncio.sleep(TICK_S)
        self._is_open = False

    async def _settle(self) -> None:
        """Wait for the answers under way, then for the events of what was accepted."""
        await self._until(lambda: len(self._answer_s) >= self._sent, ANSWER_TIMEOUT_S)
        if self._job.stream is not None:
            await self._until(lambda: not self._posted, self._job.drain_s)

    async def _until(self, is_done: Callable[[], bool], timeout_s: float) -> None:
        end = time.perf_counter() + timeout_s
        while not is_done() and time.perf_counter() < end:  # noqa: ASYNC110 - an event would cost each answer
            await asyncio.sleep(TICK_S * 5)

    def _is_done(self) -> bool:
        return not self._ready and len(self._answer_s) == self._sent and not self._posted

    def _next(self) -> Request | None:
        if not self._ready:
            return None
        request = self._ready.popleft()
        if self._job.is_cycled:
            self._ready.append(request)
        return request

    def _feed(self) -> None:
        """Closed loop: whoever is idle sends what is ready."""
        while self._is_open and self._idle and (request := self._next()) is not None:
            self._idle.pop().send(request, time.perf_counter())

    def sending(self, request: Request, at: float) -> None:
        """Note a request that leaves."""
        self._sent += 1
        if self._job.stream is not None:
            self._posted[request.key] = at

    def answered(self, connection: "_Connection", request: Request, status: bytes) -> None:
        """Note an answer; in a closed loop the connection goes on at once."""
        now = self._last_answer = time.perf_counter()
        self._answer_s.append(now - connection.since)
        self._statuses[status] = self._statuses.get(status, 0) + 1
        if status[:1] != b"2":
            self._posted.pop(request.key, None)
        following = self._next() if self._is_open and self._job.rate is None else None
        if following is None:
            self._idle.append(connection)
        else:
            connection.send(following, now)

    def became_valid(self, key: bytes) -> None:
        """Note an event; what waited for it may be sent."""
        since = self._posted.pop(key, None)
        if since is None:
            return
        self._last_valid = time.perf_counter()
        self._valid_s.append(self._last_valid - since)
        following = self._following.pop(key, None)
        if following is not None:
            self._ready.extend(following)
            if self._job.rate is None:
                self._feed()

    def _result(self, cpu_s: float) -> Result:
        return Result(
            answered=len(self._answer_s),
            statuses={status.decode(): count for status, count in self._statuses.items()},
            valid=len(self._valid_s),
            answered_per_s=round(len(self._answer_s) / max(self._last_answer - self._begun, 1e-9), 1),
            valid_per_s=round(len(self._valid_s) / max(self._last_valid - self._begun, 1e-9), 1),
            answer_ms=Latency.of(self._answer_s),
            valid_ms=Latency.of(self._valid_s),
            cpu_s=round(cpu_s, 3),
            elapsed_s=round(max(self._last_answer, self._last_valid) - self._begun, 3),
        )


class _Connection(asyncio.Protocol):
    """One keep-alive connection with at most one request under way."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._request: Request | None = None
        self._unread = b""
        self.since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._write = cast("asyncio.Transport", transport).write  # uvloop's is no subclass

    def send(self, request: Request, since: float) -> None:
        self._request, self.since = request, since
        self._load.sending(request, since)
        self._write(request.data)

    def data_received(self, data: bytes) -> None:
        if self._unread:
            data = self._unread + data
        end = _end_of_answer(data)
        if end < 0:
            self._unread = data
            return
        self._unread = b""
        request, self._request = self._request, None
        assert request is not None, "an answer nobody asked for"
        assert end == len(data), "more than the answer"
        self._load.answered(self, request, data[9:12])


def _end_of_answer(data: bytes) -> int:
    """Where the answer ends, or -1 while it is incomplete."""
    head = data.find(b"\r\n\r\n")
    if head < 0:
        return -1
    at = data.find(b"content-length: ", 0, head)
    if at >= 0:
        end = head + 4 + int(data[at + 16 : data.find(b"\r\n", at)])
        return end if len(data) >= end else -1
    return len(data) if data.endswith(b"0\r\n\r\n") else -1


def main() -> None:
    """Run a job file."""
    job = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Job)
    requests = msgspec.msgpack.decode(Path(job.requests).read_bytes(), type=list[Request])
    print(msgspec.json.encode(uvloop.run(Load(job, requests).run())).decode())


if __name__ == "__main__":
    main()
