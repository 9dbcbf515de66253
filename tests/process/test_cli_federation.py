"""`lamina ledger federation`: what it writes runs, and it touches nothing that is there."""

import contextlib
import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from tests import plain_http
from tests.postgres_server import children_of
from tests.process.command import Home
from tests.running_platform import free_port_offset, open_directory

from lamina.kernel.crypto.keys import load

READY_WITHIN_S = 60.0
STOPPED_WITHIN_S = 20.0
ID = re.compile(r"/transactions/([0-9a-f]{64})")


class BareHome(Home):
    """Commands without a data directory of their own: here the files name it."""

    def command(self, *args: str) -> list[str]:
        return [sys.executable, "-m", "lamina", *args]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return BareHome(tmp_path)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_files_of_a_federation(home: Home) -> None:
    made = home.json("--port-offset", "300", "ledger", "federation", "new", "3", "trial", "--json")
    directory = home.path / "trial"
    assert (made["directory"], made["majority"]) == (str(directory), 2)
    assert mode(directory / "start.sh") == 0o755
    assert mode(Path(made["log"]["dsn_file"])) == 0o600
    keys = [load(directory / f"node{number}" / "ledger.key.json").public for number in (1, 2, 3)]
    assert [node["public_key"] for node in made["nodes"]] == keys
    assert [urlsplit(node["url"]).port for node in made["nodes"]] == [10284, 10294, 10304]
    for number, node in enumerate(made["nodes"]):
        assert mode(Path(node["config"]).parent / "ledger.key.json") == 0o600
        explained = home.json("--config", node["config"], "config", "explain", "ledger", "--json")
        values = {each["key"]: each["value_text"] for each in explained}
        assert all(key in values["ledger.keyring"] for key in keys[:number] + keys[number + 1 :])
        assert keys[number] not in values["ledger.keyring"]
        assert "/trial/log/run" in values["ledger.log_dsn"].replace("%2F", "/")
        shown = home.run("--config", node["config"], "ledger", "export-my-pubkey")
        assert shown.stdout.split() == [keys[number]]


def test_it_refuses_what_it_would_spoil_and_what_cannot_be(home: Home) -> None:
    (home.path / "full").mkdir()
    kept = home.path / "full" / "kept"
    kept.write_text("mine")
    taken = home.run("ledger", "federation", "new", "3", "full")
    assert taken.returncode == 4
    assert "is not empty" in taken.stderr
    assert [path.name for path in kept.parent.iterdir()] == ["kept"]
    for count in ("0", "17", "many"):
        assert home.run("ledger", "federation", "new", count, "new").returncode == 2
    high = home.run("--port-offset", "49990", "ledger", "federation", "new", "3", "new")
    assert (high.returncode, "--port-offset" in high.stderr) == (3, True)
    assert not (home.path / "new").exists()
    nothing = home.run("ledger", "federation", "log", "full")
    assert (nothing.returncode, "federation new" in nothing.stderr) == (3, True)


def test_a_log_that_is_somebody_elses(home: Home) -> None:
    secret = home.path / "dsn"
    dsn = "postgresql://ledger:s3cret-marker@db.example.org/log"
    secret.write_text(dsn + "\n")
    arguments = ("ledger", "federation", "new", "2", "trial", "--log-dsn-file", str(secret))
    readable = home.run(*arguments)
    assert (readable.returncode, "chmod 600" in readable.stderr) == (3, True)
    secret.chmod(0o600)
    made = home.run(*arguments)
    assert made.returncode == 0, made.stderr
    assert "s3cret" not in made.stdout + made.stderr
    directory = home.path / "trial"
    assert {path.name for path in directory.iterdir()} == {"log.dsn", "node1", "node2", "start.sh"}
    assert (directory / "log.dsn").read_text().strip() == dsn
    assert mode(directory / "log.dsn") == 0o600
    assert "s3cret" not in (directory / "start.sh").read_text()
    secret.write_text("mysql://x")
    wrong = home.run("ledger", "federation", "new", "2", "other", "--log-dsn-file", str(secret))
    assert (wrong.returncode, "should look like" in wrong.stderr) == (3, True)


@contextlib.contextmanager
def started(script: str, home: Home) -> Iterator["subprocess.Popen[bytes]"]:
    """The start script while it runs; nothing of it is left behind."""
    process = subprocess.Popen(
        [script], env=home.environ({}), cwd=home.path, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate()


@pytest.mark.timeout(150)
def test_what_it_writes_runs_in_one_terminal() -> None:
    """The demo at one node is valid on all; one TERM ends everything in order."""
    with open_directory() as directory:
        home = BareHome(directory)
        offset = free_port_offset()
        made = home.json("--port-offset", str(offset), "ledger", "federation", "new", "3", "trial", "--json")
        with started(made["start"], home) as script:
            for node in made["nodes"]:
                wait_ready(node, script)
            told = home.run("--config", made["nodes"][0]["config"], "demo")
            assert told.returncode == 0, told.stderr
            posted = set(ID.findall(told.stdout))
            assert len(posted) >= 3
            for node in made["nodes"]:
                wait_all_valid(node, posted)
            below = children_of(script.pid)
            assert len(below) >= 4
            os.kill(script.pid, signal.SIGTERM)
            printed, _ = script.communicate(timeout=STOPPED_WITHIN_S)
            assert script.returncode == 0, printed.decode()
            assert not any(Path(f"/proc/{pid}").exists() for pid in below)
    text = printed.decode()
    assert text.startswith("The log is ready.")
    assert text.count("is ready.") == 4
    assert all(node["url"] in text for node in made["nodes"])


def wait_ready(node: dict[str, Any], script: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while True:
        with contextlib.suppress(httpx.TransportError):
            if plain_http.get(f"{node['admin_url']}readyz", timeout=5).status_code == 200:
                return
        assert script.poll() is None, script.communicate()[0].decode()
        assert time.monotonic() < deadline, Path(node["config"]).with_name("output.log").read_text()
        time.sleep(0.1)


def wait_all_valid(node: dict[str, Any], tx_ids: set[str]) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    for tx_id in tx_ids:
        statuses = f"{node['url']}api/v1/statuses?transaction_id={tx_id}"
        while (answer := plain_http.get(statuses, timeout=15)).json().get("status") != "valid":
            assert time.monotonic() < deadline, answer.text
            time.sleep(0.05)


def test_the_log_ends_with_its_start_and_says_why_it_cannot() -> None:
    with open_directory() as directory:
        home = BareHome(directory)
        made = home.json("ledger", "federation", "new", "1", "trial", "--json")
        other = {"LAMINA_POSTGRES__DSN": "postgresql://db.example.org/ledger"}
        refused = home.run(*made["log"]["command"][1:], **other)
        assert (refused.returncode, "LAMINA_POSTGRES__DSN" in refused.stderr) == (3, True)
        process = subprocess.Popen(
            home.command("--json", *made["log"]["command"][1:]),
            env=home.environ({}), cwd=home.path, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        try:
            assert process.stdout is not None
            ready = json.loads("".join(iter(lambda: process.stdout.readline().decode(), "}\n")) + "}")
            assert Path(ready["dsn_file"]).read_text().strip() == ready["dsn"]
            second = home.run(*made["log"]["command"][1:])
            assert (second.returncode, "already_running" in second.stderr) == (4, True)
            process.send_signal(signal.SIGINT)
            assert process.wait(STOPPED_WITHIN_S) == 0
        finally:
            process.kill()
            process.communicate()
