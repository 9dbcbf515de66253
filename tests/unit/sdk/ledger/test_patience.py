import time

import pytest

from lamina.sdk.ledger import NotValidInTime
from lamina.sdk.ledger.patience import PAUSE_MAX_S, PAUSE_MIN_S, Patience


def test_pauses_grow_to_their_bound() -> None:
    patience = Patience("ab", 60.0)
    pauses = [patience.pause_s("backlog") for _ in range(20)]
    assert pauses[0] == PAUSE_MIN_S
    assert pauses == sorted(pauses)
    assert pauses[-1] == PAUSE_MAX_S


def test_the_last_pause_ends_with_the_time() -> None:
    patience = Patience("ab", PAUSE_MIN_S / 2)
    pause_s = patience.pause_s("undecided")
    assert pause_s <= PAUSE_MIN_S / 2
    time.sleep(pause_s)
    with pytest.raises(NotValidInTime) as caught:
        patience.pause_s("undecided")
    assert caught.value.status == "undecided"


def test_no_time_is_one_question() -> None:
    with pytest.raises(NotValidInTime):
        Patience("ab", 0.0).pause_s(None)
