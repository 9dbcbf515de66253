"""The figures of one round: posting, reading, outputs by key, on a real `lamina up`; and the floor's two."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from bench import usage
from bench.latency import Latency
from bench.ledger import corpus, floor
from bench.ledger.load import Request, get, post
from bench.ledger.target import Round, Target, run_round

POSTS_PER_S_MAX = 9000
"""More than a platform on two cores has been seen to take: a corpus must not end before its rounds."""
WARM_UP = 1000
WARM_UP_S = 4.0
READ_CONNECTIONS = 32
HOT = 2000
"""Transactions that are asked for again and again, as those are that people look at."""
COLD_MAX = 100_000
KNOWN_MAX = 20_000
TRANSFERS_PER_CHAIN = 4


class Effort(NamedTuple):
    """How much is measured: rounds, seconds of each part, connections of the closed loop, chains."""

    rounds: int
    post_s: float
    half_s: float
    read_s: float
    connections: int
    chains: int

    @property
    def posts(self) -> int:
        """Transactions for every round's full speed and its half load."""
        return WARM_UP + int(POSTS_PER_S_MAX * (self.post_s + self.half_s / 2) * self.rounds)


QUICK = Effort(rounds=2, post_s=3, half_s=4, read_s=2, connections=64, chains=300)
FULL = Effort(rounds=5, post_s=5, half_s=8, read_s=3, connections=64, chains=1500)


@dataclass(slots=True)
class Posts:
    """A corpus as requests: how many of them a target has had, and how many of those may have been read."""

    label: str
    requests: Sequence[Request]
    used: int = 0
    read: int = 0

    def take(self, target: Target, most: float, **how: Any) -> Round:  # noqa: ANN401 - arguments of `run_round`
        """A round with the next requests, at most so many."""
        ahead = self.requests[self.used : self.used + int(most)]
        assert ahead, f"the corpus ended: raise POSTS_PER_S_MAX ({POSTS_PER_S_MAX})"
        measured = run_round(target, ahead, **how)
        self.used += measured.load.answered
        return measured


class FloorFigures(msgspec.Struct):
    """One round on the floor; `get` is the bare answer."""

    post: Round
    get: Round


class WholeFigures(msgspec.Struct):
    """One round on the whole; `get` is of what was read before, `get_first` of what never was."""

    post: Round
    half: Round
    get: Round
    get_first: Round
    outputs: Latency
    outputs_shared: Latency
    rss_mib: dict[str, float]


def requests(signed: Sequence[corpus.Signed]) -> list[Request]:
    """Posts of these transactions."""
    return [Request(each.tx_id.encode(), post(each.body), each.after.encode()) for each in signed]


def measure_posts(target: Target, posts: Posts, effort: Effort) -> Round:
    """POST at full speed: to the answer on the floor, to valid on a platform."""
    follow = target.stream_port is not None
    most = POSTS_PER_S_MAX * effort.post_s
    return posts.take(target, most, connections=effort.connections, seconds=effort.post_s, follow=follow)


def measure_floor_reads(target: Target, effort: Effort) -> Round:
    """The bare answer."""
    return read(target, [Request(b"", get(floor.BARE_PATH))], effort.read_s)


def measure_rest(
    target: Target, posts: Posts, effort: Effort, post: Round, get: tuple[Round, Round]
) -> WholeFigures:
    """What only a whole has: half of the load it has just been seen to take, and outputs by key."""
    rate = post.load.valid_per_s / 2
    half = posts.take(
        target, rate * effort.half_s + 1,
        connections=2 * effort.connections, seconds=effort.half_s, rate=rate, follow=True,
    )  # fmt: skip
    own = corpus.own_keys(posts.label, range(min(posts.used, KNOWN_MAX)))
    return WholeFigures(
        post=post,
        half=half,
        get=get[0],
        get_first=get[1],
        outputs=outputs(target, own, effort.read_s),
        outputs_shared=outputs(target, corpus.shared_keys(), effort.read_s),
        rss_mib=usage.rss_mib(target.roles),
    )


def measure_chains(target: Target, chains: Sequence[Request], effort: Effort) -> Round:
    """Each TRANSFER is posted when the transaction it spends is valid; ends when the chains are done."""
    return run_round(target, chains, connections=effort.connections, seconds=10 * effort.post_s, follow=True)


def warm_up(target: Target, posts: Posts) -> None:
    """Let every process import, connect and prepare its statements."""
    follow = target.stream_port is not None
    posts.take(target, WARM_UP, connections=READ_CONNECTIONS, seconds=WARM_UP_S, follow=follow)


def measure_reads(target: Target, posts: Posts, effort: Effort) -> tuple[Round, Round]:
    """Reads of transactions that the workers have read before, and of ones that nobody has."""
    posted = [request.key.decode() for request in posts.requests[posts.read : posts.used]]
    random.Random(1).shuffle(posted)
    hot = [_get(tx_id) for tx_id in posted[:HOT]]
    cold = [_get(tx_id) for tx_id in posted[HOT : HOT + COLD_MAX]]
    posts.read = posts.used
    read(target, hot, effort.read_s / 4)
    return read(target, hot, effort.read_s), read(target, cold, effort.read_s, is_cycled=False)


def _get(tx_id: str) -> Request:
    return Request(b"", get(f"/api/v1/transactions/{tx_id}"))


def read(target: Target, wanted: Sequence[Request], seconds: float, *, is_cycled: bool = True) -> Round:
    """Reads at full speed."""
    return run_round(target, wanted, connections=READ_CONNECTIONS, seconds=seconds, is_cycled=is_cycled)


def outputs(target: Target, keys: Sequence[str], seconds: float) -> Latency:
    """How long one list of outputs by key takes when nobody else asks."""
    wanted = [Request(b"", get(f"/api/v1/outputs?public_key={key}")) for key in keys]
    random.Random(1).shuffle(wanted)
    measured = run_round(target, wanted, connections=1, seconds=seconds, is_cycled=True)
    assert measured.load.answer_ms is not None, "an idle server answers"
    return measured.load.answer_ms
