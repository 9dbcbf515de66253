"""A bound of time and memory for what hostile bytes may cost."""

import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def costs_at_most(*, seconds: float, traced_bytes: int) -> Iterator[None]:
    """Fail when the block takes longer, or has more allocated at once than it started with."""
    tracemalloc.start()
    try:
        started = time.perf_counter()
        yield
        assert time.perf_counter() - started < seconds
        assert tracemalloc.get_traced_memory()[1] < traced_bytes
    finally:
        tracemalloc.stop()
