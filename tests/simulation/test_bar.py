"""The bar of distribution-and-reliability 13.1: the production node logic under 200 seeds of trouble.

Each part of the seeds meets every kind of trouble; the first runs always, the others with `make test-soak`, and
`make sim` runs all of them.
"""

import pytest
from tests.simulation.fleet import Job, add_up

PARTS = 4
SEEDS_PER_PART = 50
FAULTS_MIN = 20_000
KINDS = {
    "slow",
    "drop",
    "commit_unknown",
    "duplicate",
    "failover",
    "copy_refused",
    "copy_unknown",
    "copy_again",
    "crash",
    "partition",
    "clog",
    "stall",
    "clock_step",
    "lie_gap",
    "lie_other_bytes",
    "lie_rewritten",
    "lie_repeated",
    "lie_no_id",
    "vote_alone",
    "steal",
    "spend_twice",
    "repeat_valid",
    "write_garbage",
    "poison_backlog",
    "spend_the_future",
    "equivocate",
    "forge_votes",
    "flood_votes",
    "release_early",
    "skip_claims",
}


@pytest.mark.timeout(240)
@pytest.mark.parametrize("part", [0, *(pytest.param(n, marks=pytest.mark.soak) for n in range(1, PARTS))])
def test_five_nodes(part: int) -> None:
    first = part * SEEDS_PER_PART
    figures = add_up([Job(seed) for seed in range(first, first + SEEDS_PER_PART)])
    assert figures.violations == []
    assert figures.seeds == SEEDS_PER_PART
    assert figures.faults.total() >= FAULTS_MIN // PARTS
    assert set(figures.faults) >= KINDS
    assert figures.valid > SEEDS_PER_PART * 100  # trouble that stops everything proves nothing


@pytest.mark.timeout(240)
@pytest.mark.parametrize("first", [500, *(pytest.param(n, marks=pytest.mark.soak) for n in (506, 512))])
def test_federations_of_other_sizes(first: int) -> None:
    jobs = [Job(seed, nodes, 120) for nodes in (1, 2, 3, 4, 7) for seed in range(first, first + 6)]
    figures = add_up(jobs)
    assert figures.violations == []
    assert figures.seeds == len(jobs)
