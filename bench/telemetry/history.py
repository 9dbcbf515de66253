"""The same figures with a long history behind them, and what readers wait for then.

The rows are made by the server itself, in daily partitions whose indexes are built afterwards; types, sizes
are about those of the corpus. The cluster runs with `wal_level=minimal` meanwhile.
"""

import asyncio
import shutil
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import msgspec
from tests.running_platform import open_directory

from bench.latency import Latency
from bench.ledger.floor import connect
from bench.telemetry import corpus
from bench.telemetry.sender import Job
from bench.telemetry.target import Cost, Whole, whole_running
from bench.telemetry.whole import Effort, measure_platform
from lamina.kernel.storage.database import Database, PoolOptions
from lamina.kernel.storage.embedded import EmbeddedOptions, EmbeddedPostgres
from lamina.services.telemetry.store import digests, partitions, purge

LABEL = "history"
NEWCOMERS = "history now"
"""Nodes without a history, so that the totals of what they send are theirs alone."""
PEERS = 200
CONNECTIONS_PER_PEER = 20
CONNECTIONS_OF_MANY = 2000
"""Of one peer that reconnects again and again."""
BYTES_PER_ROW = 450
"""Heap and indexes, generously."""
SHARE_OF_FREE_DISK = 0.6
WRITERS = 2
STATE_EVERY = 200
RARE_EVERY = 20_000
FIRST_ID = 10**9
FIRST_OF_MANY = 1 + PEERS * CONNECTIONS_PER_PEER
MANY = corpus.peer_id(LABEL, PEERS)
MIB = 2**20
ASKED_MIN, ASKED_MAX, ASKED_S = 8, 200, 3.0

_CONNECTIONS = """
INSERT INTO telemetry.peer_connections (id, ip_addr, peer_id, created_at, last_seen, closed_at, name, chain,
                                        said_since, said_until)
SELECT 1 + slice * cardinality($1::text[]) + number - 1, '10.0.0.1:30333', peer_id, begun, begun + life,
       begun + life,
       'node', 'Tetcoin Testnet', date_trunc('day', begun),
       date_trunc('day', begun + life) + interval '1 day' - interval '1 microsecond'
  FROM unnest($1::text[]) WITH ORDINALITY AS peers(peer_id, number),
       generate_series(0, $2 - 1) slice,
       LATERAL (SELECT $3::timestamp + slice * ($4::timestamp - $3) / $2 AS begun,
                       ($4::timestamp - $3) / $2 AS life) times
"""
_ROWS = """
INSERT INTO {table} (id, created_at, peer_connection_id, audit, logs)
SELECT {first} + n, timestamp '{day}' + n * interval '1 day' / {count},
  CASE WHEN h % 50 = 3 THEN {many} + n % 5 ELSE {regular} + n % {peers} END, false,
  CASE WHEN h % {state_every} = 0 THEN
    jsonb_build_object('msg', 'system.network_state', 'ts', '{day}T00:00:00Z', 'state', jsonb_build_object(
      'peerId', 'p' || n % {peers}, 'peerset', jsonb_build_object('nodes', (
        SELECT jsonb_object_agg(names[1 + (n * 7 + k * 3) % {peers}],
                                jsonb_build_object('connected', k < 8, 'reputation', (n * k) % 5000 - 2500))
          FROM generate_series(1, {known}) k))))
  WHEN h % {rare_every} = 1 THEN
    jsonb_build_object('msg', 'system.connected', 'ts', '{day}T00:00:00Z', 'name', 'node', 'network_id', n)
  WHEN h % 25 = 2 THEN
    jsonb_build_object('msg', 'tracing.profiling', 'ts', '{day}T00:00:00Z', 'name', 'execute_block', 'target',
      CASE WHEN h % 5000 = 2 THEN 'pallet_rare' ELSE 'frame_system' END, 'time', n % 100000, 'id', n)
  ELSE
    jsonb_build_object('msg', (ARRAY['system.interval','system.interval','block.import','notify.finalized',
      'txpool.import','afg.received_prevote'])[1 + h % 6], 'ts', '{day}T00:00:00.000000000+00:00',
      'best', '0x' || md5(n::text) || md5((n + 1)::text), 'height', n, 'level', 'INFO', 'peers', n % 50)
  END
FROM (SELECT n::int, hashint8(n) & 1073741823 AS h FROM generate_series(0, {count} - 1) n) numbers,
     (SELECT $1::text[] AS names) known_peers
"""


class Size(msgspec.Struct):
    """How much there is: rows, in so many daily partitions."""

    rows: int
    days: int


QUICK = Size(1_000_000, 60)
FULL = Size(50_000_000, 365)
LESS = Size(10_000_000, 365)


def affordable(wanted: Size, directory: Path) -> Size:
    """The wanted size, or `LESS` where the disk has no room for it."""
    room = shutil.disk_usage(directory).free * SHARE_OF_FREE_DISK
    return wanted if wanted.rows * BYTES_PER_ROW < room else LESS


class Asked(msgspec.Struct):
    """How long a request took of one reader alone, and on a connection new to the partitions."""

    name: str
    first_ms: float
    elements: int
    latency: Latency


class Purged(msgspec.Struct):
    """The purge of one whole day: rows, seconds, and the directory's size before and after, MiB."""

    rows: int
    seconds: float
    before_mib: float
    after_mib: float


class HistoryFigures(msgspec.Struct):
    """The figures over a filled store.

    Attributes:
        size: of the history.
        wanted: of the history if the disk had had room.
        fill_s: seconds to make it.
        full, half, visible: of every round.
        asked: requests.
        purged: the oldest day.
    """

    size: Size
    wanted: Size
    fill_s: float
    full: list[Cost]
    half: list[Cost]
    visible: list[Latency]
    asked: list[Asked]
    purged: Purged


def measure(effort: Effort, wanted: Size) -> HistoryFigures:
    """Fill a store, start the platform on it and measure."""
    with open_directory() as directory:
        data_dir, size = directory / "data", affordable(wanted, directory)
        with whole_running(data_dir):
            pass
        fill_s = asyncio.run(fill(data_dir, size))
        with whole_running(data_dir) as whole:
            asked = _ask_all(whole)
            rounds = []
            for number in range(effort.rounds):
                label = f"later {number}"
                frames = corpus.messages(f"{label} full", effort.sockets, effort.messages)
                rounds.append(measure_platform(whole, effort, label, frames))
            full, half, visible = zip(*rounds, strict=True)
            purged = asyncio.run(_purge_oldest(whole))
            return HistoryFigures(
                size, wanted, round(fill_s, 1), list(full), list(half), list(visible), asked, purged
            )


def _ask_all(whole: Whole) -> list[Asked]:
    """Each request again and again, of one reader; reputations just after every node has told its own."""
    with httpx.Client(
        base_url=whole.telemetry.platform.telemetry_url, timeout=100, trust_env=False
    ) as client:
        asked = [_ask(client, name, paths) for name, paths in _logs().items()]
        whole.send(
            list(corpus.states(LABEL, PEERS, corpus.STATE_PEERS)), Job("", whole.port, PEERS, NEWCOMERS)
        )
        return asked + [_ask(client, name, paths) for name, paths in _others().items()]


def _ask(client: httpx.Client, name: str, paths: Sequence[str]) -> Asked:
    times: list[float] = []
    elements = 0
    begun = time.perf_counter()
    while len(times) < ASKED_MIN or (time.perf_counter() - begun < ASKED_S and len(times) < ASKED_MAX):
        path = paths[len(times) % len(paths)]
        sent = time.perf_counter()
        answer = client.get(path)
        times.append(time.perf_counter() - sent)
        assert answer.status_code == 200, (path, answer.text[:200])
        elements = max(elements, len(answer.json()))
    latency = Latency.of(times[1:])
    assert latency is not None, "it was asked more than once"
    return Asked(name, round(times[0] * 1e3, 1), elements, latency)


def _logs() -> dict[str, list[str]]:
    some = [f"/nodes/logs?peer_id={peer}" for peer in _peers()[::7]]
    return {
        "/nodes/logs": some,
        f"/nodes/logs, peer of {CONNECTIONS_OF_MANY:,} connections": [f"/nodes/logs?peer_id={MANY}"],
        "/nodes/logs, msg": [f"{each}&msg=block.import" for each in some],
        "/nodes/logs, rare msg": [f"{each}&msg=system.connected" for each in some],
        "/nodes/logs, msg that never came": [f"{each}&msg=none" for each in some],
        "/nodes/logs, msg and target": [f"{each}&msg=tracing.profiling&target=frame_system" for each in some],
        "/nodes/logs, rare target": [f"{each}&target=pallet_rare" for each in some],
        "/nodes/logs, unknown peer": ["/nodes/logs?peer_id=nobody"],
    }


def _others() -> dict[str, list[str]]:
    return {
        "/reputation": ["/reputation"],
        "/reputation/logged": ["/reputation/logged"],
        "/reputation/{peer_id}": [f"/reputation/{peer}" for peer in _peers()[::7]],
        "/reputation/{peer_id}, unknown": ["/reputation/nobody"],
        "/nodes": ["/nodes"],
        "/nodes/log_stats": [f"/nodes/log_stats?peer_id={peer}" for peer in _peers()[::7]],
    }


async def _purge_oldest(whole: Whole) -> Purged:
    """The service's own purge, with a limit at the end of the oldest day."""
    database = await Database.connect(PoolOptions(whole.dsn, application="bench purge"))
    try:
        listed = await partitions.list_partitions(database)
        oldest = next(each for each in listed if each.since is not None)
        assert oldest.until is not None, "it is a day"
        before, begun = _mib(whole), time.perf_counter()
        rows = await purge.purge_logs(database, oldest.until, 50_000)
        seconds = time.perf_counter() - begun
        return Purged(rows, round(seconds, 3), before, _mib(whole))
    finally:
        await database.close()


def _mib(whole: Whole) -> float:
    """Of the database's files on disk, without the log of writes, which is recycled."""
    base = whole.platform.data_dir / "postgres" / "base"
    return round(sum(file.stat().st_blocks * 512 for file in base.rglob("*") if file.is_file()) / MIB, 1)


async def fill(data_dir: Path, size: Size) -> float:
    """Put a history into the store of a platform that was started once and stopped.

    Returns:
        Seconds.
    """
    begun = time.monotonic()
    parameters = {
        "wal_level": "minimal", "max_wal_senders": "0", "synchronous_commit": "off", "max_wal_size": "8GB",
        "maintenance_work_mem": "512MB",
    }  # fmt: skip
    server = EmbeddedPostgres(EmbeddedOptions(data_dir, parameters=parameters))
    await server.start()
    try:
        days = await _make_room(server.dsn, size.days)
        await _make_connections(server.dsn, days[0], days[-1] + timedelta(days=1))
        waiting = list(enumerate(days))
        await asyncio.gather(*(_work(server.dsn, size, waiting) for _ in range(WRITERS)))
        await _digest(server.dsn, days[0])
        connection = await connect(server.dsn)
        # Autovacuum does this in the days a history takes; otherwise it would run during the measurement.
        await connection.execute("VACUUM ANALYZE")
        await connection.close()
    finally:
        await server.stop()
    return time.monotonic() - begun


async def _digest(dsn: str, begun: datetime) -> None:
    """What the service does with each day when it is over."""
    database = await Database.connect(PoolOptions(dsn, application="bench fill"))
    try:
        await digests.make(database, await partitions.list_partitions(database), begun, purge.now())
    finally:
        await database.close()


async def _make_connections(dsn: str, begun: datetime, ended: datetime) -> None:
    connection = await connect(dsn)
    await connection.execute("TRUNCATE telemetry.peer_connections")
    await connection.execute(_CONNECTIONS, _peers(), CONNECTIONS_PER_PEER, begun, ended)
    await connection.execute(
        _CONNECTIONS.replace("1 + slice", f"{FIRST_OF_MANY} + slice"),
        [MANY],
        CONNECTIONS_OF_MANY,
        begun,
        ended,
    )
    await connection.execute(
        "SELECT setval('telemetry.peer_connections_id_seq', max(id)) FROM telemetry.peer_connections"
    )
    await connection.close()


async def _work(dsn: str, size: Size, waiting: list[tuple[int, datetime]]) -> None:
    """Make partitions of days until none waits; several may work."""
    connection = await connect(dsn)
    count = size.rows // size.days
    while waiting:
        number, day = waiting.pop()
        table = f"telemetry.tetcore_logs_{day:%Y_%m_%d}"
        slice_ = number * CONNECTIONS_PER_PEER // size.days
        rows = _ROWS.format(
            table=table, first=FIRST_ID + number * count, day=f"{day:%Y-%m-%d}", count=count, peers=PEERS,
            regular=1 + slice_ * PEERS, many=FIRST_OF_MANY + number * (CONNECTIONS_OF_MANY - 5) // size.days,
            state_every=STATE_EVERY, rare_every=RARE_EVERY, known=corpus.STATE_PEERS,
        )  # fmt: skip
        async with connection.transaction():
            await connection.execute(f"CREATE TABLE {table} (LIKE telemetry.tetcore_logs INCLUDING DEFAULTS)")
            await connection.execute(rows, _peers())
        await connection.execute(
            f"ALTER TABLE telemetry.tetcore_logs_expiring ATTACH PARTITION {table} "
            f"FOR VALUES FROM ('{day:%Y-%m-%d}') TO ('{day + timedelta(days=1):%Y-%m-%d}')"
        )
    await connection.close()


async def _make_room(dsn: str, days: int) -> list[datetime]:
    """Let the past end before the history; the days of it, oldest first, the last before yesterday."""
    connection = await connect(dsn)
    bound = await connection.fetchval(
        "SELECT pg_get_expr(relpartbound, oid) FROM pg_class "
        "WHERE oid = 'telemetry.tetcore_logs_past'::regclass"
    )
    end = datetime.fromisoformat(bound.split("'")[1])
    begin = end - timedelta(days=days)
    await connection.execute("DROP TABLE telemetry.tetcore_logs_past")
    await connection.execute(
        "CREATE TABLE telemetry.tetcore_logs_past PARTITION OF telemetry.tetcore_logs_expiring "
        f"FOR VALUES FROM (MINVALUE) TO ('{begin:%Y-%m-%d}')"
    )
    await connection.close()
    return [begin + timedelta(days=number) for number in range(days)]


def _peers() -> list[str]:
    return [corpus.peer_id(LABEL, number) for number in range(PEERS)]
