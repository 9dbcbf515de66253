import pytest

from lamina.cli.doctor import machine


@pytest.mark.parametrize(
    ("state", "found", "text"),
    [
        (0, "ok", "The clock is synchronised"),
        (1, "ok", "The clock is synchronised"),  # a leap second is announced
        (5, "warning", "The clock is not synchronised"),
        (None, "warning", "Whether the clock is synchronised cannot be told"),
    ],
)
def test_the_clock_is_what_the_kernel_says(state: int | None, found: str, text: str) -> None:
    finding = machine.clock_in(state)
    assert (finding.state, finding.text) == (found, text)
    assert bool(finding.remedy) is (found != "ok")
