"""Fixtures shared by all tests."""

import os
from collections.abc import Iterator

import pytest
from tests.postgres_server import SharedServer
from tests.running_platform import RunningPlatform, open_directory
from tests.telemetry_service import Telemetry, telemetry_running


@pytest.fixture(scope="session")
def platform() -> Iterator[RunningPlatform]:
    """One running platform per test process, for tests that leave it as they found it."""
    with open_directory() as directory:
        running = RunningPlatform(directory / "data").start()
        yield running
        assert running.stop() == 0


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """DSN of a server where databases may be made: `LAMINA_TEST_DSN`'s, else an embedded one."""
    external = os.environ.get("LAMINA_TEST_DSN")
    if external is not None:
        yield external
        return
    with open_directory() as directory:
        server = SharedServer(directory / "data")
        yield server.start()
        server.stop()


@pytest.fixture(scope="session")
def telemetry(postgres: str) -> Iterator[Telemetry]:
    """One running telemetry service per test process, with its defaults; peers of each test are its own."""
    with telemetry_running(postgres) as running:
        yield running
