"""A process with many messages, and how its list streams: time, bytes, and the unit's memory meanwhile."""

import asyncio
import os
import socket
import threading
import time

import msgspec

from bench.scheduler import corpus
from bench.scheduler.target import Whole
from lamina.formats.ans104 import item as items
from lamina.formats.ans104.signature_type import SignatureType
from lamina.formats.ans104.signed_item import SignedItem, sign
from lamina.kernel.storage.database import Database, PoolOptions
from lamina.services.scheduler.model.head import NONE, Head
from lamina.services.scheduler.model.scheduled import Scheduled
from lamina.services.scheduler.rules import assignment
from lamina.services.scheduler.store import writes

AT_ONCE = 500
READ_BYTES = 1 << 20
SAMPLE_S = 0.02
REPEATS = 5
SLOW_S = 0.1
"""What a slow reader waits between two reads."""


class Listed(msgspec.Struct):
    """A list that was read whole.

    Attributes:
        messages, bytes: that it had.
        seconds: until its last byte, the quickest and the slowest.
        first_s: until its first byte.
        cpu_s: of unit and database.
        before_mib, peak_mib: the unit's memory.
        reader_cpu_s: of who read it.
    """

    messages: int
    bytes: int
    seconds: list[float]
    first_s: float
    cpu_s: float
    before_mib: float
    peak_mib: float
    reader_cpu_s: float


class _Unsigned:
    """Makes assignments of the right form in no time: the list is read, nobody checks them."""

    signature_type = SignatureType.ARWEAVE
    owner = os.urandom(512)

    def sign(self, message: bytes) -> bytes:
        return message.ljust(512, b"\1")


def measure(whole: Whole, sizes: tuple[int, ...]) -> list[Listed]:
    """Fill a process with each of these numbers of messages and read them."""
    found: list[Listed] = []
    for size in sizes:
        (process,) = corpus.spawns(1000 + size)[-1:]
        whole.spawn([process])
        asyncio.run(_fill(whole.dsn, process, size))
        whole.forget_outbox()
        found.append(_read_watched(whole, process, size))
    return found


async def _fill(dsn: str, process: SignedItem, count: int) -> None:
    """Store messages as the unit does, without its signatures."""
    database = await Database.connect(PoolOptions(dsn, application="bench"))
    wanted = corpus.list_messages("list", process, count)
    head = Head(NONE, None, None, time.time_ns() // 1_000_000)
    while True:
        rows: list[Scheduled] = []
        for raw in (raw for _, raw in zip(range(AT_ONCE), wanted, strict=False)):
            rows.append(_scheduled(process.id_bytes, head, raw))
            head = rows[-1].head
        if not rows:
            break
        outcomes = await writes.append(database, rows)
        assert set(outcomes) == {"stored"}, outcomes
    await database.close()


def _scheduled(process_id: bytes, head: Head, raw: bytes) -> Scheduled:
    message_id = items.parse(raw).id_bytes
    at = assignment.place(process_id, head, 0, 1)
    made = sign(assignment.draft(at, message_id), _Unsigned())
    return Scheduled(
        process_id, message_id, head.assignment_id,
        Head(at.nonce, made.id_bytes, at.hash_chain, at.ts), made.to_bytes(), raw,
    )  # fmt: skip


def _read_watched(whole: Whole, process: SignedItem, count: int) -> Listed:
    """Read it several times while the unit's memory is looked at."""
    path = f"/{process.id}?limit={count}"
    _read(whole.port, path)
    before_mib, cpu_s, own_s = whole.memory_mib(), whole.cpu_s(), time.process_time()
    peak, stop = [before_mib], threading.Event()

    def watch() -> None:
        while not stop.wait(SAMPLE_S):
            peak[0] = max(peak[0], whole.memory_mib())

    reads = [_read(whole.port, path) for _ in range(REPEATS)]
    cpu_s, own_s = whole.cpu_s() - cpu_s, time.process_time() - own_s
    watcher = threading.Thread(target=watch)
    watcher.start()
    _read(whole.port, path)
    _read(whole.port, path, pause_s=SLOW_S)
    stop.set()
    watcher.join()
    sizes = {size for size, _, _ in reads}
    assert len(sizes) == 1, sizes
    first_s, last_s = sorted(each[1] for each in reads), sorted(each[2] for each in reads)
    return Listed(
        messages=count,
        bytes=sizes.pop(),
        seconds=[round(last_s[0], 3), round(last_s[-1], 3)],
        first_s=round(first_s[0], 4),
        cpu_s=round(cpu_s / REPEATS, 3),
        before_mib=before_mib,
        peak_mib=peak[0],
        reader_cpu_s=round(own_s / REPEATS, 3),
    )


def _read(port: int, path: str, pause_s: float = 0.0) -> tuple[int, float, float]:
    """Read an answer; its bytes, and the seconds to the first and the last of them."""
    first_s, size, tail, buffer = 0.0, 0, b"", bytearray(READ_BYTES)
    begun = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: scheduler\r\n\r\n".encode())
        while not tail.endswith(b"0\r\n\r\n"):
            got = connection.recv_into(buffer)
            assert got, "the answer was cut off"
            if not size:
                first_s = time.perf_counter() - begun
                assert buffer.startswith(b"HTTP/1.1 200"), bytes(buffer[:got])
            size += got
            tail = (tail + bytes(buffer[max(0, got - 5) : got]))[-5:]
            if pause_s:
                time.sleep(pause_s)
    return size, first_s, time.perf_counter() - begun
