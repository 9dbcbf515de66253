"""Too much traffic, and who sent it."""

from tests.live_documents import T0

from lamina.services.telemetry.live.blocked_addresses import BlockedAddresses
from lamina.services.telemetry.live.traffic_meter import TrafficMeter


def test_the_limit_is_a_mean_over_ten_seconds() -> None:
    meter = TrafficMeter(100)
    assert not meter.add(T0, 1000)
    assert meter.add(T0 + 9000, 1)


def test_what_is_ten_seconds_old_does_not_count() -> None:
    meter = TrafficMeter(100)
    assert not meter.add(T0, 1000)
    assert not meter.add(T0 + 10_000, 1000)
    assert meter.add(T0 + 19_999, 1)
    assert not meter.add(T0 + 1_000_000, 1000)


def test_after_a_pause_all_of_before_is_forgotten() -> None:
    meter = TrafficMeter(100)
    assert not meter.add(T0, 1000)
    assert not meter.add(T0 + 9000, 0)
    assert not meter.add(T0 + 19_000, 1000)


def test_a_steady_sender_at_the_limit_is_let_in_for_ever() -> None:
    meter = TrafficMeter(100)
    assert not any(meter.add(T0 + second * 1000, 100) for second in range(100))
    assert meter.add(T0 + 99_999, 1)


def test_a_clock_that_goes_back_counts_as_the_latest_second() -> None:
    meter = TrafficMeter(100)
    assert not meter.add(T0, 1000)
    assert meter.add(T0 - 50_000, 1)


def test_without_a_limit_nothing_is_too_much() -> None:
    assert not TrafficMeter(0).add(T0, 10**12)


def test_an_address_is_refused_for_a_while() -> None:
    blocked = BlockedAddresses(block_seconds=600)
    blocked.block(T0, "203.0.113.7")
    assert blocked.is_blocked(T0 + 599_999, "203.0.113.7")
    assert not blocked.is_blocked(T0 + 599_999, "203.0.113.8")
    assert not blocked.is_blocked(T0 + 600_000, "203.0.113.7")


def test_blocked_again_it_is_refused_from_then_on() -> None:
    blocked = BlockedAddresses(block_seconds=600)
    blocked.block(T0, "203.0.113.7")
    blocked.block(T0 + 300_000, "203.0.113.7")
    assert blocked.is_blocked(T0 + 800_000, "203.0.113.7")


def test_the_oldest_is_let_in_when_there_are_too_many() -> None:
    blocked = BlockedAddresses(block_seconds=600, addresses_max=2)
    for host in ("a", "b", "a", "c"):
        blocked.block(T0, host)
    assert [blocked.is_blocked(T0, host) for host in "abc"] == [True, False, True]
