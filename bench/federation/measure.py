"""One size of a federation under full load: rates, CPU by role, time by kind of work."""

import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager

import msgspec

from bench.federation.cluster import Cluster, transaction_seconds
from bench.ledger.corpus import Signed
from bench.ledger.load import Request
from bench.ledger.target import Round, run_round
from lamina.services.ledger.rules import spend
from lamina.services.ledger.rules.form import parse_body, parse_transaction

CONNECTIONS = 64
DRAIN_S = 90.0
WARM_UP = 500
WARM_UP_S = 3.0
VALIDATED = 2000

KINDS: Mapping[str, tuple[str, ...]] = {
    "accept: facts, rivals, backlog": (
        "ledger.read_facts", "ledger.find_rivals", "ledger.submit_transactions",
    ),
    "build: take, check, append": (
        "ledger.take_waiting", "ledger.admit_transactions", "ledger.read_log_head", "ledger.append_log",
    ),
    "follow: read the log": ("ledger.read_tip", "ledger.read_shared_log"),
    "follow: judge, copy, sign": ("ledger.copy_block",),
    "votes: publish": (
        "ledger.read_unpublished_votes", "ledger.publish_vote", "ledger.mark_votes_published",
    ),
    "votes: read, count, decide": (
        "ledger.read_vote_cursor", "ledger.read_published_votes", "ledger.count_votes",
        "ledger.read_unreleased",
    ),
}  # fmt: skip
"""Named transactions of the way from POST to valid, by kind of work."""
REST = "the rest: event stream, watching the log's past, checkpoints"


class SizeFigures(msgspec.Struct):
    """What one size did.

    Attributes:
        name: for people.
        nodes: how many.
        rounds: of the load.
        database_ms: by kind of work, time spent for a thousand valid transactions, all nodes together.
        valid: transactions that every node has at the end.
        blocks: in which they are.
    """

    name: str
    nodes: int
    rounds: list[Round]
    database_ms: dict[str, float]
    valid: int
    blocks: int


def measure(
    name: str, made: AbstractContextManager[Cluster], posts: Sequence[Request], *, rounds: int, seconds: float
) -> SizeFigures:
    """Load one size, and see that all its nodes agree in the end.

    Raises:
        TimeoutError: they do not.
    """
    waiting = list(posts)

    def load(most: int, seconds: float, connections: int) -> Round:
        measured = run_round(
            cluster.target, waiting[:most],
            connections=connections, seconds=seconds, follow=True, drain_s=DRAIN_S,
        )  # fmt: skip
        del waiting[: measured.load.answered]
        assert measured.load.valid == measured.load.answered, f"{name}: not all is valid: {measured.load}"
        return measured

    with made as cluster:
        load(WARM_UP, WARM_UP_S, CONNECTIONS)
        before = transaction_seconds(cluster.nodes)
        measured = [load(len(waiting), seconds, CONNECTIONS) for _ in range(rounds)]
        assert waiting, "the corpus ended"
        spent = _since(before, transaction_seconds(cluster.nodes))
        valid, blocks = cluster.wait_agreed()
        posted = len(posts) - len(waiting)
        assert valid == posted, f"{name}: {posted} posted, {valid} valid"
        thousands = sum(each.load.valid for each in measured) / 1000
        by_kind = {kind: each * 1000 / thousands for kind, each in _by_kind(spent).items()}
        return SizeFigures(name, len(cluster.nodes), measured, by_kind, valid, blocks)


def _since(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    return {name: seconds - before.get(name, 0.0) for name, seconds in after.items()}


def _by_kind(seconds: Mapping[str, float]) -> dict[str, float]:
    kinds = {name: kind for kind, names in KINDS.items() for name in names}
    found = dict.fromkeys([*KINDS, REST], 0.0)
    for name, each in seconds.items():
        if name.startswith("ledger."):
            found[kinds.get(name, REST)] += each
    return found


def validation_us(signed: Sequence[Signed]) -> float:
    """Microseconds of CPU to read one transaction and check all that a CREATE must hold, once."""
    nothing = spend.ChainView({}, frozenset(), {})
    bodies = [parse_transaction(parse_body(each.body)).body for each in signed[:VALIDATED]]
    begun = time.process_time()
    for body in bodies:
        spend.check(parse_transaction(parse_body(body)), nothing, strict_owners=True)
    return (time.process_time() - begun) / len(bodies) * 1e6
