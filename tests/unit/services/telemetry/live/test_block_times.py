"""The mean of the last 50 block times."""

from lamina.services.telemetry.live.block_times import BlockTimes


def test_the_mean_is_whole_milliseconds_of_what_is_there() -> None:
    times = BlockTimes()
    assert times.mean_ms is None
    times.push(6000)
    times.push(6003)
    assert times.mean_ms == 6001


def test_only_the_last_50_count() -> None:
    times = BlockTimes()
    times.push(1_000_000)
    for _ in range(50):
        times.push(6000)
    assert times.mean_ms == 6000


def test_cleared_it_begins_anew() -> None:
    times = BlockTimes()
    times.push(6000)
    times.clear()
    assert times.mean_ms is None
    times.push(10)
    assert times.mean_ms == 10
