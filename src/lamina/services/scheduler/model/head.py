"""Where the chain of a process ends."""

import msgspec

NONE = -1
"""Nonce of a process without assignments."""


class Head(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The last assignment of a process; crosses to the processes that sign.

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
