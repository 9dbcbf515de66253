import dataclasses
import json

import pytest

from lamina.kernel.errors import ConfigurationError
from lamina.kernel.settings.explain import explain
from lamina.kernel.settings.layer import Origin
from lamina.kernel.settings.load import load
from lamina.kernel.settings.platform import KERNEL_SECTIONS
from lamina.kernel.settings.schema import settings_by_key

MARKER = "marker-of-a-secret"


def test_one_setting_is_explained_whole() -> None:
    settings = load(KERNEL_SECTIONS, environ={"LAMINA_HTTP__KEEP_ALIVE_S": "5"})
    (explained,) = explain(settings, "http.keep_alive_s")
    assert dataclasses.astuple(explained) == (
        "http.keep_alive_s",
        "5",
        ("environment", "LAMINA_HTTP__KEEP_ALIVE_S"),
        "How long an idle connection stays open.",
        "s",
        "75",
        "LAMINA_HTTP__KEEP_ALIVE_S",
    )


def test_everything_is_explained_and_fits_json() -> None:
    explained = explain(load(KERNEL_SECTIONS, environ={}))
    assert [each.key for each in explained] == list(settings_by_key(KERNEL_SECTIONS))
    assert all(each.doc.endswith(".") and each.origin == Origin("default", "built in") for each in explained)
    json.dumps([dataclasses.asdict(each) for each in explained])


def test_a_section_is_explained_alone() -> None:
    explained = explain(load(KERNEL_SECTIONS, environ={}), "admin")
    assert [each.key for each in explained] == ["admin.host", "admin.port", "admin.token"]


def test_secrets_are_masked() -> None:
    environ = {"LAMINA_POSTGRES__DSN": f"postgresql://u:{MARKER}@h/d", "LAMINA_ADMIN__TOKEN": MARKER}
    shown = {each.key: each.value_text for each in explain(load(KERNEL_SECTIONS, environ=environ))}
    assert shown["postgres.dsn"] == "postgresql://u:***@h/d"
    assert shown["admin.token"] == "**********"
    assert shown["postgres.read_dsn"] == "not set"
    assert MARKER not in repr(shown)


def test_values_are_shown_as_a_variable_would_say_them() -> None:
    environ = {"LAMINA_LOG__LEVELS": "uvicorn=WARNING", "LAMINA_PLATFORM__SERVICES": "ledger,aurora"}
    settings = load(KERNEL_SECTIONS, environ=environ)
    assert explain(settings, "log.levels")[0].value_text == "uvicorn=warning"
    assert explain(settings, "platform.services")[0].value_text == "ledger,aurora"
    assert explain(settings, "log.access")[0].value_text == "true"


def test_an_unknown_name_suggests_the_closest() -> None:
    with pytest.raises(ConfigurationError) as caught:
        explain(load(KERNEL_SECTIONS, environ={}), "http.keepalive_s")
    assert caught.value.hint == "Did you mean http.keep_alive_s?"
