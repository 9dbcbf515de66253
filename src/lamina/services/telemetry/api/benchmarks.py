"""`/benchmarks`, both generations on the same URLs, and their events (spec/telemetry.md 6.7)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from lamina.kernel.contracts import Receive, Scope, Send
from lamina.kernel.storage.database import Record, RowsRefused
from lamina.kernel.web.respond import Reply, json_response
from lamina.services.telemetry import render
from lamina.services.telemetry.api import body
from lamina.services.telemetry.api.host_systems import Integer
from lamina.services.telemetry.api.reading import Reading, answer
from lamina.services.telemetry.errors import BadBody, UnknownReference
from lamina.services.telemetry.rules.timestamp import parse_moment
from lamina.services.telemetry.store import benchmarks, logs

_ID_MAX = 2**31 - 1


class Setup(msgspec.Struct):
    """Generation 2: anything, under `setup`."""

    setup: msgspec.Raw


class Run(msgspec.Struct):
    """Generation 1: a run on a host system."""

    ts_start: str
    ts_end: str
    host_system_id: Integer
    description: str | None = None
    chain_spec: msgspec.Raw = msgspec.Raw(b"null")
    benchmark_spec: msgspec.Raw = msgspec.Raw(b"null")


class Event(msgspec.Struct):
    """Something that happened during a benchmark."""

    benchmark_id: Integer
    name: str
    phase: str
    created_at: str


EXAMPLE = Reply(
    200,
    render.dumps(
        {
            "ts_start": "2020-01-01T00:00:00",
            "ts_end": "2020-01-01T01:00:00",
            "description": "Any notes to go here",
            "chain_spec": {"name": "Development"},
            "benchmark_spec": {"tool": "transfers", "count": 1000},
            "host_system_id": 1,
        }
    ),
)


class ListBenchmarks:
    """All of them, the newest first."""

    def __init__(self, reading: Reading) -> None:
        """Prepare."""
        self._reading = reading

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer."""
        self._reading.query(scope)
        rows = await benchmarks.list_all(self._reading.database, self._reading.timeout_s)
        await answer(scope, send, map(render.benchmark, rows))


class PostBenchmark:
    """A new one of either generation."""

    def __init__(self, reading: Reading) -> None:
        """Prepare."""
        self._reading = reading

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Store it and answer with it."""
        self._reading.query(scope)
        given = await body.read(scope, receive, self._reading.settings.body_bytes_max)
        columns = _setup(given) if "setup" in body.members(given) else _run(given)
        try:
            row = await benchmarks.insert(self._reading.database, columns)
        except RowsRefused as refusal:
            raise UnknownReference(refusal.detail) from refusal
        await json_response(send, 200, render.dumps(render.benchmark(row)))


class PostEvent:
    """A new event of a benchmark."""

    def __init__(self, reading: Reading) -> None:
        """Prepare."""
        self._reading = reading

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Store it and answer with it."""
        self._reading.query(scope)
        given = body.decode(await body.read(scope, receive, self._reading.settings.body_bytes_max), Event)
        columns = {**msgspec.structs.asdict(given), "created_at": _moment("created_at", given.created_at)}
        try:
            row = await benchmarks.insert_event(self._reading.database, columns)
        except RowsRefused as refusal:
            raise UnknownReference(refusal.detail) from refusal
        await json_response(send, 200, render.dumps(render.benchmark_event(row)))


class ListEvents:
    """A benchmark's events."""

    def __init__(self, reading: Reading) -> None:
        """Prepare."""
        self._reading = reading

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer, by name."""
        self._reading.query(scope)
        rows = await benchmarks.list_events(self._reading.database, _id(scope), self._reading.timeout_s)
        await answer(scope, send, map(render.benchmark_event, rows))


class ListTargets:
    """The targets that a benchmark's node logged."""

    def __init__(self, reading: Reading) -> None:
        """Prepare."""
        self._reading = reading

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer, in order."""
        reading = self._reading
        reading.query(scope)
        peer_id = await benchmarks.find_peer(reading.database, _id(scope), reading.timeout_s)
        rows: Sequence[Record] = ()
        if peer_id is not None:
            rows = await logs.list_targets(reading.database, peer_id, reading.timeout_s)
        await answer(scope, send, [render.target(row["target"]) for row in rows])


def _id(scope: Scope) -> int:
    """The number in the path; what is none finds nothing."""
    text = scope["path_params"]["id"]
    number = int(text) if text.isascii() and text.isdecimal() and len(text) <= 10 else 0
    return number if number <= _ID_MAX else 0


def _setup(given: bytes) -> dict[str, Any]:
    return {"setup": bytes(body.decode(given, Setup).setup).decode()}


def _run(given: bytes) -> dict[str, Any]:
    run = body.decode(given, Run)
    return {
        **msgspec.structs.asdict(run),
        "ts_start": _moment("ts_start", run.ts_start),
        "ts_end": _moment("ts_end", run.ts_end),
        "chain_spec": _json(run.chain_spec),
        "benchmark_spec": _json(run.benchmark_spec),
    }


def _json(raw: msgspec.Raw) -> str | None:
    text = bytes(raw).decode()
    return None if text == "null" else text


def _moment(name: str, text: str) -> datetime:
    moment = parse_moment(text)
    if moment is None:
        raise BadBody(f"Json deserialize error: {name} is no time such as 2020-01-01T00:00:00")
    return moment
