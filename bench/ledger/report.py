"""Figures as text: ratios first, then rates and latencies, then what they were measured on."""

from collections.abc import Iterable, Sequence
from statistics import median

from bench.document import machine, table
from bench.latency import Latency
from bench.ledger import corpus
from bench.ledger.history import HistoryFigures
from bench.ledger.soak import SoakFigures
from bench.ledger.target import LOAD, Round
from bench.ledger.whole import FloorFigures, WholeFigures

ROLES = ("web", "pipeline", "postgres", "platform", LOAD)


def ledger(floors: Sequence[FloorFigures], wholes: Sequence[WholeFigures], chains: Round) -> str:
    """Floor and whole: medians over the rounds; ratios are those of the two halves of one round."""
    parts = {
        "floor, POST": [f.post for f in floors],
        "whole, POST to valid": [w.post for w in wholes],
        "floor, bare GET": [f.get for f in floors],
        "whole, GET of a transaction": [w.get for w in wholes],
        "whole, its first GET": [w.get_first for w in wholes],
    }
    floor_posts, posts, floor_gets, gets, first_gets = parts.values()
    parts["whole, chains of transfers"] = [chains]
    return "".join((
        table(
            ("", "floor", "whole", "ratio", "CPU ratio"),
            [
                _compared("POST to valid, a second", floor_posts, posts),
                _compared("GET of a transaction, a second", floor_gets, gets),
                _compared("first GET of a transaction, a second", floor_gets, first_gets),
            ],
        ),
        _latencies(wholes, "some tens of outputs"),
        table(
            ("CPU, microseconds for each", *ROLES),
            [(name, *_cpu(rounds)) for name, rounds in parts.items()],
        ),
        _notes(floor_posts + floor_gets + posts + gets, wholes, chains),
    ))  # fmt: skip


def history(figures: HistoryFigures, wholes: Sequence[WholeFigures]) -> str:
    """The filled store beside the empty one of the same run."""
    empty_posts, posts = [w.post for w in wholes], [w.post for w in figures.rounds]
    empty_gets, gets = [w.get for w in wholes], [w.get for w in figures.rounds]
    empty_firsts, firsts = [w.get_first for w in wholes], [w.get_first for w in figures.rounds]
    return "".join((
        table(
            ("", "empty store", f"{figures.stored:,} stored", "ratio"),
            [
                _pair("POST to valid, a second", _rate(empty_posts), _rate(posts)),
                _pair("CPU for a POST, microseconds", _server_cpu(empty_posts), _server_cpu(posts)),
                _pair("GET of a transaction, a second", _rate(empty_gets), _rate(gets)),
                _pair("CPU for a GET, microseconds", _server_cpu(empty_gets), _server_cpu(gets)),
                _pair("first GET of a transaction, a second", _rate(empty_firsts), _rate(firsts)),
                _pair("CPU for a first GET, microseconds", _server_cpu(empty_firsts), _server_cpu(firsts)),
            ],
        ),
        _latencies(figures.rounds, f"about {figures.stored // corpus.SHARED_KEYS:,} outputs"),
        table(
            ("milliseconds", "p50", "p99", "max"),
            [
                _latency("outputs by key of the history, one output", [figures.outputs_old]),
                _latency(f"outputs by key, {figures.many:,} outputs", [figures.outputs_many]),
            ],
        ),
        f"The store was filled in {figures.fill_s:.0f} s; `lamina up` on it took {figures.start_s:.1f} s.\n",
    ))  # fmt: skip


def soak(figures: SoakFigures) -> str:
    """Rate, losses, memory."""
    growth = figures.growth_mib_per_hour()
    first, last = figures.samples[0].rss_mib, figures.samples[-1].rss_mib
    rows = [(role, f"{first[role]:.0f}", f"{last[role]:.0f}", f"{growth.get(role, 0):+.0f}") for role in last]
    return (
        f"{figures.minutes:g} minutes at {figures.rate:.0f} a second, {figures.posted:,} posted, "
        f"{figures.refused} of them refused, {figures.missing} accepted and not announced in their minute; "
        f"in the worst minute p99 from POST to valid was {figures.valid_p99_ms_worst:.0f} ms.\n\n"
    ) + table(("private memory, MiB", "start", "end", "growth an hour, settled"), rows)


def _compared(name: str, floors: Sequence[Round], wholes: Sequence[Round]) -> tuple[str, ...]:
    pairs = list(zip(floors, wholes, strict=True))
    rates = median(_speed(whole) / _speed(floor) for floor, whole in pairs)
    cpu = median(floor.server_cpu_us() / whole.server_cpu_us() for floor, whole in pairs)
    return name, f"{_rate(floors):,.0f}", f"{_rate(wholes):,.0f}", f"**{rates:.2f}**", f"**{cpu:.2f}**"


def _latencies(wholes: Sequence[WholeFigures], shared: str) -> str:
    return table(
        ("milliseconds", "p50", "p99", "max"),
        [
            _latency("POST answered at half load", [w.half.load.answer_ms for w in wholes]),
            _latency("POST to valid at half load", [w.half.load.valid_ms for w in wholes]),
            _latency("outputs by key, one output", [w.outputs for w in wholes]),
            _latency(f"outputs by key, {shared}", [w.outputs_shared for w in wholes]),
        ],
    )


def _pair(name: str, empty: float, filled: float) -> tuple[str, ...]:
    return name, f"{empty:,.0f}", f"{filled:,.0f}", f"**{filled / empty:.2f}**"


def _latency(name: str, measured: Iterable[Latency | None]) -> tuple[str, ...]:
    found = [each for each in measured if each is not None]
    middle = [
        median(values) for values in zip(*((each.p50, each.p99, each.max) for each in found), strict=True)
    ]
    return name, *(f"{value:.1f}" for value in middle)


def _cpu(rounds: Sequence[Round]) -> list[str]:
    return [f"{median(each.cpu_us().get(role, 0.0) for each in rounds):.0f}" for role in ROLES]


def _speed(measured: Round) -> float:
    """Items a second, to valid where that was followed."""
    return measured.load.valid_per_s if measured.load.valid_ms else measured.load.answered_per_s


def _rate(rounds: Sequence[Round]) -> float:
    return median(_speed(each) for each in rounds)


def _server_cpu(rounds: Sequence[Round]) -> float:
    return median(each.server_cpu_us() for each in rounds)


def _notes(rounds: Sequence[Round], wholes: Sequence[WholeFigures], chains: Round) -> str:
    others = sorted(each.others_cores for each in rounds)
    memory = ", ".join(f"{role} {mib:.0f}" for role, mib in wholes[-1].rss_mib.items())
    return (
        f"{len(wholes)} rounds. Others took {others[0]:.1f} to {others[-1]:.1f} cores, "
        f"{median(others):.1f} in the median. Chains of one CREATE and four TRANSFERs: {_speed(chains):,.0f} "
        f"valid a second. Private memory at the end, MiB: {memory}.\n\n{machine()}\n"
    )
