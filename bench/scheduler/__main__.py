"""`python -m bench.scheduler [--quick] [--json FILE]`.

Prints the figures; unless they are quick ones, docs/benchmarks.md gets them too.
"""

import argparse
from pathlib import Path

import msgspec

from bench import document
from bench.scheduler import lists, report, whole
from bench.scheduler.target import whole_running


def main() -> None:
    """Measure, print, and write what was asked for."""
    parser = argparse.ArgumentParser(
        "python -m bench.scheduler", description="The scheduler beside its floor."
    )
    parser.add_argument("--quick", action="store_true", help="short rounds; the figures are rough")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    asked = parser.parse_args()
    effort = whole.QUICK if asked.quick else whole.FULL
    rounds, listed = _rounds(effort)
    text = report.scheduler(rounds, listed)
    print(text)
    if not asked.quick:
        document.update("scheduler", f"## Scheduler\n\n{text}")
    if asked.json:
        found = {"machine": document.machine(), "rounds": rounds, "lists": listed}
        asked.json.write_bytes(msgspec.json.format(msgspec.json.encode(found)))


def _rounds(effort: whole.Effort) -> tuple[list[whole.Figures], list[lists.Listed]]:
    """Everything in turn, part by part, so that a slow minute of the machine meets all."""
    with whole_running() as checking, whole_running(verify=False) as trusting:
        subject, unverified = whole.Subject(checking, effort), whole.Subject(trusting, effort)
        subject.warm_up()
        unverified.warm_up()
        rounds = [
            whole.measure(subject, unverified, effort, unverified_first=bool(number % 2))
            for number in range(effort.rounds)
        ]
        return rounds, lists.measure(checking, effort.lists)


if __name__ == "__main__":
    main()
