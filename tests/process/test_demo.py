"""What README promises a newcomer: the demo, the first transaction and the first messages, against a running platform."""

import os
import subprocess
import sys

from tests.running_platform import RunningPlatform, open_directory
from tests.scheduler_unit import Unit, scheduler_running, tags_of
from tests.shared_data import PROJECT_ROOT
from tests.telemetry_service import Telemetry


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
        "The scheduler does not run, so its chapter is left out.",
    ):
        assert line in told.stdout


def test_demo_tells_of_telemetry_too_where_it_runs() -> None:
    with open_directory() as directory:
        both = {"LAMINA_PLATFORM__SERVICES": "ledger,telemetry"}
        running = RunningPlatform(directory / "data", environment=both).start()
        told = running.run("demo")
        shown = running.run("telemetry", "tail", "--msg", "block.import")
        assert running.stop() == 0
    assert told.returncode == 0, told.stderr
    story = told.stdout[told.stdout.index("Telemetry:") :]
    assert "Alice and Carol signed" in told.stdout
    assert f"--telemetry-url 'ws://localhost:{running.telemetry_port}/ 1'" in story
    assert (
        "Stored of Alice's node: 3 block.import, 1 notify.finalized, 1 system.connected, 1 system.interval"
        in story
    )
    assert "Stored of Bob's node: 3 block.import, 1 system.connected" in story
    assert "The last block that Alice's node logged: 3 at 20" in story
    assert f"http://localhost:{running.telemetry_port}/dashboard/live" in story
    assert sum("'s node (12D3Ko…" in line for line in shown.stdout.splitlines()) == 6


def test_demo_of_telemetry_alone(telemetry: Telemetry) -> None:
    told = telemetry.platform.run("demo")
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith("\n1. Telemetry:")


def test_demo_of_the_scheduler(unit: Unit) -> None:
    told = unit.platform.run("demo")
    (process_id,) = {line.split("/")[-1] for line in told.stdout.splitlines() if "/processes/" in line}
    nodes = unit.edges(process_id)
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith("\n1. Scheduler:")
    assert [node["message"]["data"] for node in nodes] == ["Hello", "How are you?", "Goodbye"]
    for nonce, node in enumerate(nodes):
        assert f"nonce {nonce}  link {tags_of(node['assignment'])['Hash-Chain'][:8]}…" in told.stdout
    assert "Proved: no nonce is missing" in told.stdout


def test_demo_of_a_scheduler_without_a_gateway_says_what_to_do() -> None:
    with scheduler_running(("scheduler",)) as unit:
        told = unit.platform.run("demo")
    assert told.returncode == 5
    assert "gateway height unknown" in told.stderr
    assert "scheduler.gateway_url" in told.stderr


def test_demo_without_a_platform_says_what_to_do(platform: RunningPlatform) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "lamina", "--port-offset", "49000", "demo"],
        env=platform.environment(), capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert told.returncode == 5
    assert "lamina up" in told.stderr


def test_first_transaction_of_the_readme(platform: RunningPlatform) -> None:
    told = _example("first_transaction.py", LEDGER_URL=platform.url)
    assert "Bob owns [{" in told


def test_first_messages_of_the_readme(unit: Unit) -> None:
    told = _example("first_messages.py", SCHEDULER_URL=unit.url)
    for nonce, amount in enumerate((3, 5, 8)):
        assert f"nonce {nonce} says {amount} and is signed by the unit" in told


def _example(name: str, **environment: str) -> str:
    """What an example prints, which stands in the README as it is."""
    example = PROJECT_ROOT / "docs" / "examples" / name
    assert example.read_text() in (PROJECT_ROOT / "README.md").read_text()
    run = subprocess.run(
        [sys.executable, example], env={**os.environ, **environment},
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    return run.stdout
