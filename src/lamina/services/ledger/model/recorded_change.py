"""A change of the membership as the log recorded it; nothing of it is believed."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RecordedChange:
    """Its place among the changes, where the log ended when it was recorded, and its bytes."""

    position: int
    recorded_seq: int
    body: bytes
