"""A simulator that finds nothing may be blind: each planted bug must break the promise it is about.

The same seeds without a bug are in `test_bar`.
"""

from collections.abc import Iterator

import pytest
from tests.simulation.fleet import workers
from tests.simulation.scheduler.fleet import catch
from tests.simulation.scheduler.planted import BUGS
from tests.simulation.scheduler.simulation import Outcome

Caught = dict[str, Outcome | None]
BROKEN = {
    "no_compare_and_swap": "N",
    "compared_before_the_lock": "N",
    "no_row_lock": "A",
    "nonce_consumed_on_failure": "N",
    "timestamps_from_the_clock": "TA",  # the unique index of times may be faster
    "chain_from_the_wrong_head": "C",
    "ignore_commit_unknown": "A",
    "blind_retry": "A",
    "look_before_the_commit": "A",
    "duplicate_check_outside": "O",
    "answer_before_commit": "A",
    "head_while_under_way": "F",
    "stretch_backwards": "F",
    "no_outbox_row": "O",
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
    assert outcome.promise is not None
    assert outcome.promise in BROKEN[bug], outcome.violation
