"""The time blocks and votes carry (spec/ledger.md 1.1); nothing is ever decided by it."""

DIGITS_MIN = 10


def write_timestamp(seconds: float) -> str:
    """Unix seconds as decimal digits, ten at least.

    A vote with fewer has not the form of a vote: a node whose clock begins in 1970 would sign votes that its
    peers ignore and that it counts against the block itself.

    Args:
        seconds: since the epoch, by a clock that may be wrong; before it counts as at it.
    """
    return str(max(0, round(seconds))).zfill(DIGITS_MIN)
