"""The bar of distribution-and-reliability 13.1: the production sequencer under 500 seeds of trouble."""

import pytest
from tests.simulation.scheduler.fleet import Job, add_up

SEEDS = 500
FAULTS_MIN = 8_000
KINDS = {
    "clock_step",
    "commit_late",
    "commit_unknown",
    "crash",
    "duplicate",
    "hang_up",
    "refused",
    "slow",
    "slow_signature",
}
ANSWERS = {"exists", "nowhere", "said", "stored", "unknown"}


@pytest.mark.timeout(300)
def test_every_promise_is_kept() -> None:
    figures = add_up([Job(seed) for seed in range(SEEDS)])
    assert figures.violations == []
    assert figures.seeds == SEEDS
    assert figures.faults.total() >= FAULTS_MIN
    assert set(figures.faults) == KINDS
    assert set(figures.answers) == ANSWERS
    assert figures.assignments > SEEDS * 25  # trouble that stops everything proves nothing
