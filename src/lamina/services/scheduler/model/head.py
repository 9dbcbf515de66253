"""Where the chain of a process ends."""

from dataclasses import dataclass

NONE = -1
"""Nonce of a process without assignments."""


@dataclass(frozen=True, slots=True)
class Head:
    """The last assignment of a process.

    Attributes:
        nonce: `NONE` where there is none yet.
        assignment_id: 32 bytes.
        hash_chain: 32 bytes.
        ts: milliseconds since 1970; the spawn's where there is no assignment.
    """

    nonce: int
    assignment_id: bytes | None
    hash_chain: bytes | None
    ts: int
