"""`python -m bench.telemetry [--quick] [--history] [--json FILE]`.

Prints the figures; unless they are quick ones, docs/benchmarks.md gets them too.
"""

import argparse
from pathlib import Path
from typing import Any

import msgspec

from bench import document
from bench.telemetry import history, report, whole
from bench.telemetry.target import floor_running, whole_running


def main() -> None:
    """Measure, print, and write what was asked for."""
    parser = argparse.ArgumentParser("python -m bench.telemetry", description="Telemetry beside its floor.")
    parser.add_argument("--quick", action="store_true", help="short rounds; the figures are rough")
    parser.add_argument("--history", action="store_true", help="also over a store of 50 million messages")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    asked = parser.parse_args()
    effort = whole.QUICK if asked.quick else whole.FULL
    rounds, idle = _rounds(effort)
    found: dict[str, Any] = {"machine": document.machine(), "rounds": rounds, "idle": idle}
    texts = {"telemetry": report.telemetry(rounds, idle, effort.sockets)}
    if asked.history:
        filled = history.measure(effort, history.QUICK if asked.quick else history.FULL)
        found["history"] = filled
        texts["telemetry, long history"] = report.history(filled, rounds)
    for section, text in texts.items():
        print(text)
        if not asked.quick:
            document.update(section, f"## {section.capitalize()}\n\n{text}")
    if asked.json:
        asked.json.write_bytes(msgspec.json.format(msgspec.json.encode(found)))


def _rounds(effort: whole.Effort) -> tuple[list[whole.Figures], list[whole.Idle]]:
    """Floor and whole in turn; idle sockets on a platform of their own, before it has done anything."""
    with whole_running() as platform:
        idle = [whole.measure_idle(platform, sockets, effort.idle_s) for sockets in effort.idle]
    with floor_running() as floor, whole_running() as platform:
        whole.warm_up(floor, platform, effort)
        rounds = [whole.measure(floor, platform, effort, f"round {n}") for n in range(effort.rounds)]
    return rounds, idle


if __name__ == "__main__":
    main()
