"""Work that hashes an item: a large one is worth a thread, a small one is not."""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

OFF_LOOP_BYTES = 65_536
"""Hashing more than this is worth a thread."""


async def hashed(size: int, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Do work that hashes `size` bytes, a large one off the loop."""
    if size < OFF_LOOP_BYTES:
        return work(*args, **kwargs)
    return await asyncio.to_thread(work, *args, **kwargs)
