"""A spawn without a unit."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Unplaced:
    """What decides where a new process goes.

    Attributes:
        process_id: 32 bytes.
        owner: address of whoever signed the spawn, 43 characters.
    """

    process_id: bytes
    owner: str
