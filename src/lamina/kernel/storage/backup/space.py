"""Whether a disk has room for what is about to be written: a full disk stops the platform."""

import shutil
from pathlib import Path

from lamina.kernel.storage.backup.errors import SpaceMissing

MARGIN_BYTES = 64 * 2**20
CLUSTER_BYTES = 192 * 2**20
"""An empty cluster and its write-ahead log."""


def dump_needs(table_bytes: int) -> int:
    """A dump is compressed, so the tables' size is an upper bound."""
    return table_bytes + MARGIN_BYTES


def cluster_needs(database_bytes: int) -> int:
    """A restored database with the log of its own restoring."""
    return database_bytes * 5 // 4 + CLUSTER_BYTES + MARGIN_BYTES


def check_space(directory: Path, needed: int, hint: str) -> None:
    """Refuse what would not fit.

    Args:
        directory: where it is to be; its nearest parent that exists counts.
        needed: bytes.
        hint: where else it could be.

    Raises:
        SpaceMissing: it does not fit.
    """
    resolved = directory.resolve()
    existing = next(each for each in (resolved, *resolved.parents) if each.exists())
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise SpaceMissing(
            f"{existing} has {free / 2**20:.0f} MiB free, {needed / 2**20:.0f} MiB are needed", hint=hint
        )
