"""Ids of transactions and blocks: 64 lower-case hex digits (spec/ledger.md 1.1)."""

import re

_ID = re.compile(r"[0-9a-f]{64}")


def is_id(value: object) -> bool:
    """Whether a value can be an id at all; whatever cannot is simply not found."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None
