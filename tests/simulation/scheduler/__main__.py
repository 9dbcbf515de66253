"""`python -m tests.simulation.scheduler`: replay one seed, or play many."""

import argparse
import os
import sys

from tests.simulation.fleet import silence
from tests.simulation.scheduler.fleet import Job, add_up
from tests.simulation.scheduler.planted import BUGS, plant
from tests.simulation.scheduler.simulation import simulate

BAR = "0-499"


def main() -> int:
    """Exit code 0 where every promise was kept, else 1."""
    options = _read_options()
    if options.seed is None:
        first, _, last = options.seeds.partition("-")
        seeds = range(int(first), int(last or first) + 1)
        figures = add_up([Job(seed, options.bug) for seed in seeds], os.cpu_count() or 1)
        print("\n".join(figures.lines()))
        return bool(figures.violations)
    silence()
    with plant(options.bug):
        outcome = simulate(options.seed, print if options.trace else None)
    print(outcome.violation or "every promise was kept")
    print(
        f"profile {outcome.profile}, {outcome.posted} posted, {outcome.assignments} assignments, "
        f"{sum(outcome.injected.values())} faults, {outcome.virtual_s:.0f} virtual s, {outcome.seconds:.2f} s"
    )
    print(f"trace {outcome.trace_hash}")
    return outcome.violation is not None


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.scheduler", description=__doc__)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--seed", type=int, help="replay this one")
    which.add_argument("--seeds", default=BAR, metavar="A-B", help=f"play these on all cores ({BAR})")
    parser.add_argument("--trace", action="store_true", help="show what happens, step by step")
    parser.add_argument("--bug", choices=sorted(BUGS), help="plant this bug")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
