"""Fixtures shared by all tests."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.postgres_server import SharedServer
from tests.running_platform import RunningPlatform, open_directory
from tests.scheduler_unit import Unit, scheduler_running
from tests.telemetry_service import Telemetry, telemetry_running

TESTS = Path(__file__).parent
SLOW_ROOMS = {"faults", "process", "wire"}
QUICK_ROOMS = {"properties", "unit", "vectors"}


def pytest_configure() -> None:
    """Let what tests start be interrupted, also where a script runs them in its background."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long begins first: at the end, many short files keep every core busy."""
    items.sort(key=lambda item: _turn(item.path.relative_to(TESTS)))


def _turn(path: Path) -> tuple[bool, bool]:
    room = path.parts[0]
    return room in QUICK_ROOMS, room not in SLOW_ROOMS


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


@pytest.fixture(scope="session")
def unit() -> Iterator[Unit]:
    """One running scheduler with a stand-in gateway per test process; processes of each test are its own."""
    with scheduler_running() as running:
        yield running
