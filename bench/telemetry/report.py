"""Figures as text: ratios first, then what they were measured on."""

from collections.abc import Iterable, Sequence
from statistics import median

from bench.document import machine, table
from bench.latency import Latency
from bench.telemetry.floor import BATCH, LOT
from bench.telemetry.history import HistoryFigures
from bench.telemetry.target import COPY, POSTGRES, RECEIVER, SENDER, Cost
from bench.telemetry.whole import Figures, Idle

ROLES = (RECEIVER, POSTGRES, COPY, SENDER)


def telemetry(rounds: Sequence[Figures], idle: Sequence[Idle], sockets: int) -> str:
    """Medians over the rounds; ratios are those of the two halves of one round."""
    floors, lots, fulls, halves = (
        [getattr(each, part) for each in rounds] for part in ("floor", "floor_of_lots", "full", "half")
    )
    parts = {"floor, COPY": floors, "whole, full speed": fulls, "whole, half load": halves}
    return "".join((
        table(
            ("", "floor", "whole", "ratio", "CPU ratio"),
            [
                _beside("messages stored and queryable, a second", floors, fulls),
                _beside(f"the same, {LOT:,} rows a transaction", lots, fulls),
            ],
        ),
        _latencies([(f"sent to seen on /feed, {_rate(halves):,.0f}/s", [each.visible for each in rounds])]),
        _cpu(parts),
        table(
            ("idle sockets with heartbeats", "receiver, MiB", "with them, MiB", "KiB each", "of a core"),
            [
                (
                    f"{each.sockets:,}", f"{each.pss_before_mib:.0f}", f"{each.pss_mib:.0f}",
                    f"{(each.pss_mib - each.pss_before_mib) * 1024 / each.sockets:.0f}",
                    f"{each.cpu_share:.2f}",
                )
                for each in idle
            ],
        ),
        _notes(rounds, sockets),
    ))  # fmt: skip


def history(figures: HistoryFigures, rounds: Sequence[Figures]) -> str:
    """The filled store beside the empty one of the same run."""
    fulls, purged = [each.full for each in rounds], figures.purged
    size, wanted = figures.size, figures.wanted
    less = "" if size == wanted else f" The disk had no room for the {wanted.rows:,} that are wanted."
    return "".join((
        table(
            ("", "empty store", f"{size.rows:,} stored", "ratio"),
            [
                _pair("messages stored and queryable, a second", _rate(fulls), _rate(figures.full)),
                _pair("CPU for a message, microseconds", _server(fulls), _server(figures.full)),
            ],
        ),
        _latencies([
            ("sent to seen on /feed at half load, empty", [each.visible for each in rounds]),
            ("sent to seen on /feed at half load, filled", figures.visible),
        ]),
        table(
            ("milliseconds, one reader, default limit", "elements", "first", "p50", "p99"),
            [
                (each.name, f"{each.elements:,}", f"{each.first_ms:.1f}", f"{each.latency.p50:.1f}",
                 f"{each.latency.p99:.1f}")
                for each in figures.asked
            ],
        ),
        (
            f"{size.rows:,} rows in {size.days} daily partitions, made in {figures.fill_s:.0f} s.{less} "
            "*first* "
            "is the first of its kind after the start. "
            f"The purge of the oldest day removed {purged.rows:,} rows in {purged.seconds * 1000:.0f} ms and "
            f"gave back {purged.before_mib - purged.after_mib:,.0f} of "
            f"{purged.before_mib:,.0f} MiB at once.\n"
        ),
    ))  # fmt: skip


def _latencies(rows: Iterable[tuple[str, Sequence[Latency]]]) -> str:
    return table(
        ("milliseconds", "p50", "p99", "max"),
        [
            (
                name,
                *(f"{median(getattr(each, part) for each in found):.1f}" for part in ("p50", "p99", "max")),
            )
            for name, found in rows
        ],
    )


def _cpu(parts: dict[str, list[Cost]]) -> str:
    return table(
        ("CPU, microseconds for each message", *ROLES),
        [
            (name, *(f"{median(each.cpu_us(role) for each in costs):.1f}" for role in ROLES))
            for name, costs in parts.items()
        ],
    )


def _notes(rounds: Sequence[Figures], sockets: int) -> str:
    costs = [cost for each in rounds for cost in (each.floor, each.full, each.half)]
    others = sorted(each.others_cores for each in costs)
    return (
        f"Written by `python -m bench.telemetry`. {len(rounds)} rounds of {rounds[0].full.messages:,} "
        "messages "
        f"from {sockets} sockets; every one was found again in the totals over HTTP. Others took "
        f"{others[0]:.1f} to {others[-1]:.1f} cores, {median(others):.1f} in the median. The floor is "
        "COPY of "
        f"the same rows by a bare process into the same table and indexes: {BATCH:,} rows in a transaction, "
        f"as in a batch by default, or {LOT:,}, as a receiver writes together at most. At full speed a "
        "sender "
        "writes eight frames at a time, at half load each when it is due; the feed is told of what is "
        "committed.\n\n"
        f"{machine()}\n"
    )


def _beside(name: str, floors: Sequence[Cost], fulls: Sequence[Cost]) -> tuple[str, ...]:
    pairs = list(zip(floors, fulls, strict=True))
    rate = median(full.per_s / floor.per_s for floor, full in pairs)
    cpu = median(floor.server_us / full.server_us for floor, full in pairs)
    return name, f"{_rate(floors):,.0f}", f"{_rate(fulls):,.0f}", f"**{rate:.2f}**", f"**{cpu:.2f}**"


def _pair(name: str, empty: float, filled: float) -> tuple[str, ...]:
    return name, f"{empty:,.0f}", f"{filled:,.0f}", f"**{filled / empty:.2f}**"


def _rate(costs: Sequence[Cost]) -> float:
    return median(each.per_s for each in costs)


def _server(costs: Sequence[Cost]) -> float:
    return median(each.server_us for each in costs)
