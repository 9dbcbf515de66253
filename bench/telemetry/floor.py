"""The floor: COPY of the same rows by a bare process into the same table, and nothing else.

The database has telemetry's own schema, partitions and indexes. `python -m bench.telemetry.floor serve
DATA_DIR` runs it until SIGTERM; `python -m bench.telemetry.floor copy DSN FRAMES ROWS` encodes the messages
of a file, waits for a line, and prints what it took to COPY them: binary, on one connection, so many rows a
transaction, each commit on disk.
"""

import asyncio
import json
import signal
import struct
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import uvloop

from bench.ledger.floor import connect
from bench.telemetry import corpus
from bench.telemetry.corpus import Frame
from lamina.kernel.storage import migrate
from lamina.kernel.storage.database import Database, PoolOptions
from lamina.kernel.storage.embedded import EmbeddedOptions, EmbeddedPostgres
from lamina.services.telemetry.rules import document
from lamina.services.telemetry.store import partitions, purge
from lamina.services.telemetry.store.schema import MIGRATIONS, NAME

BATCH, LOT = 1024, 4096
"""Rows of a batch by default, and of as many batches as a receiver writes together under load."""
_ROW = struct.Struct("!hiqiqiiibiB")
_BEGIN, _END = b"PGCOPY\n\xff\r\n\x00" + bytes(8), b"\xff\xff"
_COLUMNS = ["id", "created_at", "peer_connection_id", "audit", "logs"]


class Copied(msgspec.Struct):
    """What it took: rows, seconds, and the client's seconds of CPU."""

    rows: int
    seconds: float
    cpu_s: float


async def serve(data_dir: Path) -> None:
    """The database, until SIGTERM; prints its pid and DSN when it is ready."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    server = EmbeddedPostgres(EmbeddedOptions(data_dir))
    await server.start()
    try:
        database = await Database.connect(PoolOptions(server.dsn, application="bench floor"))
        await migrate.migrate(database, migrate.load(NAME, MIGRATIONS))
        await partitions.ensure(database, purge.now().date())
        await database.close()
        print(json.dumps({"pid": server.pid, "dsn": server.dsn}), flush=True)
        await stop.wait()
    finally:
        await server.stop(immediate=True)


async def copy(dsn: str, frames: Sequence[Frame], rows: int) -> Copied:
    """COPY the messages that these frames carry, so many in a transaction."""
    connection: Any = await connect(dsn)
    first_id = await connection.fetchval("SELECT coalesce(max(id), 0) + 1 FROM telemetry.tetcore_logs")
    batches = list(_batches(frames, first_id, rows))
    print("encoded", flush=True)
    sys.stdin.readline()
    cpu_s, begun = time.process_time(), time.perf_counter()
    for batch in batches:
        await connection.copy_to_table(
            "tetcore_logs", schema_name="telemetry", columns=_COLUMNS, format="binary", source=_source(batch)
        )
    seconds, cpu_s = time.perf_counter() - begun, time.process_time() - cpu_s
    await connection.close()
    return Copied(len(frames), round(seconds, 3), round(cpu_s, 3))


async def _source(batch: bytes) -> Any:  # noqa: ANN401 - what the driver takes
    yield batch


def _batches(frames: Sequence[Frame], first_id: int, rows: int) -> Iterator[bytes]:
    for begin in range(0, len(frames), rows):
        batch = enumerate(frames[begin : begin + rows], first_id + begin)
        yield _BEGIN + b"".join(_row(number, frame) for number, frame in batch) + _END


def _row(number: int, frame: Frame) -> bytes:
    said = document.read(corpus.payload(frame.data))
    connection = frame.socket + 1
    head = _ROW.pack(5, 8, number, 8, said.created_at, 4, connection, 1, False, len(said.logs) + 1, 1)
    return head + said.logs


def main() -> None:
    """Serve, or copy."""
    if sys.argv[1] == "serve":
        asyncio.run(serve(Path(sys.argv[2])))
        return
    frames = msgspec.msgpack.decode(Path(sys.argv[3]).read_bytes(), type=list[Frame])
    print(msgspec.json.encode(uvloop.run(copy(sys.argv[2], frames, int(sys.argv[4])))).decode())


if __name__ == "__main__":
    main()
