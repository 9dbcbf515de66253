"""The figures of one round: posting, reading, outputs by key, on a real `lamina up`; and the floor's two."""

import random
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from bench.ledger import corpus, floor, usage
from bench.ledger.load import Latency, Request, get, post
from bench.ledger.target import Round, Target, run_round

WARM_UP = 1000
READ_CONNECTIONS = 32
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


QUICK = Effort(rounds=1, post_s=5, half_s=5, read_s=3, connections=64, chains=300)
FULL = Effort(rounds=3, post_s=15, half_s=20, read_s=6, connections=64, chains=1500)


class FloorFigures(msgspec.Struct):
    """One round on the floor."""

    post: Round
    bare_get: Round


class WholeFigures(msgspec.Struct):
    """One round on the whole; `chains` is None where the round had none."""

    post: Round
    half: Round
    get: Round
    outputs: Latency
    outputs_shared: Latency
    chains: Round | None
    rss_mib: dict[str, float]


def requests(signed: Sequence[corpus.Signed]) -> list[Request]:
    """Posts of these transactions."""
    return [Request(each.tx_id.encode(), post(each.body), each.after.encode()) for each in signed]


def measure_floor(target: Target, posts: Sequence[Request], effort: Effort) -> FloorFigures:
    """POST at full speed, and the bare answer."""
    warm_up(target, posts, follow=False)
    full = run_round(target, posts[WARM_UP:], connections=effort.connections, seconds=effort.post_s)
    bare = [Request(b"", get(floor.BARE_PATH))]
    return FloorFigures(full, read(target, bare, effort.read_s))


def measure_whole(
    target: Target, posts: Sequence[Request], effort: Effort, *, label: str, chains: Sequence[Request] = ()
) -> WholeFigures:
    """POST to valid at full speed, then at half of it; reads; chains of transfers where there are some.

    Args:
        target: a running platform that has seen none of `posts` yet.
        posts: the requests of the corpus `label`; those of the full speed come first.
        effort: how long.
        label: of the corpus, to know its keys.
        chains: requests of `corpus.chains`.
    """
    warm_up(target, posts, follow=True)
    full = run_round(
        target, posts[WARM_UP:], connections=effort.connections, seconds=effort.post_s, follow=True
    )
    rate = full.load.valid_per_s / 2
    used = WARM_UP + full.load.answered
    rest = posts[used : used + int(rate * effort.half_s) + 1]
    half = run_round(
        target, rest, connections=2 * effort.connections, seconds=effort.half_s, rate=rate, follow=True
    )
    return WholeFigures(
        post=full,
        half=half,
        get=read(target, known(posts[:used]), effort.read_s),
        outputs=outputs(target, corpus.own_keys(label, range(min(used, KNOWN_MAX))), effort.read_s),
        outputs_shared=outputs(target, corpus.shared_keys(), effort.read_s),
        chains=_measure_chains(target, chains, effort) if chains else None,
        rss_mib=usage.rss_mib(target.roles),
    )


def warm_up(target: Target, posts: Sequence[Request], *, follow: bool) -> None:
    """Let every process import, connect and prepare its statements."""
    run_round(target, posts[:WARM_UP], connections=READ_CONNECTIONS, seconds=2, follow=follow)


def known(posts: Sequence[Request]) -> list[Request]:
    """Reads of posted transactions in random order."""
    chosen = random.Random(1).sample(posts, min(KNOWN_MAX, len(posts)))
    return [Request(b"", get(f"/api/v1/transactions/{request.key.decode()}")) for request in chosen]


def read(target: Target, wanted: Sequence[Request], seconds: float) -> Round:
    """Reads at full speed."""
    return run_round(target, wanted, connections=READ_CONNECTIONS, seconds=seconds, is_cycled=True)


def outputs(target: Target, keys: Sequence[str], seconds: float) -> Latency:
    """How long one list of outputs by key takes when nobody else asks."""
    wanted = [Request(b"", get(f"/api/v1/outputs?public_key={key}")) for key in keys]
    random.Random(1).shuffle(wanted)
    measured = run_round(target, wanted, connections=1, seconds=seconds, is_cycled=True)
    assert measured.load.answer_ms is not None, "an idle server answers"
    return measured.load.answer_ms


def _measure_chains(target: Target, chains: Sequence[Request], effort: Effort) -> Round:
    """Each TRANSFER is posted when the transaction it spends is valid; ends when the chains are done."""
    return run_round(target, chains, connections=effort.connections, seconds=effort.post_s, follow=True)
