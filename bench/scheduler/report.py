"""Figures as text: ratios first, then what they were measured on."""

from collections.abc import Callable, Iterable, Sequence
from statistics import median

from bench.document import machine, table
from bench.latency import Latency
from bench.ledger.target import LOAD
from bench.scheduler.corpus import DATA_BYTES, RSA_EVERY
from bench.scheduler.floor import Signed
from bench.scheduler.lists import Listed
from bench.scheduler.target import GATEWAY, POSTGRES, UNIT, Scheduled
from bench.scheduler.whole import CONNECTIONS_OF_ONE, CORES, PROCESSES, Figures

AIMS = (
    "The aims are 0.9 for both ratios, an answer within 1.3 signatures at light load, 5,000 messages in less "
    "than 1.5 s, and at most 5 percent for checking.\n\n"
)
ROLES = (UNIT, POSTGRES, GATEWAY, "platform", LOAD)


def scheduler(rounds: Sequence[Figures], lists: Sequence[Listed]) -> str:
    """Medians over the rounds; ratios are those of the parts of one round."""
    parts = {
        f"{PROCESSES} processes": [each.many for each in rounds],
        "the same, signatures not checked": [each.unverified for each in rounds],
        "one process": [each.one for each in rounds],
        "light load": [each.light for each in rounds],
    }
    return "".join((
        AIMS,
        table(
            ("", "signatures alone", "scheduled", "ratio", "CPU ratio"),
            [
                _compared(f"{PROCESSES} processes, {CORES} cores, a second", rounds, _cores, _many),
                _compared("one process, one core, a second", rounds, _core, _one),
            ],
        ),
        _latencies(rounds),
        table(
            ("CPU, microseconds for each", *ROLES),
            [
                ("a signature alone", f"{median(each.core.cpu_us for each in rounds):,.0f}", *["0"] * 4),
                *(
                    (name, *(f"{median(each.cpu_us(role) for each in found):,.0f}" for role in ROLES))
                    for name, found in parts.items()
                ),
            ],
        ),
        _lists(lists),
        _notes(rounds),
    ))  # fmt: skip


def _many(figures: Figures) -> Scheduled:
    return figures.many


def _one(figures: Figures) -> Scheduled:
    return figures.one


def _cores(figures: Figures) -> Signed:
    return figures.cores


def _core(figures: Figures) -> Signed:
    return figures.core


def _compared(
    name: str,
    rounds: Sequence[Figures],
    floor_of: Callable[[Figures], Signed],
    whole_of: Callable[[Figures], Scheduled],
) -> tuple[str, ...]:
    pairs = [(floor_of(each), whole_of(each)) for each in rounds]
    rate = median(whole.per_s / floor.per_s for floor, whole in pairs)
    cpu = median(floor.cpu_us / whole.server_us(floor.cpu_us) for floor, whole in pairs)
    return (
        name,
        f"{median(floor.per_s for floor, _ in pairs):,.0f}",
        f"{median(whole.per_s for _, whole in pairs):,.0f}",
        f"**{rate:.2f}**",
        f"**{cpu:.2f}**",
    )


def _latencies(rounds: Sequence[Figures]) -> str:
    def row(name: str, found: Iterable[Latency | None]) -> tuple[str, ...]:
        known = [each for each in found if each is not None]
        return name, *(
            f"{median(getattr(each, part) for each in known):.1f}" for part in ("p50", "p99", "max")
        )

    light = median(each.light.per_s for each in rounds)
    return table(
        ("milliseconds", "p50", "p99", "max"),
        [
            row("one signature after the other", (each.core.each_ms for each in rounds)),
            row(f"signatures alone, {light:,.0f} a second", (each.paced.each_ms for each in rounds)),
            row(f"answered, {light:,.0f} a second", (each.light.round.load.answer_ms for each in rounds)),
            row(f"answered, {PROCESSES} processes", (each.many.round.load.answer_ms for each in rounds)),
            row("answered, one process", (each.one.round.load.answer_ms for each in rounds)),
        ],
    )


def _lists(lists: Sequence[Listed]) -> str:
    return table(
        ("list", "MB", "seconds, best", "worst", "first byte, ms", "CPU, s", "unit before, MiB", "peak, MiB"),
        [
            (
                f"{each.messages:,} messages", f"{each.bytes / 1e6:.1f}",
                *(f"{seconds:.2f}" for seconds in each.seconds),
                f"{each.first_s * 1000:.0f}", f"{each.cpu_s:.2f}", f"{each.before_mib:.0f}",
                f"{each.peak_mib:.0f}",
            )
            for each in lists
        ],
    )  # fmt: skip


def _notes(rounds: Sequence[Figures]) -> str:
    costs = [cost for each in rounds for cost in (each.many, each.unverified, each.one, each.light)]
    others = sorted(each.round.others_cores for each in costs)
    light, paced = (
        median(
            each.light.round.load.answer_ms.p50 / alone.each_ms.p50
            for each, alone in pairs
            if each.light.round.load.answer_ms is not None
        )
        for pairs in ([(each, each.core) for each in rounds], [(each, each.paced) for each in rounds])
    )
    checked = median(each.many.per_s / each.unverified.per_s for each in rounds)
    outbox = median(each.many.outbox / each.many.round.load.elapsed_s for each in rounds)
    drained = median(each.drained.bundles / max(each.drained.seconds, 1e-9) for each in rounds)
    alone = median(each.cores.per_s for each in rounds)
    return (
        f"Written by `python -m bench.scheduler`. {len(rounds)} rounds of "
        f"{rounds[0].many.round.load.elapsed_s:.0f} s a part. Every message was answered 200 when its "
        f"assignment was durable; each has {DATA_BYTES:,} bytes of data, and every {RSA_EVERY}th is signed "
        f"with RSA-4096. One process has {CONNECTIONS_OF_ONE} clients. At light load an answer takes "
        f"{paced:.2f} of a signature alone that is asked for as seldom, {light:.2f} of one of many without a "
        f"pause. A unit that checks signatures schedules {checked:.2f} of what one that "
        "does not does. Bundles for the uploader are counted apart, the *CPU ratio* leaves them out: "
        f"{outbox:,.0f} a second were signed while {PROCESSES} processes posted, {drained:,.0f} signed and "
        f"uploaded when nobody did, {drained / alone:.2f} of the signatures alone. A list's peak is that of "
        f"one quick and one slow reader. Others took {others[0]:.1f} to {others[-1]:.1f} cores, "
        f"{median(others):.1f} in the median.\n\n{machine()}\n"
    )
