"""One seed is one story: whatever the process, and however it hashes strings."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def _replay(seed: int, hash_seed: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tests.simulation", "--seed", str(seed), "--transactions", "120"],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.split("trace ")[1].strip()


@pytest.mark.parametrize("seed", [1, 5, 7, 8])
def test_same_trace_in_two_processes(seed: int) -> None:
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(_replay, (seed, seed), ("1", "2"))
    assert len(first) == 64
    assert first == second


def test_another_seed_is_another_story() -> None:
    assert _replay(1, "1") != _replay(10, "1")


def test_a_violation_is_reported_with_its_place_and_exit_code() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.simulation", "--seed", "0", "--bug", "delete_backlog_before_commit"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith("seed 0, event ")
    assert ": I3: accepted transaction " in done.stdout
