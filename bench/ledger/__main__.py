"""`python -m bench.ledger [--quick] [--history] [--soak MINUTES] [--json FILE]`.

Prints the figures; unless they are quick ones, docs/benchmarks.md gets them too.
"""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from bench import document
from bench.ledger import corpus, history, report, soak, whole
from bench.ledger.load import Request
from bench.ledger.target import Round, floor_target, whole_target

LABEL = "posted"
STORED = 1_000_000
STORED_QUICK = 50_000


def main() -> None:
    """Measure, print, and write what was asked for."""
    asked = _arguments()
    effort = whole.QUICK if asked.quick else whole.FULL
    posts = whole.requests(list(corpus.creates(LABEL, effort.posts)))
    floors, wholes, chains = _rounds(posts, effort)
    found: dict[str, Any] = {
        "machine": document.machine(),
        "floor": floors,
        "whole": wholes,
        "chains": chains,
    }
    texts = {"ledger": report.ledger(floors, wholes, chains)}
    if asked.history:
        stored = STORED_QUICK if asked.quick else STORED
        found["history"] = filled = history.measure(whole.Posts(LABEL, posts), effort, stored)
        texts["ledger, long history"] = report.history(filled, wholes)
    if asked.soak:
        rate = median(each.half.load.valid_per_s for each in wholes)
        found["soak"] = soaked = soak.measure(rate, asked.soak, 2 * effort.connections)
        texts["ledger, soak"] = report.soak(soaked)
    for section, text in texts.items():
        print(text)
        if not asked.quick:
            document.update(section, f"## {section.capitalize()}\n\n{text}")
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
    posts: Sequence[Request], effort: whole.Effort
) -> tuple[list[whole.FloorFigures], list[whole.WholeFigures], Round]:
    """Floor and whole in turn, part by part, so that a slow minute of the machine meets both."""
    chains = whole.requests(
        list(corpus.chains("chained", effort.chains, transfers=whole.TRANSFERS_PER_CHAIN))
    )
    floors: list[whole.FloorFigures] = []
    wholes: list[whole.WholeFigures] = []
    with floor_target(os.cpu_count() or 1) as floor, whole_target() as platform:
        below, above = whole.Posts(LABEL, posts), whole.Posts(LABEL, posts)
        whole.warm_up(floor, below)
        whole.warm_up(platform, above)
        for _ in range(effort.rounds):
            floor_post = whole.measure_posts(floor, below, effort)
            post = whole.measure_posts(platform, above, effort)
            floor_get = whole.measure_floor_reads(floor, effort)
            get = whole.measure_reads(platform, above, effort)
            floors.append(whole.FloorFigures(floor_post, floor_get))
            wholes.append(whole.measure_rest(platform, above, effort, post, get))
        return floors, wholes, whole.measure_chains(platform, chains, effort)


if __name__ == "__main__":
    main()
