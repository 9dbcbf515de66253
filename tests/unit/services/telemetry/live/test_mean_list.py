"""The course of a measure in at most 20 slots."""

from lamina.services.telemetry.live.mean_list import SAMPLES_PER_SLOT_MAX, SLOTS, MeanList


def test_every_sample_has_its_slot_at_first() -> None:
    means = MeanList()
    assert all(means.push(sample) for sample in range(20))
    assert means.means == list(range(20))


def test_a_full_list_is_merged_pairwise_and_a_slot_holds_twice_as_many() -> None:
    means = MeanList()
    for sample in range(20):
        means.push(sample)
    assert not means.push(100)
    assert means.means == [0.5, 2.5, 4.5, 6.5, 8.5, 10.5, 12.5, 14.5, 16.5, 18.5]
    assert means.push(200)
    assert means.means[10:] == [150]


def test_at_32_samples_a_slot_the_list_shifts() -> None:
    means = MeanList()
    until_full = 20 + 10 * (2 + 4 + 8 + 16 + 32)
    for sample in range(until_full):
        means.push(sample)
    assert len(means.means) == SLOTS
    before = list(means.means)
    filled = [means.push(1000) for _ in range(SAMPLES_PER_SLOT_MAX)]
    assert filled == [False] * 31 + [True]
    assert means.means == [*before[1:], 1000]
