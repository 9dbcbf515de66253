"""A backup under load keeps every promise made before it began, and becomes a platform that goes on."""

import json
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.external import debian_binaries
from tests.faults.ledger_load import Load
from tests.faults.promises import problems
from tests.running_platform import RunningPlatform, open_directory

ACCEPTED_BEFORE = 60
WAITING = 20


@pytest.fixture
def platform() -> Iterator[RunningPlatform]:
    with open_directory() as directory:
        running = RunningPlatform(directory / "data", environment=own_programs())
        yield running.start()
        assert running.stop() == 0


def own_programs() -> dict[str, str]:
    """An external server's own client programs, where the tests run on one."""
    binaries = debian_binaries() if "LAMINA_TEST_DSN" in os.environ else None
    return {} if binaries is None else {"LAMINA_POSTGRES__PROGRAMS_DIR": str(binaries)}


@contextmanager
def no_blocks(platform: RunningPlatform) -> Iterator[None]:
    """Hold the process that builds blocks: what is accepted meanwhile waits."""
    pids = {process["name"]: process["pid"] for process in platform.status()["processes"]}
    os.kill(pids["ledger.pipeline.1"], signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pids["ledger.pipeline.1"], signal.SIGCONT)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def result(platform: RunningPlatform, *args: str) -> Any:
    done = platform.run("--json", *args)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.timeout(180)
def test_a_backup_under_load_is_a_platform_that_keeps_its_promises(platform: RunningPlatform) -> None:
    load = Load(platform.url, random.randrange(2**32))
    with load.running():
        until(lambda: len(load.accepted) >= ACCEPTED_BEFORE)
        moving = result(platform, "backup", "create")
        with no_blocks(platform):
            since = len(load.accepted)
            until(lambda: len(load.accepted) >= since + WAITING)
            promised = dict(load.accepted)
            made = result(platform, "backup", "create", "--with-keys")
        until(lambda: len(load.accepted) > len(promised) + WAITING)
    assert load.surprises == []
    assert made["services"]["ledger"]["waiting"] >= WAITING
    assert result(platform, "backup", "verify", moving["name"])["valid"]
    with open_directory() as directory:
        restored = RunningPlatform(directory / "data")
        restored.dsn = None
        done = restored.run("backup", "restore", made["path"], "--to-data-dir")
        assert done.returncode == 0, done.stderr
        go_on(restored, promised, Path(made["path"]))
    assert problems(platform, load.accepted) == []


def go_on(restored: RunningPlatform, promised: dict[str, Any], backup: Path) -> None:
    """Start what was restored: it keeps what was promised and promises more."""
    restored.start()
    try:
        more = Load(restored.url, 1)
        assert more.post_one()
        assert problems(restored, [*promised, *more.accepted]) == []
        assert result(restored, "ledger", "verify")["valid"]
        again = restored.run("backup", "restore", str(backup))
        assert again.returncode == 4
        assert result(restored, "backup", "create")["services"]["ledger"]["waiting"] == 0
    finally:
        assert restored.stop() == 0
