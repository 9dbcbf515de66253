"""What the last look at a unit saw."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Look:
    """Whether a unit answers.

    Attributes:
        latency_ms: until it answered; None where it did not.
        reason: why it counts as down; None where it does not.
    """

    latency_ms: float | None
    reason: str | None
