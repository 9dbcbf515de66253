"""What README promises a newcomer: the demo and the first transaction, against a running platform."""

import os
import subprocess
import sys

from tests.running_platform import RunningPlatform
from tests.shared_data import PROJECT_ROOT


def test_demo_tells_its_story(platform: RunningPlatform) -> None:
    told = platform.run("demo")
    assert told.returncode == 0, told.stderr
    for line in (
        "valid ",
        "The stream says:",
        "Refused: 400",
        "['3', '7']",
        "Alice and Carol signed",
        "voted valid",
    ):
        assert line in told.stdout


def test_demo_without_a_platform_says_what_to_do(platform: RunningPlatform) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "lamina", "--port-offset", "49000", "demo"],
        env=platform.environment(), capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert told.returncode == 5
    assert "lamina up" in told.stderr


def test_first_transaction_of_the_readme(platform: RunningPlatform) -> None:
    example = PROJECT_ROOT / "docs" / "examples" / "first_transaction.py"
    assert example.read_text() in (PROJECT_ROOT / "README.md").read_text()
    run = subprocess.run(
        [sys.executable, example], env={**os.environ, "LEDGER_URL": platform.url},
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert "Bob owns [{" in run.stdout
