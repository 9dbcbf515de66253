"""The sender, a process of its own: `python -m bench.telemetry.sender JOB.json` prints a `Result`.

It keeps its sockets open until its input ends: a ping to a socket that is closed makes the receiver's side
forget what it has not read.

Frames are bytes before the clock starts and are never looked at. At full speed each socket is given pieces of
some frames as long as the kernel takes them; at a rate every frame is written alone when it is due, over all
sockets in turn. Pings are answered. A probe is a node of its own whose messages are awaited on `/feed`.
"""

import asyncio
import sys
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import msgspec
import orjson
import uvloop

from bench.latency import Latency
from bench.telemetry import corpus
from bench.telemetry.corpus import Frame

TICK_S = 0.001
FRAMES_PER_PIECE = 8
HIGH_WATER_BYTES = 65_536
PROBE = "bench.probe"
PROBE_S = 0.02
PROBE_WAIT_S = 30.0
OPENED_AT_ONCE = 200
_TEXT, _CLOSE, _PING = 1, 8, 9


class Job(msgspec.Struct):
    """What to do.

    Attributes:
        frames: file of `write_frames`; empty to send nothing.
        port: on loopback.
        sockets: how many.
        label: names the nodes.
        rate: messages a second; None is as fast as they are taken.
        is_probed: whether a probe is sent and awaited meanwhile.
        hold_s: for how long to keep the sockets open when everything is sent.
    """

    frames: str
    port: int
    sockets: int
    label: str
    rate: float | None = None
    is_probed: bool = False
    hold_s: float = 0.0


class Result(msgspec.Struct):
    """What happened; `begun` and `ended` are the machine's monotonic clock.

    Attributes:
        sent: messages, greetings and probes not included.
        probes: how many probes were sent.
        begun, ended: of sending.
        cpu_s: of sending.
        visible_ms: from writing a probe to hearing of it on the feed.
    """

    sent: int
    probes: int
    begun: float
    ended: float
    cpu_s: float
    visible_ms: Latency | None


def write_frames(path: Path, frames: Sequence[Frame]) -> Path:
    """Write what a job sends."""
    path.write_bytes(msgspec.msgpack.encode(frames))
    return path


class Socket(asyncio.Protocol):
    """A websocket of a node, or of a feed when somebody wants its texts."""

    def __init__(self, path: str) -> None:
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting: deque[bytes] = deque()
        self.on_text: Any = None
        self.is_writable = True
        self._path = path
        self._unread = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for a websocket."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        self.transport.set_write_buffer_limits(HIGH_WATER_BYTES)
        self.write = self.transport.write
        self.write(
            f"GET {self._path} HTTP/1.1\r\nHost: telemetry\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: bGFtaW5hIGxlZGdlciBiZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def pause_writing(self) -> None:
        """The kernel takes no more."""
        self.is_writable = False

    def resume_writing(self) -> None:
        """It takes more."""
        self.is_writable = True
        self.pump()

    def pump(self) -> None:
        """Write pieces as long as they are taken."""
        while self.waiting and self.is_writable:
            self.write(self.waiting.popleft())

    def data_received(self, data: bytes) -> None:
        """The handshake's answer, then frames of the server."""
        self._unread += data
        if not self.opened.done():
            head, end, rest = self._unread.partition(b"\r\n\r\n")
            if not end:
                return
            assert head.startswith(b"HTTP/1.1 101"), head
            self._unread = rest
            self.opened.set_result(None)
        self._read_frames()

    def connection_lost(self, exc: Exception | None) -> None:
        """A socket that ends early is a failed measurement."""
        if not self.opened.done():
            self.opened.set_exception(exc or ConnectionError("closed during the handshake"))
        assert not self.waiting, "a socket was closed before everything was sent"

    def _read_frames(self) -> None:
        data, at = self._unread, 0
        while len(data) - at >= 2:
            size, start = data[at + 1], at + 2
            if size >= 126:
                width = 2 if size == 126 else 8
                if len(data) < start + width:
                    break
                size, start = int.from_bytes(data[start : start + width], "big"), start + width
            if start + size > len(data):
                break
            self._take(data[at] & 0x0F, data[start : start + size])
            at = start + size
        self._unread = data[at:]

    def _take(self, opcode: int, payload: bytes) -> None:
        if opcode == _PING:
            self.write(bytes((0x8A, 0x80 | len(payload), 0, 0, 0, 0)) + payload)
        elif opcode == _TEXT and self.on_text is not None:
            self.on_text(payload)
        elif opcode == _CLOSE:
            self.transport.close()


class Probe:
    """A node of its own, and a client of `/feed` that waits for what it says."""

    def __init__(self, label: str) -> None:
        self._label = f"{label}-probe"
        self._sent: dict[int, float] = {}
        self._seen_s: list[float] = []
        self.count = 0

    async def open(self, port: int) -> None:
        """Connect both, and wait until the first probe is seen."""
        self._node, feed = await _open(port, "/"), await _open(port, "/feed")
        self._node.write(corpus.hello(self._label, 0))
        feed.on_text = self._hear
        wanted = {"peer_id": corpus.peer_id(self._label, 0), "msg": PROBE, "interest": "subscribe"}
        text = orjson.dumps({**wanted, "start_time": "2020-01-01T00:00:00"})
        feed.write(b"\x81" + corpus.mask(text)[1:])
        self.send()
        await self._until_seen(1)
        self._seen_s.clear()

    def send(self) -> None:
        """One probe."""
        self._sent[self.count] = time.perf_counter()
        text = {"msg": PROBE, "number": self.count, "ts": corpus.now_text()}
        self._node.write(corpus.mask(orjson.dumps(text)))
        self.count += 1

    async def finish(self) -> Latency | None:
        """Wait for what is on its way; the times."""
        await self._until_seen(self.count - 1)
        return Latency.of(self._seen_s)

    async def _until_seen(self, count: int) -> None:
        async with asyncio.timeout(PROBE_WAIT_S):
            while len(self._seen_s) < count:  # noqa: ASYNC110 - an event would be set for each
                await asyncio.sleep(TICK_S)

    def _hear(self, text: bytes) -> None:
        now = time.perf_counter()
        for each in orjson.loads(text)["data"]:
            self._seen_s.append(now - self._sent[each["number"]])


async def _open(port: int, path: str) -> Socket:
    loop = asyncio.get_running_loop()
    _, socket = await loop.create_connection(lambda: Socket(path), "127.0.0.1", port)
    await socket.opened
    return socket


async def _open_all(job: Job) -> list[Socket]:
    sockets: list[Socket] = []
    for begin in range(0, job.sockets, OPENED_AT_ONCE):
        count = min(OPENED_AT_ONCE, job.sockets - begin)
        sockets += await asyncio.gather(*(_open(job.port, "/") for _ in range(count)))
    for number, socket in enumerate(sockets):
        socket.write(corpus.hello(job.label, number))
    return sockets


async def run(job: Job) -> None:
    """Open, send, hold, close when nobody is there any more."""
    frames = _frames(job)
    sockets = await _open_all(job)
    probe = Probe(job.label)
    if job.is_probed:
        await probe.open(job.port)
    print("open", flush=True)
    sys.stdin.readline()
    cpu_s, begun = time.process_time(), time.monotonic()
    if job.rate is None:
        await _send_all(sockets, frames)
    else:
        await _send_at(job.rate, sockets, frames, probe if job.is_probed else None)
    ended, cpu_s = time.monotonic(), time.process_time() - cpu_s
    visible = await probe.finish() if job.is_probed else None
    await asyncio.sleep(job.hold_s)
    result = Result(len(frames), probe.count, begun, ended, round(cpu_s, 3), visible)
    print(msgspec.json.encode(result).decode(), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    for socket in sockets:
        socket.write(b"\x88\x82\x00\x00\x00\x00\x03\xe8")


def _frames(job: Job) -> Sequence[Frame]:
    if not job.frames:
        return []
    return msgspec.msgpack.decode(Path(job.frames).read_bytes(), type=list[Frame])


async def _send_all(sockets: Sequence[Socket], frames: Sequence[Frame]) -> None:
    by_socket: list[list[bytes]] = [[] for _ in sockets]
    for frame in frames:
        by_socket[frame.socket].append(frame.data)
    for socket, own in zip(sockets, by_socket, strict=True):
        socket.waiting.extend(
            b"".join(own[at : at + FRAMES_PER_PIECE]) for at in range(0, len(own), FRAMES_PER_PIECE)
        )
    for socket in sockets:
        socket.pump()
    while any(socket.waiting or socket.transport.get_write_buffer_size() for socket in sockets):  # noqa: ASYNC110
        await asyncio.sleep(10 * TICK_S)


async def _send_at(
    rate: float, sockets: Sequence[Socket], frames: Sequence[Frame], probe: Probe | None
) -> None:
    begun, sent, probed = time.perf_counter(), 0, 0.0
    while sent < len(frames):
        passed = time.perf_counter() - begun
        due = min(len(frames), int(passed * rate))
        for frame in frames[sent:due]:
            sockets[frame.socket].write(frame.data)
        sent = due
        if probe is not None and passed - probed >= PROBE_S:
            probed = passed
            probe.send()
        await asyncio.sleep(TICK_S)


def main() -> None:
    """Run a job file."""
    job = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Job)
    uvloop.run(run(job))


if __name__ == "__main__":
    main()
