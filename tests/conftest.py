"""Fixtures shared by all tests."""

from collections.abc import Iterator

import pytest
from tests.running_platform import RunningPlatform, open_directory


@pytest.fixture(scope="session")
def platform() -> Iterator[RunningPlatform]:
    """One running platform per test process, for tests that leave it as they found it."""
    with open_directory() as directory:
        running = RunningPlatform(directory / "data").start()
        yield running
        assert running.stop() == 0
