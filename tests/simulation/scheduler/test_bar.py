"""The bar of distribution-and-reliability 13.1: the production sequencer under 500 seeds of trouble.

The first half of the seeds runs always, the other with `make test-soak`; `make sim` runs both.
"""

import pytest
from tests.simulation.scheduler.fleet import Job, add_up

PARTS = 2
SEEDS_PER_PART = 250
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
@pytest.mark.parametrize("part", [0, pytest.param(1, marks=pytest.mark.soak)])
def test_every_promise_is_kept(part: int) -> None:
    first = part * SEEDS_PER_PART
    figures = add_up([Job(seed) for seed in range(first, first + SEEDS_PER_PART)])
    assert figures.violations == []
    assert figures.seeds == SEEDS_PER_PART
    assert figures.faults.total() >= FAULTS_MIN // PARTS
    assert set(figures.faults) == KINDS
    assert set(figures.answers) == ANSWERS
    assert figures.assignments > SEEDS_PER_PART * 25  # trouble that stops everything proves nothing
