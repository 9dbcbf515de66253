"""Backups of somebody else's PostgreSQL, entered with a password; and of Debian's, which is older than ours."""

import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.external import debian_binaries, debian_cluster
from tests.postgres_server import ExternalServer, execute, new_database
from tests.process.backups import cut, damaged, sealed_again
from tests.process.command import Home
from tests.running_platform import open_directory

from lamina.kernel.storage.backup.manifest import DUMP_FILE
from lamina.kernel.storage.programs import ClientPrograms

PASSWORD = "marker/of:a@secret"
DSN = "LAMINA_POSTGRES__DSN"
PROGRAMS = "LAMINA_POSTGRES__PROGRAMS_DIR"


@pytest.fixture(scope="module")
def server() -> Iterator[ExternalServer]:
    with open_directory() as directory:
        external = ExternalServer(directory, password=PASSWORD).start()
        yield external
        external.stop()


def begun(path: Path, dsn: str) -> Home:
    """A node with a chain of one block on a database."""
    home = Home(path, {DSN: dsn})
    assert home.run("ledger", "-y", "configure", "postgres").returncode == 0
    assert home.run("ledger", "init").returncode == 0
    return home


@pytest.fixture(scope="module")
def home(server: ExternalServer, tmp_path_factory: pytest.TempPathFactory) -> Home:
    return begun(tmp_path_factory.mktemp("home"), new_database(server.dsn))


def programs(directory: Path, text: str) -> str:
    """A directory of programs that do something before, or instead of, what PostgreSQL's do."""
    real = ClientPrograms.bundled().directory
    for name in ("pg_dump", "pg_restore"):
        path = directory / name
        path.write_text(
            f'#!/bin/sh\n[ "$1" = --version ] && exec {real}/{name} --version\n{text.format(real=real, name=name)}\n'
        )
        path.chmod(0o755)
    return str(directory)


def test_the_password_is_in_no_argument_and_no_output(
    home: Home, server: ExternalServer, tmp_path: Path
) -> None:
    told = tmp_path / "told"
    directory = programs(tmp_path, f'echo {{name}} "$@" >> {told}; exec {{real}}/{{name}} "$@"')
    kept = str(tmp_path / "kept")
    made = home.run("backup", "create", "--to", kept, **{PROGRAMS: directory})
    backup = made.stdout.strip()
    target = new_database(server.dsn)
    done = home.run("backup", "restore", backup, **{PROGRAMS: directory, DSN: target})
    again = home.run("backup", "restore", backup, **{PROGRAMS: directory, DSN: target})
    wrong = home.run(
        "backup", "create", "--to", kept, **{DSN: home.environment[DSN].replace("secret", "secrets")}
    )
    assert [each.returncode for each in (made, done, again, wrong)] == [0, 0, 4, 5]
    assert "is not empty: it has lamina" in again.stderr
    assert [line.split()[0] for line in told.read_text().splitlines()] == ["pg_dump", "pg_restore"]
    texts = [told.read_text(), *(each.stdout + each.stderr for each in (made, done, again, wrong))]
    assert all("marker" not in text for text in texts)
    assert "lamina:***@" in done.stdout
    assert home.json("ledger", "verify", "--json", **{DSN: target})["valid"]
    only_ledger = {DSN: target, "LAMINA_PLATFORM__SERVICES": "ledger"}
    assert home.run("db", "migrate", **only_ledger).stdout == "nothing to do\n"


def test_a_damaged_backup_leaves_the_database_empty(
    home: Home, server: ExternalServer, tmp_path: Path
) -> None:
    made = Path(home.run("backup", "create", "--to", str(tmp_path / "kept")).stdout.strip())
    target = new_database(server.dsn)
    half = damaged(made, tmp_path, lambda copy: cut(copy / DUMP_FILE))
    assert home.run("backup", "restore", str(half), **{DSN: target}).returncode == 6
    sealed_again(half)
    assert home.run("backup", "restore", str(half), **{DSN: target}).returncode == 6
    assert home.run("db", "shell", "-Atc", r"\dn", **{DSN: target}).stdout == "public|pg_database_owner\n"


def test_a_killed_create_is_never_listed_as_whole(home: Home, tmp_path: Path) -> None:
    begun_file, kept = tmp_path / "begun", tmp_path / "kept"
    directory = programs(
        tmp_path, f"echo $$ > {begun_file}.new; mv {begun_file}.new {begun_file}; exec sleep 60"
    )
    command = home.command("backup", "create", "--to", str(kept))
    running = subprocess.Popen(command, env=home.environ({PROGRAMS: directory}), stderr=subprocess.DEVNULL)
    wait_for(begun_file)
    busy = home.run("backup", "create", "--to", str(kept))
    assert busy.returncode == 4
    assert "error[backup_running]" in busy.stderr
    running.send_signal(signal.SIGKILL)
    running.wait()
    child = Path(f"/proc/{begun_file.read_text().strip()}")
    deadline = time.monotonic() + 10
    while child.exists() and "Z" not in (child / "stat").read_text().split():
        assert time.monotonic() < deadline, "pg_dump outlives its command"
        time.sleep(0.02)
    listed = home.json("backup", "list", "--from", str(kept), "--json")
    assert listed["backups"] == []
    assert [each["path"].endswith(".unfinished") for each in listed["broken"]] == [True]
    made = home.json("backup", "create", "--to", str(kept), "--json")
    listed = home.json("backup", "list", "--from", str(kept), "--json")
    assert [each["path"] for each in listed["backups"]] == [made["path"]]
    assert listed["broken"] == []


@pytest.mark.parametrize("shell", [[], ["sh", "-c", "trap '' INT; exec \"$@\"", "a script's background"]])
def test_an_interrupted_create_leaves_nothing(home: Home, tmp_path: Path, shell: list[str]) -> None:
    begun_file, kept = tmp_path / "begun", tmp_path / "kept"
    directory = programs(
        tmp_path, f"echo $$ > {begun_file}.new; mv {begun_file}.new {begun_file}; exec sleep 60"
    )
    command = [*shell, *home.command("backup", "create", "--to", str(kept))]
    running = subprocess.Popen(command, env=home.environ({PROGRAMS: directory}), stderr=subprocess.DEVNULL)
    wait_for(begun_file)
    running.send_signal(signal.SIGTERM)
    assert running.wait(30) == 130
    assert [path.name for path in kept.iterdir()] == [".lock"]
    assert not Path(f"/proc/{begun_file.read_text().strip()}").exists()


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("text", ["exit 1", "echo 'pg_dump: error: cannot' >&2; exit 0"])
def test_a_failed_dump_leaves_nothing(home: Home, tmp_path: Path, text: str) -> None:
    kept = tmp_path / "kept"
    done = home.run("backup", "create", "--to", str(kept), **{PROGRAMS: programs(tmp_path, text)})
    assert (done.returncode, done.stdout) == (5, "")
    assert "error[postgres_program_failed]: pg_dump failed: " in done.stderr
    assert [path.name for path in kept.iterdir()] == [".lock"]


def test_a_server_newer_than_pg_dump_is_told(home: Home, tmp_path: Path) -> None:
    binaries = debian_binaries()
    if binaries is None:
        pytest.skip("Debian's postgresql, whose pg_dump is older than the embedded server, is not installed")
    done = home.run("backup", "create", "--to", str(tmp_path), **{PROGRAMS: str(binaries)})
    assert done.returncode == 3
    assert (
        f"pg_dump in {binaries} is PostgreSQL 15; one from 18 (the server's) to 18 is needed" in done.stderr
    )


@pytest.mark.soak
def test_debians_postgresql_is_backed_up_and_restored(tmp_path: Path) -> None:
    binaries = debian_binaries()
    if binaries is None:
        pytest.skip("Debian's postgresql is not installed")
    with debian_cluster(binaries) as dsn:
        home = begun(tmp_path, new_database(dsn))
        home.environment[PROGRAMS] = str(binaries)
        execute(home.environment[DSN], "CREATE TABLE public.of_somebody_else (id int)")
        made = home.json("backup", "create", "--json")
        assert made["postgres_version"].startswith(f"{binaries.parent.name}.")
        target = new_database(dsn)
        done = home.run("backup", "restore", made["name"], **{DSN: target})
        assert done.returncode == 0, done.stderr
        tables = home.run(
            "db",
            "shell",
            "-Atc",
            "SELECT seq, to_regclass('of_somebody_else') FROM ledger.log",
            **{DSN: target},
        )
        assert tables.stdout == "1|\n"
        with open_directory() as directory:
            own = ["--data-dir", str(directory / "own")]
            moved = home.run(*own, "backup", "restore", made["path"], "--to-data-dir")
            assert moved.returncode == 0, moved.stderr
            document = home.json(*own, "db", "status", "--json", **{DSN: ""})
        assert (document["kind"], document["services"][0]["pending"]) == ("embedded", [])


def test_marks_that_only_the_server_knows_are_seen_before(home: Home, tmp_path: Path) -> None:
    """Such as newer minor releases keep; here written into the catalog by hand."""
    mark = (
        "UPDATE pg_attribute SET attoptions = {} WHERE attrelid = 'ledger.log'::regclass AND attname = 'seq'"
    )
    try:
        execute(home.environment[DSN], mark.format("'{pg_attver=5}'"))
        done = home.run("backup", "create", "--to", str(tmp_path))
    finally:
        execute(home.environment[DSN], mark.format("NULL"))
    assert (done.returncode, done.stdout) == (3, "")
    assert "marks columns with pg_attver" in done.stderr
    assert "LAMINA_POSTGRES__PROGRAMS_DIR=/usr/lib/postgresql/18/bin" in done.stderr
