import json
from pathlib import Path
from typing import Any

import pytest

from lamina.kernel.errors import ConfigurationError
from lamina.kernel.settings.dsn import Dsn, check
from lamina.kernel.settings.load import Settings, load
from lamina.kernel.settings.platform import KERNEL_SECTIONS, LogSettings, PostgresSettings
from lamina.services.ledger.commands.configuration import OriginalConfiguration, defaults, merge, read
from lamina.services.ledger.commands.counterparts import dsn, in_force, lamina_values
from lamina.services.ledger.settings import LedgerSettings

SECTIONS = (*KERNEL_SECTIONS, LedgerSettings)


def original_of(tmp_path: Path, document: Any, **environ: str) -> OriginalConfiguration:
    path = tmp_path / "node.json"
    path.write_text(json.dumps(document))
    path.chmod(0o600)
    return read(path, environ)


def settings_of(original: OriginalConfiguration, tmp_path: Path, **environ: str) -> Settings:
    return load(
        SECTIONS,
        environ=environ,
        flags={"platform.data_dir": str(tmp_path)},
        legacy_service="ledger",
        legacy_file=original.file,
        fallbacks=lamina_values(original),
    )


def database(**values: Any) -> dict[str, Any]:
    return merge(defaults("postgres")["database"], values)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, "postgresql://localhost:5432/bigchain"),
        (
            {"host": "db", "port": 1, "login": "a@b", "password": "p/w:?"},
            "postgresql://a%40b:p%2Fw%3A%3F@db:1/bigchain",
        ),
        ({"host": "/run/pg"}, "postgresql:///bigchain?host=%2Frun%2Fpg&port=5432"),
        ({"ssl": True}, "postgresql://localhost:5432/bigchain?sslmode=require"),
        (
            {"ssl": True, "ca_cert": "/ca.pem", "certfile": "/c", "keyfile": "/k", "crlfile": "/crl"},
            (
                "postgresql://localhost:5432/bigchain?sslmode=verify-full&sslrootcert=%2Fca.pem&sslcert=%2Fc"
                "&sslkey=%2Fk&sslcrl=%2Fcrl"
            ),
        ),
        ({"ca_cert": "/ca.pem"}, "postgresql://localhost:5432/bigchain"),
    ],
)
def test_a_database_part_becomes_a_dsn(values: dict[str, Any], expected: str) -> None:
    made = dsn(database(**values))
    assert made == expected
    assert check(Dsn(made)).get_secret_value() == expected


@pytest.mark.parametrize("backend", ["embedded", "rethinkdb", "mongodb"])
def test_only_postgres_names_a_server(tmp_path: Path, backend: str) -> None:
    assert lamina_values(original_of(tmp_path, {"database": {"backend": backend}})) == {}


def test_the_embedded_database_has_no_tls(tmp_path: Path) -> None:
    original = original_of(tmp_path, {"database": {"backend": "embedded", "ssl": True}})
    with pytest.raises(ConfigurationError, match="no TLS"):
        lamina_values(original)


def test_the_database_is_used_unless_lamina_names_one(tmp_path: Path) -> None:
    document = {"database": {"backend": "postgres", "host": "db", "connection_timeout": 1500}}
    original = original_of(tmp_path, document)
    postgres = settings_of(original, tmp_path).get(PostgresSettings)
    assert postgres.dsn is not None
    assert postgres.dsn.get_secret_value() == "postgresql://db:5432/bigchain"
    assert postgres.connect_timeout_s == 1.5
    own = settings_of(original, tmp_path, LAMINA_POSTGRES__DSN="postgresql://other/d")
    assert own.get(PostgresSettings).dsn == Dsn("postgresql://other/d")


def test_the_log_goes_where_the_original_says(tmp_path: Path) -> None:
    log = {"file": "/l", "error_file": "/e", "level_console": "WARNING", "level_logfile": "notset"}
    original = original_of(tmp_path, {"log": {**log, "granular_levels": {"a.b": "Debug"}}})
    values = settings_of(original, tmp_path).get(LogSettings)
    assert (values.file, values.error_file) == (Path("/l"), Path("/e"))
    assert (values.level, values.file_level, values.levels) == ("warning", "debug", {"a.b": "debug"})


def test_the_originals_log_files_are_defaults_of_start_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/node")
    original = original_of(tmp_path, {})
    assert lamina_values(original) == {}
    values = lamina_values(original, with_log_defaults=True)
    assert values["log.file"] == Path("/home/node/bigchaindb.log")
    assert values["log.error_file"] == Path("/home/node/bigchaindb-errors.log")
    assert (values["log.level"], values["log.file_level"]) == ("info", "info")


@pytest.mark.parametrize(
    ("level", "message"), [(10, "Log level must be a string!"), ("loud", "'loud' is not")]
)
def test_what_is_no_level_is_refused(tmp_path: Path, level: object, message: str) -> None:
    original = original_of(tmp_path, {"log": {"level_console": level}})
    with pytest.raises(ConfigurationError) as caught:
        lamina_values(original)
    assert message in caught.value.detail


def test_what_is_in_force_is_said_in_the_originals_words(tmp_path: Path) -> None:
    original = original_of(tmp_path, {"server": {"bind": "a:1"}, "wsserver": {"port": 5}, "mine": 1})
    settings = settings_of(original, tmp_path, LAMINA_LEDGER__BIND="b:2", LAMINA_LEDGER__KEYRING="x,y")
    tree = in_force(original, settings, level="DEBUG")
    assert (tree["server"]["bind"], tree["wsserver"]["port"]) == ("b:2", 5)
    assert (tree["keyring"], tree["mine"]) == (["x", "y"], 1)
    assert (tree["log"]["level_console"], tree["server"]["loglevel"]) == ("DEBUG", "DEBUG")
    assert tree["keypair"] == {"public": None, "private": None}
    assert original.effective["server"]["bind"] == "a:1"
