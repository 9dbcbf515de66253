"""`python -m tests.simulation`: replay one seed, or play many."""

import argparse
import os
import sys

from tests.simulation.fleet import Job, add_up, silence
from tests.simulation.planted import BUGS, plant
from tests.simulation.simulation import simulate

BAR = "0-199"


def main() -> int:
    """Exit code 0 where every invariant held, else 1."""
    options = _read_options()
    if options.seed is None:
        first, _, last = options.seeds.partition("-")
        seeds = range(int(first), int(last or first) + 1)
        figures = add_up(
            [Job(seed, options.nodes, options.transactions, options.bug) for seed in seeds],
            os.cpu_count() or 1,
        )
        print("\n".join(figures.lines()))
        return bool(figures.violations)
    silence()
    with plant(options.bug):
        outcome = simulate(
            options.seed,
            nodes=options.nodes,
            transactions=options.transactions,
            show=print if options.trace else None,
        )
    print(outcome.violation or "every invariant held")
    print(
        f"profile {outcome.profile}, {outcome.nodes} nodes, {outcome.events} events, "
        f"{sum(outcome.injected.values())} faults, {outcome.blocks} blocks ({outcome.invalid_blocks} invalid), "
        f"{outcome.accepted} accepted, {outcome.valid} valid, {outcome.rejected} rejected, "
        f"{outcome.virtual_s:.0f} virtual s, {outcome.seconds:.2f} s"
    )
    print(f"trace {outcome.trace_hash}")
    return outcome.violation is not None


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--seed", type=int, help="replay this one, with every signature verified each time")
    which.add_argument("--seeds", default=BAR, metavar="A-B", help=f"play these on all cores ({BAR})")
    parser.add_argument("--nodes", type=int, default=5, help="members of the federation (5)")
    parser.add_argument("--transactions", type=int, default=300, help="posted per seed (300)")
    parser.add_argument("--trace", action="store_true", help="show what happens, event by event")
    parser.add_argument("--bug", choices=sorted(BUGS), help="plant this bug")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
