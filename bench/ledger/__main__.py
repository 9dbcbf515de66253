"""`python -m bench.ledger [--quick] [--history] [--soak MINUTES] [--json FILE]`.

Prints the figures; unless they are quick ones, docs/benchmarks.md gets them too.
"""

import argparse
import os
from pathlib import Path
from typing import Any

import msgspec

from bench.ledger import corpus, history, report, soak, whole
from bench.ledger.load import Request
from bench.ledger.target import floor_target, whole_target

LABEL = "posted"
POSTS_PER_S = 5000
"""More than any round can post, so that the corpus never ends first."""
STORED = 1_000_000
STORED_QUICK = 50_000


def main() -> None:
    """Measure, print, and write what was asked for."""
    asked = _arguments()
    effort = whole.QUICK if asked.quick else whole.FULL
    posts = whole.requests(list(corpus.creates(LABEL, int(POSTS_PER_S * effort.post_s))))
    floors, wholes = _rounds(posts, effort)
    found: dict[str, Any] = {"machine": report.machine(), "floor": floors, "whole": wholes}
    texts = {"ledger": report.ledger(floors, wholes)}
    if asked.history:
        stored = STORED_QUICK if asked.quick else STORED
        found["history"] = filled = history.measure(posts, effort, label=LABEL, stored=stored)
        texts["ledger, long history"] = report.history(filled, wholes)
    if asked.soak:
        rate = wholes[-1].half.load.valid_per_s
        found["soak"] = soaked = soak.measure(rate, asked.soak, 2 * effort.connections)
        texts["ledger, soak"] = report.soak(soaked)
    for section, text in texts.items():
        print(text)
        if not asked.quick:
            report.update(section, f"## {section.capitalize()}\n\n{text}")
    if asked.json:
        asked.json.write_bytes(msgspec.json.format(msgspec.json.encode(found)))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m bench.ledger", description="The ledger beside its floor.")
    parser.add_argument("--quick", action="store_true", help="one short round; the figures are rough")
    parser.add_argument("--history", action="store_true", help="also over a store of 10^6 transactions")
    parser.add_argument("--soak", type=float, metavar="MINUTES", help="also half load for that long")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    return parser.parse_args()


def _rounds(
    posts: list[Request], effort: whole.Effort
) -> tuple[list[whole.FloorFigures], list[whole.WholeFigures]]:
    """Floor and whole in turn, each on a fresh store, so that a slow hour of the machine meets both."""
    chains = whole.requests(
        list(corpus.chains("chained", effort.chains, transfers=whole.TRANSFERS_PER_CHAIN))
    )
    floors: list[whole.FloorFigures] = []
    wholes: list[whole.WholeFigures] = []
    for _ in range(effort.rounds):
        with floor_target(os.cpu_count() or 1) as target:
            floors.append(whole.measure_floor(target, posts, effort))
        with whole_target() as target:
            wholes.append(whole.measure_whole(target, posts, effort, label=LABEL, chains=chains))
    return floors, wholes


if __name__ == "__main__":
    main()
