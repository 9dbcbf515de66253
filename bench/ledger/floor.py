"""The floor: only what one POST unavoidably costs, on the servers and the database the ledger runs on.

Parse, schema gate, canonical bytes and id, one signature, one row in one table by group commit, an answer of
the same bytes; no rules, no chain, no blocks. `python -m bench.ledger.floor DATA_DIR PORT WORKERS` serves it
until SIGTERM, together with `GET /bare`, the bare answer that reads are compared with.
"""

import asyncio
import base64
import contextlib
import hashlib
import json
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import asyncpg
import jsonschema_rs
import msgspec
import orjson
import uvicorn
import uvloop
from nacl.bindings import crypto_sign_open

from lamina.kernel.storage.embedded import EmbeddedOptions, EmbeddedPostgres

BARE_PATH = "/bare"
BARE = orjson.dumps({"data": "x" * 1190})
TABLE = "CREATE TABLE floor (tx_id bytea PRIMARY KEY, body bytea NOT NULL)"
COMMITS_UNDER_WAY = 2
"""Per worker; while one waits for the disk the next batch is on its way."""
INSERT = "INSERT INTO floor SELECT * FROM unnest($1::bytea[], $2::bytea[]) ON CONFLICT DO NOTHING"

_HASH = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_TEXT = {"type": "string"}
_KEYS = {"type": "array", "items": {"type": "string", "pattern": "^[1-9a-zA-Z]{43,44}$"}}


def _object(**properties: object) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


_gate = jsonschema_rs.Draft4Validator(
    _object(
        id=_HASH,
        version={"enum": ["1.0"]},
        operation={"enum": ["CREATE"]},
        asset=_object(data={"type": "object"}),
        metadata={"type": "object"},
        inputs={
            "type": "array",
            "items": _object(owners_before=_KEYS, fulfills={"type": "null"}, fulfillment=_TEXT),
        },
        outputs={
            "type": "array",
            "items": _object(
                public_keys=_KEYS,
                amount=_TEXT,
                condition=_object(uri=_TEXT, details=_object(type=_TEXT, public_key=_TEXT)),
            ),
        },
    )
).is_valid
_parse = msgspec.json.Decoder().decode


def check(data: bytes) -> tuple[bytes, bytes]:
    """Raw id and canonical bytes of a posted CREATE.

    Raises:
        ValueError: it is not a right one.
    """
    document = _parse(data)
    if not _gate(document):
        raise ValueError("schema")
    body = orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
    entry, tx_id = document["inputs"][0], document.pop("id")
    proof = base64.urlsafe_b64decode(entry["fulfillment"])
    entry["fulfillment"] = None
    if hashlib.sha3_256(orjson.dumps(document, option=orjson.OPT_SORT_KEYS)).hexdigest() != tx_id:
        raise ValueError("id")
    document["id"] = tx_id
    message = orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
    crypto_sign_open(proof[38:] + message, proof[4:36])
    return bytes.fromhex(tx_id), body


class GroupCommit:
    """Stores what has arrived while the previous commits were under way."""

    def __init__(self) -> None:
        self._waiting: list[tuple[bytes, bytes, asyncio.Future[None]]] = []
        self._arrived = asyncio.Event()

    async def store(self, tx_id: bytes, body: bytes) -> None:
        """Return when the row is durable."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.append((tx_id, body, future))
        self._arrived.set()
        await future

    async def run(self, connection: Any) -> None:  # noqa: ANN401 - as `connect`
        """Commit for ever on one connection; several may run."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            batch, self._waiting = self._waiting, []
            await connection.execute(INSERT, [row[0] for row in batch], [row[1] for row in batch])
            for _, _, future in batch:
                future.set_result(None)


class FloorApp:
    """`POST` of transactions and `GET /bare`, raw ASGI."""

    def __init__(self, commits: GroupCommit) -> None:
        self._commits = commits

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI
        """Answer."""
        if scope["path"] == BARE_PATH:
            await _answer(send, 200, BARE)
            return
        message = await receive()
        data = message["body"]
        while message["more_body"]:
            message = await receive()
            data += message["body"]
        try:
            tx_id, body = check(data)
        except ValueError as refusal:
            await _answer(send, 400, str(refusal).encode())
            return
        await self._commits.store(tx_id, body)
        await _answer(send, 202, body)


async def _answer(send: Any, status: int, body: bytes) -> None:  # noqa: ANN401 - ASGI
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def connect(dsn: str) -> Any:  # noqa: ANN401 - asyncpg's own types are unknown
    """A bare connection."""
    open_connection: Any = asyncpg.connect  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return await open_connection(dsn)


async def work(fd: int, dsn: str) -> None:
    """One worker on the shared socket."""
    commits = GroupCommit()
    connections = [await connect(dsn) for _ in range(COMMITS_UNDER_WAY)]
    committing = [asyncio.ensure_future(commits.run(connection)) for connection in connections]
    config = uvicorn.Config(
        FloorApp(commits), loop="none", http="httptools", ws="none", lifespan="off", interface="asgi3",
        log_level="warning", access_log=False, proxy_headers=False, server_header=False,
    )  # fmt: skip
    await uvicorn.Server(config).serve([socket.socket(fileno=fd)])
    for each in committing:
        each.cancel()
    for connection in connections:
        connection.terminate()


def _start_worker(listener: socket.socket, dsn: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "bench.ledger.floor", "worker", str(listener.fileno()), dsn]
    return subprocess.Popen(command, pass_fds=[listener.fileno()])


async def serve(data_dir: Path, port: int, workers: int) -> None:
    """The database and the workers, until SIGTERM; prints the pids when they are started."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    database = EmbeddedPostgres(EmbeddedOptions(data_dir))
    await database.start()
    children: list[subprocess.Popen[bytes]] = []
    try:
        connection = await connect(database.dsn)
        await connection.execute(TABLE)
        await connection.close()
        with socket.create_server(("127.0.0.1", port), backlog=2048) as listener:
            children = [_start_worker(listener, database.dsn) for _ in range(workers)]
        pids = {"web": [child.pid for child in children], "postgres": [database.pid]}
        print(json.dumps(pids), flush=True)
        await stop.wait()
    finally:
        for child in children:
            child.terminate()
        for child in children:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(10)
        await database.stop(immediate=True)


def main() -> None:
    """Serve, or work for a server."""
    if sys.argv[1] == "worker":
        uvloop.run(work(int(sys.argv[2]), sys.argv[3]))
        return
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))


if __name__ == "__main__":
    main()
