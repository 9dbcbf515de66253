"""One seed is one story: whatever the process, and however it hashes strings."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def _replay(seed: int, hash_seed: str, *more: str, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tests.simulation.scheduler", "--seed", str(seed), *more],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def _trace(output: str) -> str:
    return output.split("trace ")[1].strip()


@pytest.mark.parametrize("seed", range(7))
def test_same_trace_in_two_processes(seed: int) -> None:
    with ThreadPoolExecutor(2) as pool:
        first, second = map(_trace, pool.map(_replay, (seed, seed), ("1", "2")))
    assert len(first) == 64
    assert first == second


def test_another_seed_is_another_story() -> None:
    assert _trace(_replay(1, "1")) != _trace(_replay(8, "1"))


def test_a_broken_promise_is_reported_with_its_place_and_exit_code() -> None:
    output = _replay(0, "1", "--bug", "no_compare_and_swap", code=1)
    assert output.startswith("seed 0, note ")
    assert ": N: nonce " in output
