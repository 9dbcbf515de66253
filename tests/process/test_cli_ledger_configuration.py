"""`lamina ledger configure`, `show-config`, `export-my-pubkey` and the originals' database commands."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from tests.process.command import Home

from lamina.formats.signatures import KeyPair

PROMPTS = (
    "API Server bind? (default `localhost:9984`): "
    "WebSocket Server scheme? (default `ws`): "
    "WebSocket Server host? (default `localhost`): "
    "WebSocket Server port? (default `9985`): "
)
DELAY = "Stale transaction reassignment delay (in seconds)? (default `120`): "


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def document(home: Home) -> Any:
    return json.loads(home.original_file.read_text())


def write(home: Home, content: object, mode: int = 0o600) -> Path:
    path = home.path / "node.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    path.chmod(mode)
    return path


def shown(home: Home, *args: str, **environment: str) -> Any:
    return home.json("ledger", *args, "show-config", **environment)


def test_configure_makes_a_key_and_a_private_file(home: Home) -> None:
    done = home.run("ledger", "-y", "configure", "embedded")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.splitlines() == [
        "Generating keypair",
        "Generating default configuration for backend embedded",
        f"Configuration written to {home.original_file}",
        "Ready to go!",
    ]
    assert stat.S_IMODE(home.original_file.stat().st_mode) == 0o600
    keypair = document(home)["keypair"]
    assert KeyPair.from_seed_base58(keypair["private"]).public == keypair["public"]
    assert home.original_file.read_text().startswith('{\n    "')
    exported = home.run("ledger", "export-my-pubkey")
    assert (exported.returncode, exported.stdout, exported.stderr) == (0, keypair["public"] + "\n", "")


@pytest.mark.parametrize(("backend", "port"), [("mongodb", 27017), ("rethinkdb", 28015), ("postgres", 5432)])
def test_configure_knows_every_backend(home: Home, backend: str, port: int) -> None:
    done = home.run("ledger", "--yes-please", "configure", backend)
    assert document(home)["database"]["port"] == port
    assert ("Lamina keeps the ledger in PostgreSQL" in done.stderr) is (backend != "postgres")


def test_configure_asks_in_the_originals_words_and_types_the_answers(home: Home) -> None:
    done = home.run("ledger", "configure", "mongodb", stdin="0.0.0.0:80\n\n\n81\ndb\n\n\nrs\n\n")
    assert PROMPTS + "Database host? (default `localhost`): " in done.stderr
    assert "Database replicaset? (default `bigchain-rs`): " in done.stderr
    assert DELAY in done.stderr
    tree = document(home)
    assert tree["server"]["bind"] == "0.0.0.0:80"
    assert tree["wsserver"] == {"scheme": "ws", "host": "localhost", "port": 81}
    database = tree["database"]
    assert (database["host"], database["port"], database["replicaset"]) == ("db", 27017, "rs")


def test_configure_asks_nothing_of_an_embedded_database(home: Home) -> None:
    done = home.run("ledger", "configure", "embedded", stdin="\n\n\n\n7\n")
    assert done.stderr.endswith(
        PROMPTS + DELAY + f"Configuration written to {home.original_file}\nReady to go!\n"
    )
    assert document(home)["backlog_reassign_delay"] == 7


def test_configure_asks_for_the_password_of_a_login(home: Home) -> None:
    home.run("ledger", "configure", "postgres", stdin="\n\n\n\n\n\n\nnode\npass:word\n\n")
    database = document(home)["database"]
    assert (database["login"], database["password"]) == ("node", "pass:word")


def test_an_answer_of_the_wrong_type_is_wrong_usage(home: Home) -> None:
    done = home.run("ledger", "configure", "embedded", stdin="\n\n\nmany\n")
    assert done.returncode == 2
    assert "'many' is not a whole number" in done.stderr
    assert not home.original_file.exists()


@pytest.mark.parametrize(
    ("answer", "is_replaced"), [("", False), ("n\n", False), ("yes\n", False), ("y\n\n", True)]
)
def test_an_existing_file_is_replaced_only_on_y(home: Home, answer: str, *, is_replaced: bool) -> None:
    home.original_file.write_text("{}")
    done = home.run("ledger", "configure", "embedded", stdin=answer)
    question = (
        f"Config file `{home.original_file}` exists, do you want to override it? (cannot be undone) [y/N]: "
    )
    assert done.returncode == 0
    assert done.stderr.startswith(question)
    assert (home.original_file.read_text() != "{}") is is_replaced


def test_configure_writes_where_it_is_told(home: Home) -> None:
    home.run("ledger", "-y", "-c", "elsewhere.json", "configure", "embedded")
    home.run("ledger", "-y", "configure", "embedded", BIGCHAINDB_CONFIG_PATH="named.json")
    assert (home.path / "elsewhere.json").exists()
    assert (home.path / "named.json").exists()
    assert not home.original_file.exists()


def test_configure_prints_sorted_json_for_a_dash(home: Home) -> None:
    done = home.run("ledger", "-y", "-c", "-", "configure", "embedded", BIGCHAINDB_SERVER_BIND="a:1")
    tree = json.loads(done.stdout)
    assert tree["server"]["bind"] == "a:1"
    assert done.stdout == json.dumps(tree, indent=4, sort_keys=True) + "\n"
    assert done.stderr.endswith("Ready to go!\n")
    assert not home.original_file.exists()


def test_show_config_shows_what_is_in_force_without_secrets(home: Home) -> None:
    home.run("ledger", "-y", "configure", "embedded")
    private = document(home)["keypair"]["private"]
    done = home.run("ledger", "show-config", BIGCHAINDB_WSSERVER_PORT="7", LAMINA_LEDGER__BIND="b:2")
    tree = json.loads(done.stdout)
    assert done.stdout == json.dumps(tree, indent=4, sort_keys=True) + "\n"
    assert tree["keypair"] == {"private": "x" * 45, "public": document(home)["keypair"]["public"]}
    assert (tree["wsserver"]["port"], tree["server"]["bind"]) == (7, "b:2")
    assert private not in done.stdout + done.stderr


def test_show_config_without_any_file(home: Home) -> None:
    tree = shown(home, BIGCHAINDB_DATABASE_PASSWORD="unknown here")
    assert tree["keypair"] == {"private": None, "public": None}
    assert tree["database"]["backend"] == "embedded"


def test_a_level_of_the_command_line_rules_every_level(home: Home) -> None:
    tree = shown(home, "-l", "Warning", BIGCHAINDB_LOG_LEVEL_CONSOLE="debug")
    assert tree["log"]["level_console"] == tree["log"]["level_logfile"] == "WARNING"
    assert shown(home, BIGCHAINDB_LOG_LEVEL_CONSOLE="debug")["log"]["level_console"] == "debug"


def test_what_lamina_does_not_know_is_kept(home: Home) -> None:
    path = write(home, {"consensus_plugin": "mine", "database": {"gtid": 3}})
    tree = shown(home, "-c", str(path))
    assert (tree["consensus_plugin"], tree["database"]["gtid"]) == ("mine", 3)


def test_a_password_is_never_shown(home: Home) -> None:
    path = write(home, {"database": {"backend": "postgres", "login": "a", "password": "marker-of-a-secret"}})
    done = home.run("ledger", "-c", str(path), "show-config")
    assert json.loads(done.stdout)["database"]["password"] == "x" * 45
    assert "marker-of-a-secret" not in done.stdout + done.stderr


def test_a_missing_default_file_is_fine_a_named_one_is_not(home: Home) -> None:
    assert home.run("ledger", "show-config").returncode == 0
    done = home.run("ledger", "-c", "none.json", "show-config")
    assert done.returncode == 3
    assert "none.json cannot be read" in done.stderr


def test_bad_json_is_reported_as_the_original_did(home: Home) -> None:
    path = write(home, "{")
    done = home.run("ledger", "-c", str(path), "export-my-pubkey")
    assert done.returncode == 3
    assert f"Failed to parse the JSON configuration from `{path}`, " in done.stderr


@pytest.mark.parametrize("secret", [{"keypair": {"private": "x"}}, {"database": {"password": "p"}}])
def test_a_file_with_secrets_that_others_can_read_is_refused(home: Home, secret: object) -> None:
    path = write(home, secret, mode=0o644)
    done = home.run("ledger", "-c", str(path), "show-config")
    assert done.returncode == 3
    assert f"chmod 600 {path}" in done.stderr


def test_a_level_that_is_no_text_is_refused(home: Home) -> None:
    done = home.run("ledger", "-c", str(write(home, {"log": {"level_console": 20}})), "show-config")
    assert done.returncode == 3
    assert "Log level must be a string!" in done.stderr


def test_an_old_backend_is_explained_once(home: Home) -> None:
    path = write(home, {"database": {"backend": "mongodb"}})
    done = home.run("ledger", "-c", str(path), "show-config")
    assert done.returncode == 0
    assert done.stderr.count("the configuration names the backend mongodb") == 1
    assert "embedded PostgreSQL" in done.stderr


def test_without_a_key_there_is_nothing_to_export(home: Home) -> None:
    done = home.run("ledger", "export-my-pubkey")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "This node's public key wasn't set anywhere so it can't be exported\n"


def test_the_group_answers_for_the_original(home: Home) -> None:
    assert home.run("ledger", "-v").stdout == home.run("ledger", "--version").stdout == "bigchaindb 1.0.1\n"
    bare = home.run("ledger")
    assert (bare.returncode, bare.stderr) == (0, "")
    assert bare.stdout.startswith("Usage:")


@pytest.mark.parametrize(
    ("args", "backend"),
    [
        (("set-shards", "4"), "RethinkDB"),
        (("set-replicas", "3"), "RethinkDB"),
        (("add-replicas", "a:1", "b:2"), "MongoDB"),
        (("remove-replicas", "a:1"), "MongoDB"),
    ],
)
def test_commands_of_the_originals_databases_explain_and_fail(
    home: Home, args: tuple[str, ...], backend: str
) -> None:
    done = home.run("ledger", *args)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"This command is specific to the {backend} backend." in done.stderr


def test_a_host_without_a_port_is_named(home: Home) -> None:
    done = home.run("ledger", "remove-replicas", "a:1", "b")
    assert done.returncode == 2
    assert "expected host in the form `host:port`. Got `b` instead." in " ".join(done.stderr.split())
