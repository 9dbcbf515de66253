import json
from pathlib import Path
from typing import Any

import pytest

from lamina.formats.signatures import KeyPair
from lamina.kernel.crypto.keys import NodeKey
from lamina.kernel.errors import ConfigurationError
from lamina.services.ledger.commands.configuration import (
    BACKENDS,
    OriginalConfiguration,
    as_text,
    default_path,
    defaults,
    generate,
    masked,
    merge,
    read,
    typed,
)


def written(tmp_path: Path, document: object) -> Path:
    path = tmp_path / "node.json"
    path.write_text(json.dumps(document))
    return path


def configured(tmp_path: Path, document: object, **environ: str) -> OriginalConfiguration:
    return read(written(tmp_path, document), environ)


def test_defaults_are_the_originals() -> None:
    tree = defaults("mongodb")
    assert tree["database"] == {
        "backend": "mongodb",
        "host": "localhost",
        "port": 27017,
        "name": "bigchain",
        "replicaset": "bigchain-rs",
        "connection_timeout": 5000,
        "max_tries": 3,
        "ssl": False,
        "ca_cert": None,
        "certfile": None,
        "keyfile": None,
        "keyfile_passphrase": None,
        "crlfile": None,
        "login": None,
        "password": None,
    }
    assert tree["server"] == {"bind": "localhost:9984", "loglevel": "info", "workers": None}
    assert tree["wsserver"] == {"scheme": "ws", "host": "localhost", "port": 9985}
    assert tree["log"]["error_file"] == "~/bigchaindb-errors.log"
    assert (tree["keyring"], tree["backlog_reassign_delay"]) == ([], 120)
    assert defaults("rethinkdb")["database"]["port"] == 28015


@pytest.mark.parametrize("backend", BACKENDS)
def test_defaults_are_nobody_elses(backend: str) -> None:
    defaults(backend)["database"]["name"] = "spoilt"
    defaults(backend)["keyring"].append("spoilt")
    assert "spoilt" not in as_text(defaults(backend), sort_keys=True)


def test_without_a_file_the_embedded_database_is_meant() -> None:
    original = read(None, {"HOME": "/nowhere"})
    assert (original.path, original.file) == (Path("/nowhere/.bigchaindb"), None)
    assert original.effective == defaults("embedded")
    assert original.given == {}
    assert not original.file_holds_secret


def test_the_path_variable_names_the_default_file() -> None:
    assert default_path({"HOME": "/h", "BIGCHAINDB_CONFIG_PATH": "/etc/node.json"}) == Path("/etc/node.json")


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"none\.json cannot be read"):
        read(tmp_path / "none.json", {})


def test_what_the_file_says_wins_over_defaults_and_loses_to_variables(tmp_path: Path) -> None:
    original = configured(
        tmp_path,
        {"server": {"bind": "0.0.0.0:1"}, "wsserver": {"port": 7}, "plugin": {"colour": "red"}},
        BIGCHAINDB_WSSERVER_PORT="8",
        BIGCHAINDB_KEYRING="a:b",
        BIGCHAINDB_GRAPHITE_HOST="",
    )
    effective = original.effective
    assert (effective["server"]["bind"], effective["server"]["loglevel"]) == ("0.0.0.0:1", "info")
    assert (effective["wsserver"]["port"], effective["keyring"]) == (8, ["a", "b"])
    assert effective["graphite"] == {"host": "localhost"}
    assert effective["plugin"] == {"colour": "red"}
    assert original.given["wsserver"] == {"port": 8}
    assert "graphite" not in original.given


def test_unknown_leaves_of_the_file_have_variables_too(tmp_path: Path) -> None:
    original = configured(tmp_path, {"plugin": {"size": 3}}, BIGCHAINDB_PLUGIN_SIZE="4")
    assert original.effective["plugin"] == {"size": 4}


@pytest.mark.parametrize(
    ("variable", "value"), [("BIGCHAINDB_DATABASE_BACKEND", "mongodb"), ("BIGCHAINDB_DATABASE_PORT", "1")]
)
def test_the_backend_decides_which_leaves_there_are(tmp_path: Path, variable: str, value: str) -> None:
    original = configured(tmp_path, {"database": {"backend": "postgres"}}, **{variable: value})
    assert original.backend == ("mongodb" if value == "mongodb" else "postgres")
    assert original.database["port"] == (27017 if value == "mongodb" else 1)


@pytest.mark.parametrize(("text", "is_on"), [("true", True), ("0", False), ("no", False), ("ON", True)])
def test_a_switch_is_read_as_what_it_says(tmp_path: Path, text: str, *, is_on: bool) -> None:
    original = configured(tmp_path, {"database": {"backend": "mongodb"}}, BIGCHAINDB_DATABASE_SSL=text)
    assert original.database["ssl"] is is_on


def test_text_in_the_file_is_typed_like_the_default(tmp_path: Path) -> None:
    document = {"database": {"backend": "postgres", "port": "5433", "ssl": "true"}, "keyring": "a:b"}
    original = configured(tmp_path, document)
    assert (original.database["port"], original.database["ssl"]) == (5433, True)
    assert original.effective["keyring"] == ["a", "b"]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"server": 3}, "server should be an object"),
        ({"database": {"port": "many"}}, "database: port should be a whole number"),
        ({"database": {"port": [1]}}, "database: port should be a whole number"),
        ({"keyring": 3}, "keyring should be a list"),
        ({"database": {"backend": "localmongodb"}}, "'localmongodb' is not supported"),
        ([], "expected an object"),
    ],
)
def test_a_file_of_another_shape_is_refused(tmp_path: Path, document: object, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        configured(tmp_path, document)
    assert message in caught.value.detail


def test_a_variable_of_another_type_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="BIGCHAINDB_WSSERVER_PORT should be a whole number"):
        configured(tmp_path, {}, BIGCHAINDB_WSSERVER_PORT="x")


def test_parts_that_are_null_count_as_absent(tmp_path: Path) -> None:
    assert configured(tmp_path, {"database": None, "log": None}).effective == defaults("embedded")


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"keypair": {"private": "k"}}, True),
        ({"database": {"password": "p"}}, True),
        ({"database": {"keyfile_passphrase": "p"}}, True),
        ({"keypair": {"public": "k"}}, False),
    ],
)
def test_a_file_with_secrets_says_so(tmp_path: Path, document: Any, *, expected: bool) -> None:
    original = configured(tmp_path, document)
    assert original.file_holds_secret is expected
    assert "OriginalConfiguration(" not in repr(original)


def test_secrets_are_shown_as_forty_five_x() -> None:
    secret = {"keypair": {"private": "k"}, "database": {"password": "p"}, "CONFIGURED": True}
    shown = masked(merge(defaults("postgres"), secret))
    assert (shown["keypair"]["private"], shown["database"]["password"]) == ("x" * 45, "x" * 45)
    assert shown["database"]["keyfile_passphrase"] is None
    assert "CONFIGURED" not in shown
    assert masked(defaults("embedded"))["keypair"]["private"] is None


def test_a_generated_configuration_has_its_key_and_the_variables() -> None:
    key = NodeKey.generate()
    environ = {"BIGCHAINDB_SERVER_BIND": "0.0.0.0:80", "BIGCHAINDB_DATABASE_BACKEND": "mongodb"}
    tree = generate("postgres", key, environ)
    assert tree["keypair"] == {"public": key.public, "private": key.private}
    assert KeyPair.from_seed_base58(tree["keypair"]["private"]).public == key.public
    assert (tree["server"]["bind"], tree["database"]["backend"]) == ("0.0.0.0:80", "postgres")


def test_merging_leaves_both_trees_alone() -> None:
    below: dict[str, Any] = {"a": {"b": [1]}}
    above: dict[str, Any] = {"a": {"c": [2]}}
    merged = merge(below, above)
    merged["a"]["b"].append(3)
    merged["a"]["c"].append(3)
    assert (below, above) == ({"a": {"b": [1]}}, {"a": {"c": [2]}})


@pytest.mark.parametrize(
    ("text", "like", "value"),
    [
        ("3", 1, 3),
        ("1.5", 0.5, 1.5),
        ("a:b", [], ["a", "b"]),
        ("x", "y", "x"),
        ("x", None, "x"),
        ("yes", False, True),
    ],
)
def test_text_becomes_what_the_default_is(text: str, like: object, value: object) -> None:
    assert typed(text, like) == value


@pytest.mark.parametrize(("text", "like"), [("x", 1), ("x", 1.0), ("maybe", True)])
def test_text_that_cannot_become_it_is_refused(text: str, like: object) -> None:
    with pytest.raises(ValueError):
        typed(text, like)
