"""A simulator that finds nothing may be blind: ten planted bugs must each break an invariant.

The same seeds without a bug are in `test_bar`.
"""

from collections.abc import Iterator

import pytest
from tests.simulation.fleet import catch, workers
from tests.simulation.planted import BUGS
from tests.simulation.simulation import Outcome

Caught = dict[str, Outcome | None]
BROKEN = {
    "drop_claims_index": {"I1", "I2"},
    "skip_voters_check": {"R3"},
    "vote_before_persist": {"I8"},
    "parallel_voting": {"I4"},
    "decide_twice": {"I5"},
    "delete_backlog_before_commit": {"I3"},
    "trust_timestamps": {"I5", "R3"},
    "accept_bad_signature": {"R3"},
    "forget_requeue": {"I3"},
    "ignore_commit_unknown": {"I3"},
}


@pytest.fixture(scope="module")
def caught() -> Iterator[Caught]:
    with workers() as pool:
        yield dict(zip(BUGS, pool.map(catch, BUGS, chunksize=1), strict=True))


@pytest.mark.timeout(240)
@pytest.mark.parametrize("bug", BUGS)
def test_planted_bug_is_caught(caught: Caught, bug: str) -> None:
    outcome = caught[bug]
    assert outcome is not None, f"{bug} went unnoticed"
    assert outcome.invariant in BROKEN[bug], outcome.violation
