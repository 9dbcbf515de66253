import json
import urllib.parse
from collections.abc import Callable

import pydantic
import pytest

from lamina.kernel.observability.redaction import (
    masked,
    masked_fields,
    masked_query,
    masked_text,
    register_secret,
    register_settings,
)
from lamina.kernel.settings.load import load
from lamina.kernel.settings.platform import KERNEL_SECTIONS


def test_a_registered_value_is_masked_wherever_it_stands() -> None:
    register_secret("marker-one")
    nested = {"a": ["x marker-one y", {"b": ("marker-one",)}], "marker": "marker-two"}
    assert masked(nested) == {"a": ["x *** y", {"b": ["***"]}], "marker": "marker-two"}


@pytest.mark.parametrize("encode", [urllib.parse.quote_plus, json.dumps, repr])
def test_encoded_forms_are_masked_too(encode: Callable[[str], str]) -> None:
    secret = 'tricky"\\marker=é/x'
    register_secret(secret)
    assert "marker" not in masked_text(f"before {encode(secret)} after")


def test_lines_of_a_secret_are_masked_alone() -> None:
    register_secret("-----BEGIN KEY-----\nlineofthekey\n-----END KEY-----")
    assert masked_text("error near lineofthekey") == "error near ***"


def test_very_short_values_do_not_eat_the_log() -> None:
    register_secret("")
    register_secret("abc")
    assert masked_text("abcdef") == "abcdef"


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "db_password",
        "private_key",
        "privateKey",
        "Authorization",
        "admin-token",
        "read_dsn",
        "d",
        "dq",
        "qi",
    ],
)
def test_text_under_a_secrets_name_is_masked(name: str) -> None:
    assert masked_fields({name: "x"}) == {name: "***"}
    assert masked_fields({name: {"inner": "x"}}) == {name: "***"}
    assert masked_fields({"outer": {name: "x"}}) == {"outer": {name: "***"}}


def test_numbers_and_absence_are_no_secrets() -> None:
    fields = {"token_count": 3, "p": 0.5, "password": None, "token_valid": True, "tokens": "many"}
    assert masked_fields(fields) == fields


def test_private_fields_inside_text_are_masked() -> None:
    jwk = {"kty": "RSA", "n": "public", "d": "marker", "p": "marker", "qi": "marker"}
    for text in (
        json.dumps(jwk),
        repr(jwk),
        f"cannot read {json.dumps(jwk, separators=(',', ':'))} as a key",
    ):
        assert "marker" not in masked_text(text)
        assert "public" in masked_text(text)


def test_passwords_in_urls_are_masked() -> None:
    assert (
        masked_text("no answer from postgres://u:marker@h:5432/d")
        == "no answer from postgres://u:***@h:5432/d"
    )
    assert masked_text("see http://h:8080/x and a@b") == "see http://h:8080/x and a@b"


def test_query_strings_lose_the_values_of_secret_fields() -> None:
    assert masked_query("a=1&Token=marker&b=2") == "a=1&Token=***&b=2"
    assert masked_query("a=1&b=token") == "a=1&b=token"


def test_unknown_objects_become_masked_text() -> None:
    class Holder:
        def __repr__(self) -> str:
            return "Holder(postgres://u:marker@h/d)"

    assert masked(Holder()) == "Holder(postgres://u:***@h/d)"
    assert masked(b"bytes") == "b'bytes'"


def test_long_text_is_cut_after_masking() -> None:
    register_secret("marker-at-the-edge")
    text = str(masked("x" * 32_760 + "marker-at-the-edge"))
    assert "marker" not in text
    assert len(masked_text("x" * 100_000)) < 33_000


def test_deep_values_end_somewhere() -> None:
    value: object = "x"
    for _ in range(100):
        value = [value]
    assert len(json.dumps(masked(value))) < 100


def test_hostile_text_costs_little() -> None:
    for text in ("://a:" * 20_000, '"d":"' * 20_000, "'p': " * 20_000):
        assert len(masked_text(text)) <= 32_769


def test_secrets_of_the_settings_and_passwords_of_their_dsns_are_registered() -> None:
    environ = {
        "LAMINA_POSTGRES__DSN": "postgresql://u:dsn%20marker@h/d?sslpassword=sslmarker",
        "LAMINA_ADMIN__TOKEN": "token-marker",
    }
    register_settings(load(KERNEL_SECTIONS, environ=environ))
    for secret in ("dsn%20marker", "dsn marker", "sslmarker", "token-marker"):
        assert masked_text(f"x {secret} y") == "x *** y"


def test_secret_types_keep_their_own_mask() -> None:
    assert "marker" not in str(masked({"value": pydantic.SecretStr("never-registered-marker")}))
