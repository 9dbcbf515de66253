"""The figures of one round: the floor's COPY, the platform at full speed, and half of it with a probe."""

from typing import NamedTuple

import msgspec

from bench.latency import Latency
from bench.telemetry import corpus
from bench.telemetry.floor import LOT
from bench.telemetry.sender import Job
from bench.telemetry.target import Cost, Floor, Sending, Whole

WARM_UP = 10_000
SETTLE_S = 2.0


class Effort(NamedTuple):
    """How much is measured: rounds, messages of each at full speed, seconds at half, sockets, idle ones."""

    rounds: int
    messages: int
    half_s: float
    sockets: int
    idle: tuple[int, ...]
    idle_s: float


QUICK = Effort(rounds=2, messages=60_000, half_s=4, sockets=100, idle=(1000,), idle_s=6)
FULL = Effort(rounds=5, messages=300_000, half_s=10, sockets=100, idle=(1000, 10_000), idle_s=20)


class Figures(msgspec.Struct):
    """One round.

    Attributes:
        floor: COPY of a batch a transaction.
        floor_of_lots: COPY of as much as is written together under load.
        full, half: the platform, at full speed and at half of it.
        visible: at half of it.
    """

    floor: Cost
    floor_of_lots: Cost
    full: Cost
    half: Cost
    visible: Latency


class Idle(msgspec.Struct):
    """Sockets that say nothing but pongs: memory of the receiver before and with them, and its CPU."""

    sockets: int
    pss_before_mib: float
    pss_mib: float
    cpu_share: float


def warm_up(floor: Floor, whole: Whole, effort: Effort) -> None:
    """Let every process import, connect and grow its tables a little."""
    frames = corpus.messages("warm", effort.sockets, WARM_UP)
    floor.copy(frames)
    whole.send(frames, Job("", whole.port, effort.sockets, "warm"))


def measure(floor: Floor, whole: Whole, effort: Effort, label: str) -> Figures:
    """One round of all three."""
    frames = corpus.messages(f"{label} full", effort.sockets, effort.messages)
    copied, copied_lots = floor.copy(frames), floor.copy(frames, LOT)
    full, half, visible = measure_platform(whole, effort, label, frames)
    return Figures(copied, copied_lots, full, half, visible)


def measure_platform(
    whole: Whole, effort: Effort, label: str, frames: list[corpus.Frame]
) -> tuple[Cost, Cost, Latency]:
    """Full speed, then half of what that was."""
    full, _ = whole.send(frames, Job("", whole.port, effort.sockets, f"{label} full"))
    rate = full.per_s / 2
    frames = frames[: min(len(frames), int(rate * effort.half_s))]
    job = Job("", whole.port, effort.sockets, f"{label} half", rate=rate, is_probed=True)
    half, result = whole.send(frames, job)
    assert result.visible_ms is not None, "it was probed"
    return full, half, result.visible_ms


def measure_idle(whole: Whole, sockets: int, seconds: float) -> Idle:
    """Open sockets that greet and then only answer pings."""
    before = whole.pss_mib()
    job = Job("", whole.port, sockets, f"idle {sockets}", hold_s=seconds + SETTLE_S)
    sending = Sending(job, whole.scratch)
    sending.start()
    cost = whole.rest(seconds)
    held = whole.pss_mib()
    sending.result()
    sending.end()
    return Idle(sockets, before, held, round(cost / seconds, 3))
