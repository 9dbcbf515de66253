"""`lamina config`: explain, init, check, env."""

import re
import stat
import tomllib
from pathlib import Path
from typing import Any

import pytest
from tests.process.command import Home

MARKER = "marker-of-a-secret"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def explained(home: Home, *args: str, **environment: str) -> dict[str, Any]:
    return {each["key"]: each for each in home.json(*args, "config", "explain", "--json", **environment)}


def test_every_setting_has_a_value_and_an_origin(home: Home) -> None:
    (home.path / "l.toml").write_text("[http]\nkeep_alive_s = 3\n")
    settings = explained(
        home,
        "--config",
        "l.toml",
        "--port-offset",
        "5",
        LAMINA_LEDGER__BIND="h:1",
        LAMINA_ADMIN__TOKEN=MARKER,
    )
    assert settings["http.keep_alive_s"]["origin"] == {"kind": "file", "where": "l.toml line 2"}
    assert settings["ledger.bind"]["origin"] == {"kind": "environment", "where": "LAMINA_LEDGER__BIND"}
    assert settings["platform.port_offset"]["origin"] == {"kind": "flag", "where": "--port-offset"}
    assert settings["log.level"]["origin"]["kind"] == "default"
    assert MARKER not in str(settings)


def test_one_setting_is_explained_in_words(home: Home) -> None:
    done = home.run("config", "explain", "ledger.bind", LAMINA_LEDGER__BIND="h:1")
    assert done.stdout.splitlines()[0] == "ledger.bind = h:1"
    assert "environment: LAMINA_LEDGER__BIND" in done.stdout
    assert "localhost:9984" in done.stdout


def test_a_section_is_a_table(home: Home) -> None:
    done = home.run("config", "explain", "http")
    assert "http.keep_alive_s" in done.stdout
    assert "ledger.bind" not in done.stdout


def test_a_misspelt_setting_gets_a_suggestion(home: Home) -> None:
    done = home.run("config", "explain", "ledger.bnd")
    assert done.returncode == 3
    assert "Did you mean ledger.bind?" in done.stderr


def test_init_writes_every_setting_commented_out(home: Home) -> None:
    done = home.run("config", "init", "new.toml")
    path = home.path / "new.toml"
    assert (done.returncode, done.stdout) == (0, "")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    text = path.read_text()
    assert all(value == {} for value in tomllib.loads(text).values())
    assert home.run("--config", "new.toml", "config", "check").returncode == 0
    keys = set(explained(home)) - {"platform.config"}
    section, found = "", set[str]()
    for line in text.splitlines():
        section = line.strip("[]") if line.startswith("[") else section
        if match := re.match(r"# (\w+) = ", line):
            found.add(f"{section}.{match[1]}")
    assert found == keys


def test_what_init_writes_are_the_defaults(home: Home) -> None:
    text = home.run("config", "init", "-").stdout
    uncommented = re.sub(r"^# (?=\w+ = )", "", text, flags=re.MULTILINE)
    (home.path / "all.toml").write_text(re.sub(r"^\w+ = \(not set\)$", "", uncommented, flags=re.MULTILINE))
    given = explained(home, "--config", "all.toml")
    assert sum(each["origin"]["kind"] == "file" for each in given.values()) > 50
    assert {key: each["value_text"] for key, each in given.items() if each["origin"]["kind"] == "file"} == {
        key: each["default"] for key, each in given.items() if each["origin"]["kind"] == "file"
    }


def test_init_never_replaces_a_file_unasked(home: Home) -> None:
    path = home.path / "lamina.toml"
    path.write_text("mine")
    done = home.run("config", "init")
    assert (done.returncode, path.read_text()) == (4, "mine")
    assert "--force" in done.stderr
    assert home.run("config", "init", "--force").returncode == 0
    assert path.read_text() != "mine"


def test_check_finds_everything_that_is_wrong(home: Home) -> None:
    wrong = {
        "LAMINA_HTTP__KEEP_ALIVE_S": "-1",
        "LAMINA_LEDGER__BIN": "x",
        "LAMINA_POSTGRES__DSN": f"x:{MARKER}",
    }
    document = home.json("config", "check", "--json", exit_code=3, **wrong)
    assert document["ok"] is False
    assert {problem["where"] for problem in document["problems"]} == set(wrong)
    done = home.run("config", "check", **wrong)
    assert done.returncode == 3
    assert "LAMINA_LEDGER__BIN: no setting has this variable" in done.stderr
    assert MARKER not in done.stderr + str(document)


def test_check_tells_what_is_ignored(home: Home) -> None:
    done = home.run("config", "check", BIGCHAINDB_SERVER_BIND="h:1")
    assert (done.returncode, done.stdout) == (0, "ok: the environment can be used\n")
    assert "note: BIGCHAINDB_SERVER_BIND is ignored" in done.stderr
    assert home.json("config", "check", "--json")["ok"] is True


def test_env_lists_lamina_s_and_the_originals_variables(home: Home) -> None:
    rows = {row["variable"]: row for row in home.json("config", "env", "--json", LAMINA_LEDGER__BIND="h:1")}
    assert rows["LAMINA_LEDGER__BIND"] == {
        "variable": "LAMINA_LEDGER__BIND",
        "setting": "ledger.bind",
        "counts_for": "lamina …",
        "set": True,
    }
    assert rows["BIGCHAINDB_SERVER_BIND"]["counts_for"] == "lamina ledger …"
    assert rows["LAMINA_POSTGRES__DSN_FILE"]["setting"] == "postgres.dsn"
    assert rows["LAMINA_DATA_DIR"]["setting"] == "platform.data_dir"
