import json
from pathlib import Path
from typing import Any, ClassVar

import pydantic
import pytest

from lamina.kernel.errors import ConfigurationError, SecretFileError
from lamina.kernel.settings.layer import Origin
from lamina.kernel.settings.legacy import load_legacy_document
from lamina.kernel.settings.load import Settings, clear_secrets, load
from lamina.kernel.settings.schema import Section, setting


class Ledger(Section):
    section: ClassVar[str] = "ledger"
    bind: str = setting("localhost:9984", doc="Bind.", legacy=("OLD_SERVER_BIND",), legacy_path="server.bind")
    keyring: tuple[str, ...] = setting((), doc="Keys.", legacy=("OLD_KEYRING",), legacy_path="keyring")
    ssl: bool = setting(False, doc="TLS.", legacy=("OLD_DATABASE_SSL",), legacy_path="database.ssl")
    delay_s: int = setting(120, doc="Delay.", legacy=("OLD_DELAY", "DELAY"), legacy_path="delay")
    private: pydantic.SecretStr | None = setting(
        None, doc="Key.", secret=True, legacy=("OLD_PRIVATE",), legacy_path="keypair.private"
    )
    dsn: str | None = setting(None, doc="Database.", legacy=("DATABASE_URL",))


class Aurora(Section):
    section: ClassVar[str] = "aurora"
    dsn: str | None = setting(None, doc="Database.", legacy=("DATABASE_URL",))


SECTIONS = (Ledger, Aurora)


def ledger(environ: dict[str, str] | None = None, **rest: Any) -> tuple[Ledger, Settings]:
    settings = load(SECTIONS, environ=environ or {}, legacy_service="ledger", **rest)
    return settings.get(Ledger), settings


def document(tmp_path: Path, content: object, mode: int = 0o600) -> Path:
    path = tmp_path / ".bigchaindb"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    path.chmod(mode)
    return path


def test_variables_of_the_original_are_typed_with_colons_in_lists() -> None:
    values, settings = ledger(
        {"OLD_SERVER_BIND": "0.0.0.0:1", "OLD_KEYRING": "a:b", "OLD_DATABASE_SSL": "false"}
    )
    assert (values.bind, values.keyring, values.ssl) == ("0.0.0.0:1", ("a", "b"), False)
    assert settings.origin("ledger", "keyring") == Origin("environment", "OLD_KEYRING")


def test_a_truth_that_is_none_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match=r"OLD_DATABASE_SSL: ledger\.ssl: should be a valid boolean"):
        ledger({"OLD_DATABASE_SSL": "perhaps"})


def test_other_services_and_the_platform_do_not_read_them() -> None:
    environ = {"DATABASE_URL": "postgresql://h/d", "OLD_DELAY": "3"}
    platform = load(SECTIONS, environ=environ)
    assert platform.get(Ledger).dsn is None
    assert platform.get(Aurora).dsn is None
    values, settings = ledger(environ)
    assert values.dsn == "postgresql://h/d"
    assert settings.get(Aurora).dsn is None


def test_the_platform_reports_what_it_does_not_read() -> None:
    settings = load(SECTIONS, environ={"DATABASE_URL": "postgresql://u:marker@h/d"})
    (notice,) = settings.notices
    assert notice == (
        "DATABASE_URL is ignored, it counts for lamina ledger, lamina aurora only: "
        "set LAMINA_LEDGER__DSN or LAMINA_AURORA__DSN"
    )


def test_the_more_specific_name_wins_and_the_other_is_reported() -> None:
    values, settings = ledger({"OLD_DELAY": "3", "DELAY": "4"})
    assert values.delay_s == 3
    assert settings.notices == ("DELAY is ignored: OLD_DELAY wins",)


def test_laminas_own_name_wins_and_the_other_is_reported() -> None:
    values, settings = ledger({"OLD_DELAY": "3", "LAMINA_LEDGER__DELAY_S": "5"})
    assert values.delay_s == 5
    assert settings.notices == ("OLD_DELAY is ignored: LAMINA_LEDGER__DELAY_S wins",)


def test_the_json_file_stands_under_everything_but_the_defaults(tmp_path: Path) -> None:
    old = document(
        tmp_path, {"delay": 3, "server": {"bind": "h:1", "workers": None}, "keyring": ["a"], "extra": {}}
    )
    new = tmp_path / "lamina.toml"
    new.write_text("[ledger]\nbind = 'h:2'\n")
    values, settings = ledger({"OLD_KEYRING": "b"}, legacy_file=old, file=new)
    assert (values.delay_s, values.bind, values.keyring) == (3, "h:2", ("b",))
    assert settings.origin("ledger", "delay_s") == Origin("legacy file", f"{old} delay")


def test_a_null_is_the_default(tmp_path: Path) -> None:
    values, _ = ledger(
        legacy_file=document(tmp_path, {"delay": None, "keypair": {"private": None}, "server": 3})
    )
    assert values == Ledger()


def test_unknown_keys_of_the_file_are_kept_for_those_who_show_it(tmp_path: Path) -> None:
    path = document(tmp_path, {"mine": {"a": 1}})
    assert load_legacy_document(path) == {"mine": {"a": 1}}


@pytest.mark.parametrize("content", ["", "{", "[1]", "3"])
def test_bad_json_has_the_text_of_the_original(tmp_path: Path, content: str) -> None:
    path = document(tmp_path, content)
    with pytest.raises(ConfigurationError) as caught:
        ledger(legacy_file=path)
    assert caught.value.detail.startswith(f"Failed to parse the JSON configuration from `{path}`, ")


def test_a_file_with_the_private_key_is_a_secret_file(tmp_path: Path) -> None:
    path = document(tmp_path, {"keypair": {"private": "marker"}}, mode=0o644)
    with pytest.raises(SecretFileError, match="0644"):
        ledger(legacy_file=path)
    path.chmod(0o600)
    private = ledger(legacy_file=path)[0].private
    assert private is not None
    assert private.get_secret_value() == "marker"


def test_secret_variables_of_the_original_are_cleared_too() -> None:
    environ = {"OLD_PRIVATE": "marker", "OLD_DELAY": "3"}
    clear_secrets(SECTIONS, environ)
    assert environ == {"OLD_DELAY": "3"}
