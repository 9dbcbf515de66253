import json
import traceback
from pathlib import Path
from typing import Any, ClassVar, Literal

import pydantic
import pytest

from lamina.kernel.errors import ConfigurationError, SecretFileError
from lamina.kernel.settings.layer import Origin
from lamina.kernel.settings.load import Settings, clear_secrets, load
from lamina.kernel.settings.platform import KERNEL_SECTIONS, AdminSettings, HttpSettings, PlatformSettings
from lamina.kernel.settings.schema import Section, setting

MARKER = "marker-of-a-secret"


class Shop(Section):
    section: ClassVar[str] = "shop"
    size: int = setting(1, doc="Size.", unit="rooms")
    kind: Literal["corner", "mall"] = setting("corner", doc="Kind.")
    names: tuple[str, ...] = setting((), doc="Names.")
    levels: dict[str, int] = setting({}, doc="Levels.")
    is_open: bool = setting(True, doc="Open.")
    key: pydantic.SecretStr | None = setting(None, doc="Key.", secret=True)


SECTIONS = (*KERNEL_SECTIONS, Shop)


def loaded(environ: dict[str, str] | None = None, **rest: Any) -> Settings:
    return load(SECTIONS, environ=environ or {}, **rest)


def toml(tmp_path: Path, text: str, mode: int = 0o600) -> Path:
    path = tmp_path / "lamina.toml"
    path.write_text(text)
    path.chmod(mode)
    return path


def problems_of(environ: dict[str, str] | None = None, **rest: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        loaded(environ, **rest)
    return str(caught.value)


def test_nothing_said_means_defaults() -> None:
    settings = loaded()
    assert settings.get(Shop) == Shop()
    assert settings.origin("shop", "size") == Origin("default", "built in")


def test_flag_beats_environment_beats_file_beats_default(tmp_path: Path) -> None:
    file = toml(tmp_path, "[shop]\nsize = 2\n")
    variable = {"LAMINA_SHOP__SIZE": "3"}
    flag = {"shop.size": 4}
    sources: list[tuple[dict[str, Any], int, Origin]] = [
        ({"file": file}, 2, Origin("file", f"{file} line 2")),
        ({"file": file, "environ": variable}, 3, Origin("environment", "LAMINA_SHOP__SIZE")),
        ({"file": file, "environ": variable, "flags": flag}, 4, Origin("flag", "--size")),
        ({"file": file, "flags": {"shop.size": None}}, 2, Origin("file", f"{file} line 2")),
    ]
    for source, size, origin in sources:
        settings = loaded(**source)
        assert (settings.get(Shop).size, settings.origin("shop", "size")) == (size, origin)


def test_text_is_typed_like_its_field() -> None:
    shop = loaded(
        {
            "LAMINA_SHOP__NAMES": "a, b",
            "LAMINA_SHOP__LEVELS": "x=1,y=2",
            "LAMINA_SHOP__IS_OPEN": "false",
            "LAMINA_SHOP__KIND": "mall",
        }
    ).get(Shop)
    assert (shop.names, shop.levels, shop.is_open, shop.kind) == (("a", "b"), {"x": 1, "y": 2}, False, "mall")


def test_flags_may_be_text() -> None:
    settings = loaded(flags={"platform.services": "ledger,telemetry", "platform.port_offset": "100"})
    assert settings.get(PlatformSettings).services == ("ledger", "telemetry")
    assert settings.get(PlatformSettings).port_offset == 100


def test_an_empty_variable_is_not_set() -> None:
    assert loaded({"LAMINA_SHOP__SIZE": "", "LAMINA_SHOP__KEY": ""}).get(Shop) == Shop()


def test_short_names_stand_for_platform_settings(tmp_path: Path) -> None:
    file = toml(tmp_path, "[http]\nkeep_alive_s = 5\n")
    settings = loaded({"LAMINA_DATA_DIR": "/d", "LAMINA_PORT_OFFSET": "7", "LAMINA_CONFIG": str(file)})
    platform = settings.get(PlatformSettings)
    assert (platform.data_dir, platform.port_offset, platform.config) == (Path("/d"), 7, file)
    assert settings.get(HttpSettings).keep_alive_s == 5
    assert settings.origin("platform", "data_dir").where == "LAMINA_DATA_DIR"


def test_a_named_file_wins_over_the_variable_for_it(tmp_path: Path) -> None:
    file = toml(tmp_path, "[shop]\nsize = 2\n")
    settings = loaded({"LAMINA_CONFIG": "/nowhere"}, file=file)
    assert settings.get(Shop).size == 2
    assert settings.get(PlatformSettings).config == file


def test_two_names_for_one_setting_must_agree() -> None:
    both = {"LAMINA_PORT_OFFSET": "7", "LAMINA_PLATFORM__PORT_OFFSET": "7"}
    assert loaded(both).get(PlatformSettings).port_offset == 7
    assert "says something else" in problems_of(both | {"LAMINA_PORT_OFFSET": "8"})


def test_every_problem_is_reported_at_once_with_its_place(tmp_path: Path) -> None:
    file = toml(tmp_path, "[shop]\nsize = 'big'\nsort = 1\n[shopp]\n")
    text = problems_of(
        {"LAMINA_SHOP__KIND": "tent", "LAMINA_SHOP__LEVELS": "x", "LAMINA_HTTP__BODY_TIMEOUT": "3"},
        file=file,
        flags={"shop.names": 3, "shop.sise": 1},
    )
    for expected in (
        "8 settings cannot be used",
        f"{file} line 2: shop.size: should be a valid integer",
        "not 'big'",
        f"{file} line 3: there is no setting shop.sort",
        f"{file} line 4: there is no section [shopp]. Did you mean shop?",
        "LAMINA_SHOP__KIND: shop.kind: should be 'corner' or 'mall', not 'tent'",
        "LAMINA_SHOP__LEVELS: expected name=value pairs",
        "LAMINA_HTTP__BODY_TIMEOUT: no setting has this variable. Did you mean LAMINA_HTTP__BODY_TIMEOUT_S?",
        "--names: shop.names: should be a valid tuple",
        "--shop.sise: there is no setting shop.sise. Did you mean shop.size?",
    ):
        assert expected in text


def test_one_problem_is_one_sentence_with_a_hint() -> None:
    with pytest.raises(ConfigurationError) as caught:
        loaded({"LAMINA_SHOP_SIZE": "3"})
    assert caught.value.detail == "LAMINA_SHOP_SIZE: no setting has this variable"
    assert caught.value.hint == "Did you mean LAMINA_SHOP__SIZE?"
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("LAMINA_SERVICE_HOST", "10.0.0.1"),
        ("LAMINA_PORT", "tcp://10.0.0.1:8088"),
        ("LAMINA_ADMIN_PORT_8088_TCP_ADDR", "10.0.0.1"),
        ("LAMINA_ENABLE_FAULTS", "1"),
        ("LAMINA_TEST_DSN", "postgresql://h/d"),
        ("lamina_shop__size", "3"),
    ],
)
def test_variables_of_others_are_left_alone(name: str, text: str) -> None:
    assert loaded({name: text}).get(Shop) == Shop()


def test_a_misspelt_port_is_no_kubernetes_variable() -> None:
    assert "no setting has this variable" in problems_of({"LAMINA_ADMIN_PORT": "80"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[shop\n", "not a TOML file"),
        ("size = 3\n", "outside any section"),
        ("[platform]\nconfig = 'x'\n", "no setting"),
    ],
)
def test_a_file_that_means_nothing_is_refused(tmp_path: Path, text: str, message: str) -> None:
    assert message in problems_of(file=toml(tmp_path, text))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    assert f"{tmp_path}/none.toml cannot be read: No such file" in problems_of(file=tmp_path / "none.toml")


def test_secrets_come_from_files_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(MARKER + "\n")
    (tmp_path / "key").chmod(0o600)
    file = toml(tmp_path, f"[shop]\nkey_file = '{tmp_path / 'key'}'\n", mode=0o644)
    sources: list[dict[str, Any]] = [
        {"environ": {"LAMINA_SHOP__KEY_FILE": str(tmp_path / "key")}},
        {"file": file},
    ]
    for source in sources:
        key = loaded(**source).get(Shop).key
        assert key is not None
        assert key.get_secret_value() == MARKER


def test_a_readable_secret_file_is_refused_unless_allowed(tmp_path: Path) -> None:
    secret = toml(tmp_path, MARKER, mode=0o644)
    environ = {"LAMINA_SHOP__KEY_FILE": str(secret)}
    with pytest.raises(SecretFileError, match="0644") as caught:
        loaded(environ)
    assert caught.value.hint == f"chmod 600 {secret}"
    assert loaded(environ | {"LAMINA_PLATFORM__ALLOW_READABLE_SECRETS": "true"}).get(Shop).key is not None


def test_a_file_with_a_secret_in_it_is_a_secret_file(tmp_path: Path) -> None:
    file = toml(tmp_path, f"[shop]\nkey = '{MARKER}'\n", mode=0o644)
    assert "0644" in problems_of(file=file)
    file.chmod(0o600)
    assert loaded(file=file).get(Shop).key is not None


def test_a_secret_cannot_be_said_twice(tmp_path: Path) -> None:
    text = problems_of({"LAMINA_SHOP__KEY": MARKER, "LAMINA_SHOP__KEY_FILE": "/x"})
    assert "LAMINA_SHOP__KEY_FILE: LAMINA_SHOP__KEY says something else" in text


def test_no_message_holds_a_secret() -> None:
    environ = {"LAMINA_POSTGRES__DSN": f"mysql://u:{MARKER}@h/d", "LAMINA_SHOP__SIZE": "x"}
    with pytest.raises(ConfigurationError) as caught:
        loaded(environ)
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value.context)
    assert "LAMINA_POSTGRES__DSN" in shown
    assert MARKER not in shown


def test_settings_survive_a_pipe_with_secrets_and_origins() -> None:
    settings = loaded(
        {"LAMINA_SHOP__KEY": MARKER, "LAMINA_SHOP__NAMES": "a,b"}, flags={"platform.data_dir": "/d"}
    )
    restored = Settings.restore(SECTIONS, json.loads(json.dumps(settings.dump())))
    for section in SECTIONS:
        assert restored.get(section) == settings.get(section)
    assert restored.origin("shop", "key") == Origin("environment", "LAMINA_SHOP__KEY")
    assert Settings.restore([AdminSettings], settings.dump()).get(AdminSettings) == AdminSettings()


def test_settings_show_no_secret() -> None:
    settings = loaded({"LAMINA_SHOP__KEY": MARKER})
    assert MARKER not in f"{settings!r} {settings.get(Shop)!r} {settings.sections}"


def test_secret_variables_are_cleared_for_children() -> None:
    environ = {"LAMINA_SHOP__KEY": MARKER, "LAMINA_POSTGRES__DSN_FILE": "/x", "LAMINA_SHOP__SIZE": "3"}
    clear_secrets(SECTIONS, environ)
    assert environ == {"LAMINA_SHOP__SIZE": "3"}
