"""What every command has in common: help, exit codes, suggestions, colours, errors."""

import json
import os
import pty
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from tests.process.command import Home
from tests.process.help_pages import REFERENCE, HelpPage, every_help_page, reference_of

HELP_MAX_S = 1.0
COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-9]")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def pages() -> list[HelpPage]:
    return list(every_help_page())


def test_help_lists_every_command_and_the_exit_codes(pages: list[HelpPage]) -> None:
    assert {"up", "status", "doctor", "errors", "ledger", "config", "db", "backup"} <= set(pages[0].listed)
    assert "6 verification" in " ".join(pages[0].text.split())


@pytest.mark.parametrize("command", ["", "ledger", "ledger verify", "scheduler import", "telemetry serve"])
def test_help_is_quick_and_the_page_of_the_reference(pages: list[HelpPage], command: str) -> None:
    """Bounded is the processor time, as the machine has other work too."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [Path(sys.executable).with_name("lamina"), *command.split(), "--help"],
        env={**os.environ, "COLUMNS": "80"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < HELP_MAX_S
    assert done.stdout in [page.text for page in pages if page.command == tuple(command.split())]


def test_every_command_has_an_example(pages: list[HelpPage]) -> None:
    leaves = [page for page in pages if not page.listed]
    without = [
        page.command for page in leaves if "Example: " not in page.text and "Specific to" not in page.text
    ]
    assert len(leaves) >= 24
    assert without == []


def test_the_reference_says_what_the_commands_say(pages: list[HelpPage]) -> None:
    assert REFERENCE.read_text(encoding="utf-8").endswith(reference_of(pages)), (
        "run: python -m tests.process.help_pages"
    )


def test_short_and_long_help_are_one(home: Home) -> None:
    assert home.run("ledger", "verify", "-h").stdout == home.run("ledger", "verify", "--help").stdout


@pytest.mark.parametrize(
    ("args", "suggestion"),
    [(("stats",), "'status'"), (("ledger", "verfy"), "'verify'"), (("config", "explan"), "'explain'")],
)
def test_a_misspelt_command_gets_a_suggestion(home: Home, args: tuple[str, ...], suggestion: str) -> None:
    done = home.run(*args)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"Did you mean {suggestion}" in done.stderr


@pytest.mark.parametrize(
    "args",
    [
        ("--nonsense",),
        ("ledger", "configure"),
        ("ledger", "configure", "oracle"),
        ("ledger", "verify", "--from", "0"),
        ("ledger", "set-shards", "many"),
        ("ledger", "-l", "loud", "show-config"),
        ("ledger", "add-replicas", "host-without-port"),
    ],
)
def test_wrong_usage_exits_2_and_says_so_on_standard_error(home: Home, args: tuple[str, ...]) -> None:
    done = home.run(*args)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Usage:" in done.stderr


def test_known_errors_are_four_parts_for_people_and_one_document_for_programs(home: Home) -> None:
    person = home.run("ledger", "verify")
    program = home.run("--json", "ledger", "verify")
    assert person.returncode == program.returncode == 4
    assert person.stderr.startswith("error[database_missing]: There is no database in")
    assert "\n  do      Run: lamina ledger init" in person.stderr
    assert json.loads(program.stderr)["error"]["code"] == "database_missing"
    assert person.stdout == program.stdout == ""


def on_a_terminal(home: Home, *args: str, **environment: str) -> str:
    """What a command writes when its standard error is a terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        home.command(*args),
        env=home.environ({"TERM": "xterm-256color", **environment}),
        stdout=subprocess.DEVNULL,
        stderr=theirs,
        cwd=home.path,
    )
    os.close(theirs)
    text = b""
    while chunk := _read(ours):
        text += chunk
    os.close(ours)
    process.wait()
    return text.decode()


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # the other end of a terminal closes with EIO
        return b""


def test_colour_is_for_terminals_that_want_it(home: Home) -> None:
    assert COLOUR.search(on_a_terminal(home, "ledger", "verify"))
    assert not COLOUR.search(on_a_terminal(home, "ledger", "verify", NO_COLOR="1"))
    assert not COLOUR.search(on_a_terminal(home, "--no-color", "ledger", "verify"))
    assert "\x1b" not in home.run("ledger", "verify").stderr


def test_errors_are_explained_offline(home: Home) -> None:
    known = home.json("errors", "--json")
    codes = [each["code"] for each in known]
    assert codes == sorted(set(codes))
    assert {"database_unavailable", "already_running", "ledger_double_spend", "secret_file"} <= set(codes)
    assert all(each["sentence"] and each["exit_code"] in range(1, 7) for each in known)
    one = home.run("errors", "platform_unreachable")
    assert "exit code 5" in one.stdout
    assert "lamina up" in one.stdout
    unknown = home.run("errors", "databse_missing")
    assert unknown.returncode == 2
    assert "Did you mean database_missing?" in unknown.stderr
