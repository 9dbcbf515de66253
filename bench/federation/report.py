"""The figures as text: rates, CPU by role, time by kind of work, and what they mean."""

from collections.abc import Sequence
from statistics import median
from textwrap import fill

from bench.document import machine, table
from bench.federation.cluster import LOG_ROLE
from bench.federation.measure import SizeFigures
from bench.ledger.target import LOAD

ROLES = ("web", "pipeline", "postgres", LOG_ROLE, "platform", LOAD)


def text(sizes: Sequence[SizeFigures], validation_us: float) -> str:
    """The section of docs/benchmarks.md."""
    solo = sizes[0]
    federations = [size for size in sizes if size is not solo]
    return "".join((
        table(
            (
                "", "POST to valid, a second", "of solo", "CPU, microseconds each", "of solo",
                "transactions in a block",
            ),
            [
                (
                    size.name, f"{_rate(size):,.0f}", f"**{_rate(size) / _rate(solo):.2f}**",
                    f"{_server_cpu(size):,.0f}", f"**{_server_cpu(size) / _server_cpu(solo):.2f}**",
                    f"{size.valid / size.blocks:.0f}",
                )
                for size in sizes
            ],
        ),
        table(
            ("CPU, microseconds for each valid transaction, all nodes together", *ROLES),
            [(size.name, *(f"{_cpu(size, role):.0f}" for role in ROLES)) for size in sizes],
        ),
        table(
            ("ms in the databases for 1,000 valid, all nodes together", *(size.name for size in federations)),
            [
                (kind, *(f"{size.database_ms[kind]:,.0f}" for size in federations))
                for kind in federations[0].database_ms
            ],
        ),
        _notes(sizes, validation_us),
    ))  # fmt: skip


def _notes(sizes: Sequence[SizeFigures], validation_us: float) -> str:
    rounds = [each for size in sizes for each in size.rounds]
    others = sorted(each.others_cores for each in rounds)
    last = sizes[-1]
    checks = last.nodes + 2
    share = (checks - 1) * validation_us / _cpu(last, "pipeline")
    load = f"""
        Written by `python -m bench.federation`. {len(sizes[0].rounds)} rounds each. Others took
        {others[0]:.1f} to {others[-1]:.1f} cores, {median(others):.1f} in the median. Requests go to all
        nodes in turn; *valid* is seen on the first one's event stream, and at the end every node had every
        transaction and the same last block. All nodes share this machine: the rate is what is left for each,
        so read the CPU. Every node has one web worker.
    """
    checked = f"""
        To read a transaction and check it costs {validation_us:.0f} microseconds of CPU. The node that
        accepts it does so in its web worker, the one that builds its block and each that votes in their
        pipelines: at most {checks} times with {last.nodes} nodes. In the pipelines that is {share:.0%} of
        their CPU. Times in the databases include waiting, for locks too; *judge, copy, sign* also includes
        the checks, made in that transaction.
    """
    return "\n\n".join(fill(" ".join(each.split()), 118) for each in (load, checked, machine())) + "\n"


def _rate(size: SizeFigures) -> float:
    return median(each.load.valid_per_s for each in size.rounds)


def _cpu(size: SizeFigures, role: str) -> float:
    return median(each.cpu_us().get(role, 0.0) for each in size.rounds)


def _server_cpu(size: SizeFigures) -> float:
    return median(each.server_cpu_us() for each in size.rounds)
