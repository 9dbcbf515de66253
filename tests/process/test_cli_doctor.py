"""`lamina doctor`: what is well, what is wrong, and the remedy for it."""

import os
import resource
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.process.command import TIMEOUT_S, Home
from tests.running_platform import free_port_offset


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path, {"LAMINA_PORT_OFFSET": str(free_port_offset())})


def checks(home: Home, *, exit_code: int = 0, **environment: str) -> dict[str, list[dict[str, Any]]]:
    """What the doctor found, by check."""
    document = home.json("doctor", "--json", exit_code=exit_code, **environment)
    assert document["ok"] is (exit_code == 0)
    found: dict[str, list[dict[str, Any]]] = {}
    for each in document["checks"]:
        found.setdefault(each["check"], []).append(each)
    return found


def failures(found: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    return [each for of_check in found.values() for each in of_check if each["state"] == "failed"]


def test_a_machine_fit_for_lamina_passes_and_nothing_is_made(home: Home) -> None:
    found = checks(home)
    assert {"python", "clock", "open files", "data directory", "disk", "secrets", "binaries"} <= set(found)
    assert "PostgreSQL) 18" in found["binaries"][0]["text"]
    assert found["account"][0]["state"] == "ok"
    assert found["platform"][0]["text"] == "Not running"
    listeners = [each["text"].partition(":")[0] for each in found["ports"]]
    assert listeners == [
        "ledger.http", "ledger.stream", "telemetry.http", "scheduler.http", "gateway.http", "admin",
    ]  # fmt: skip
    assert not home.data_dir.exists()


def test_people_get_one_line_per_check(home: Home) -> None:
    done = home.run("doctor")
    assert done.returncode == 0
    assert all(line.split()[0] in {"ok", "warning", "do"} for line in done.stdout.splitlines())


def test_a_secret_that_others_can_read_is_a_failure(home: Home) -> None:
    home.data_dir.mkdir()
    (home.data_dir / "admin.token").write_text("x")
    (home.data_dir / "admin.token").chmod(0o644)
    (failure,) = failures(checks(home, exit_code=4))
    assert failure["remedy"] == f"chmod 600 {home.data_dir / 'admin.token'}"


def test_a_data_directory_that_others_can_write_is_a_failure(home: Home) -> None:
    home.data_dir.mkdir()
    home.data_dir.chmod(0o777)
    (failure,) = failures(checks(home, exit_code=4))
    assert failure["remedy"] == f"chmod go-w {home.data_dir}"


def test_a_taken_port_is_a_failure_that_names_its_owner(home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (failure,) = failures(checks(home, exit_code=4, LAMINA_LEDGER__BIND=f"127.0.0.1:{port}"))
    assert failure["check"] == "ports"
    assert str(port) in failure["text"]
    assert str(os.getpid()) in failure["text"]


def test_a_dangling_cluster_is_a_failure(home: Home) -> None:
    home.data_dir.mkdir(mode=0o700)
    (home.data_dir / "postgres").symlink_to(home.path / "gone")
    (failure,) = failures(checks(home, exit_code=4))
    assert failure["check"] == "cluster"


def test_a_configuration_that_cannot_be_used_is_a_failure(home: Home) -> None:
    (failure,) = failures(checks(home, exit_code=4, LAMINA_LEDGER__BIN="x"))
    assert failure["check"] == "configuration"
    assert "LAMINA_LEDGER__BIN" in failure["text"]


def test_an_account_that_does_not_exist_is_a_failure(home: Home) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root lends an account")
    (failure,) = failures(checks(home, exit_code=4, LAMINA_POSTGRES__RUN_AS="nobody-of-that-name"))
    assert failure["check"] == "account"


def test_few_open_files_are_a_failure(home: Home) -> None:
    done = subprocess.run(
        home.command("doctor"),
        env=home.environ({}),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (512, 512)),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 4
    assert "LimitNOFILE" in done.stdout


def test_an_external_database_needs_no_embedded_one(home: Home) -> None:
    found = checks(home, LAMINA_POSTGRES__DSN="postgresql://u:p@nowhere/d")
    assert "binaries" not in found
    assert "External" in found["postgresql"][0]["text"]


def test_the_clock_is_judged_by_the_kernel_and_never_fails_the_check(home: Home) -> None:
    (found,) = checks(home)["clock"]
    asked = subprocess.run(
        ["timedatectl", "show", "-p", "NTPSynchronized", "--value"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip() if shutil.which("timedatectl") else ""  # fmt: skip
    if asked in {"yes", "no"}:
        assert (found["state"] == "ok") is (asked == "yes")
    else:  # no systemd answers here; the kernel may, and may not
        assert found["state"] in {"ok", "warning"}
