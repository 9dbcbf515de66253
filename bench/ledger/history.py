"""The same figures with a long history behind them.

The store is filled through the ledger's own accept and block steps, without HTTP and without verifying the
signatures; every row is one the real path writes.
"""

import asyncio
import itertools
import logging
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import structlog
from tests.running_platform import open_directory

from bench.latency import Latency
from bench.ledger import corpus, whole
from bench.ledger.floor import connect
from bench.ledger.target import Target, whole_target
from lamina.formats.signatures import KeyPair
from lamina.kernel.clock import SystemClock
from lamina.kernel.crypto.keys import load_or_create
from lamina.kernel.observability.statsd import Statsd
from lamina.kernel.storage.database import Database, PoolOptions
from lamina.kernel.storage.embedded import EmbeddedOptions, EmbeddedPostgres
from lamina.kernel.storage.wakeup import Wakeups
from lamina.services.ledger.model.transaction import Transaction, decode_stored
from lamina.services.ledger.node import KEY_FILE
from lamina.services.ledger.pipeline.block import BlockBuilder
from lamina.services.ledger.pipeline.seal import Seal
from lamina.services.ledger.settings import LedgerSettings
from lamina.services.ledger.store import backlog

LABEL = "history"
BLOCK = 1000
OLD_KEYS = 9973
STATEMENT_TIMEOUT_S = 900.0


class HistoryFigures(msgspec.Struct):
    """The figures over a filled store.

    Attributes:
        stored: transactions in the store before the first measurement.
        fill_s: seconds it took to put them there.
        start_s: seconds `lamina up` took on the filled store.
        rounds: the ordinary figures.
        outputs_old: lists of keys that own one output of the history.
        outputs_many: lists of the key that owns `many` outputs.
        many: how many.
    """

    stored: int
    fill_s: float
    start_s: float
    rounds: list[whole.WholeFigures]
    outputs_old: Latency
    outputs_many: Latency
    many: int


def measure(posts: whole.Posts, effort: whole.Effort, stored: int) -> HistoryFigures:
    """Fill a store with `stored` transactions, start the platform on it and measure.

    Args:
        posts: another corpus than the history's.
        effort: how long.
        stored: how many transactions there are to be before.
    """
    with open_directory() as directory:
        data_dir = directory / "data"
        with whole_target(data_dir):
            pass
        fill_s = asyncio.run(fill(data_dir, stored))
        begun = time.monotonic()
        with whole_target(data_dir) as target:
            start_s = time.monotonic() - begun
            whole.warm_up(target, posts)
            old = corpus.own_keys(LABEL, range(0, stored, max(1, stored // OLD_KEYS)))
            return HistoryFigures(
                stored=stored,
                fill_s=round(fill_s, 1),
                start_s=round(start_s, 1),
                rounds=[_round(target, posts, effort) for _ in range(effort.rounds)],
                outputs_old=whole.outputs(target, old, effort.read_s),
                outputs_many=whole.outputs(target, [corpus.key_of_many()], effort.read_s),
                many=stored // corpus.MANY_EVERY,
            )


def _round(target: Target, posts: whole.Posts, effort: whole.Effort) -> whole.WholeFigures:
    post = whole.measure_posts(target, posts, effort)
    get = whole.measure_reads(target, posts, effort)
    return whole.measure_rest(target, posts, effort, post, get)


async def fill(data_dir: Path, count: int) -> float:
    """Put `count` valid transactions into the store of a platform that was started once and stopped.

    Returns:
        Seconds.
    """
    begun = time.monotonic()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
    server = EmbeddedPostgres(EmbeddedOptions(data_dir))
    await server.start()
    try:
        options = PoolOptions(server.dsn, statement_timeout_s=STATEMENT_TIMEOUT_S, application="bench fill")
        database = await Database.connect(options)
        await _append(database, load_or_create(data_dir / KEY_FILE).pair, corpus.stored(LABEL, count))
        # Autovacuum does this in the hours a history takes; otherwise it would run during the measurement.
        await database.close()
        connection = await connect(server.dsn)
        await connection.execute("VACUUM ANALYZE")
        await connection.close()
    finally:
        await server.stop()
    return time.monotonic() - begun


async def _append(database: Database, node: KeyPair, bodies: Iterator[bytes]) -> None:
    settings, seal = LedgerSettings(), Seal(node)
    wakeups = Wakeups(database, (backlog.CHANNEL,))
    statsd = Statsd(settings.graphite_host)
    builder = BlockBuilder(database, wakeups, node, settings, clock=SystemClock(), statsd=statsd)
    while chunk := [_sealed(seal, body) for body in itertools.islice(bodies, BLOCK)]:
        await backlog.insert(database, chunk, node.public)
        taken = (await builder.step()).taken
        assert taken == len(chunk), "nobody else uses this store"


def _sealed(seal: Seal, body: bytes) -> tuple[Transaction, bytes]:
    return decode_stored(body), seal.of(body)
