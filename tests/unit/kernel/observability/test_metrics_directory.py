import stat
import subprocess
import sys
from pathlib import Path

PREPARE = """
import os, sys
from pathlib import Path
from lamina.kernel.observability.metrics_directory import prepare
"""


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PREPARE + program, *arguments], capture_output=True, text=True, check=False
    )


def test_the_directory_is_private_and_empty_and_children_know_it(tmp_path: Path) -> None:
    directory = tmp_path / "a" / "metrics"
    directory.mkdir(parents=True)
    (directory / "counter_1.db").write_bytes(b"old")
    done = run("prepare(Path(sys.argv[1])); print(os.environ['PROMETHEUS_MULTIPROC_DIR'])", str(directory))
    assert (done.returncode, done.stdout.strip()) == (0, str(directory))
    assert list(directory.iterdir()) == []
    made = tmp_path / "b"
    run("prepare(Path(sys.argv[1]))", str(made))
    assert stat.S_IMODE(made.stat().st_mode) == 0o700


def test_it_refuses_to_come_too_late(tmp_path: Path) -> None:
    done = run("import prometheus_client; prepare(Path(sys.argv[1]))", str(tmp_path))
    assert "before the first import of prometheus_client" in done.stderr
