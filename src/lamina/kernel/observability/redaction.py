"""Masks secrets in all that is logged: known values wherever they stand, known names whatever they hold.

The rules are those of distribution-and-reliability.md section 15. It is the last net, not the first: code
still keeps secrets out of its messages.
"""

import functools
import json
import re
import urllib.parse
from collections.abc import Mapping
from typing import Any, cast

import pydantic

from lamina.kernel.settings.load import Settings

MASK = "***"
SECRET_CHARACTERS_MIN = 4  # masking shorter ones would only make every log unreadable
TEXT_CHARACTERS_MAX = 32_768
DEPTH_MAX = 8

_SECRET_WORDS = frozenset(
    {"password", "passwd", "passphrase", "secret", "token", "dsn", "authorization", "cookie"}
)
_JWK_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi"})
_URL_PASSWORD = re.compile(r"(://[^/\s:@]*:)[^\s@]{0,256}@")
_QUOTED_FIELD = re.compile(
    r"""((["'])(?:d|p|q|dp|dq|qi|private|private_key|password|passphrase|token|dsn)\2\s*:\s*b?(["']))(?:(?!\3).)*""",
    re.IGNORECASE | re.DOTALL,
)
_QUERY_WORDS = ("token", "passw", "passphrase", "secret", "private_key", "dsn")


class _KnownSecrets:
    """Values that must not be written, the longest first. Plain searches: they beat one pattern for all."""

    def __init__(self) -> None:
        self._values: tuple[str, ...] = ()

    def add(self, value: str) -> None:
        in_url = urllib.parse.quote(value, safe="", errors="surrogatepass")
        known = {value, in_url, json.dumps(value)[1:-1], repr(value)[1:-1], *self._values}
        self._values = tuple(
            sorted((each for each in known if len(each) >= SECRET_CHARACTERS_MIN), key=len)[::-1]
        )

    def masked(self, text: str) -> str:
        for value in self._values:
            if value in text:
                text = text.replace(value, MASK)
        return text


_known = _KnownSecrets()


def register_secret(value: str) -> None:
    """Mask a value from now on: whole, line by line, and as JSON, URLs and reprs would write it."""
    for part in {value, *value.splitlines()}:
        _known.add(part)


def register_settings(settings: Settings) -> None:
    """Mask every secret of the settings, and the passwords inside DSNs."""
    for section in settings.sections:
        for name in type(section).model_fields:
            value = getattr(section, name)
            if isinstance(value, pydantic.SecretStr):
                secret = value.get_secret_value()
                for each in (secret, *_passwords(secret)):
                    register_secret(each)


def masked_text(text: str) -> str:
    """The text without known secrets, passwords in URLs, and private fields of JSON; cut when too long."""
    text = _known.masked(text)
    if "://" in text:
        text = _URL_PASSWORD.sub(rf"\1{MASK}@", text)
    if ":" in text and ('"' in text or "'" in text):
        text = _QUOTED_FIELD.sub(rf"\1{MASK}", text)
    # Cut last: half a secret would no longer be known for one.
    return text if len(text) <= TEXT_CHARACTERS_MAX else text[:TEXT_CHARACTERS_MAX] + "…"


def masked_query(query: str) -> str:
    """A query string without known secrets and without the values of fields named like one."""
    query = _known.masked(query)
    return "&".join(_masked_pair(pair) for pair in query.split("&")) if _names_secret(query) else query


def masked(value: object, depth: int = 0) -> object:
    """A value made of JSON types without secrets; anything else becomes its repr, masked."""
    if isinstance(value, str):
        return masked_text(value)
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if depth >= DEPTH_MAX:
        return "…"
    if isinstance(value, Mapping):
        return masked_fields(cast("Mapping[object, object]", value), depth)
    if isinstance(value, (list, tuple, set, frozenset)):
        return [masked(each, depth + 1) for each in cast("list[object]", value)]
    return masked_text(repr(value))


def masked_fields(fields: Mapping[Any, object], depth: int = 0) -> dict[str, object]:
    """A mapping without secrets in its values; what stands under a secret's name goes whole."""
    return {
        str(name): MASK if _is_hidden(str(name), value) else masked(value, depth + 1)
        for name, value in fields.items()
    }


def _masked_pair(pair: str) -> str:
    name, equals, _ = pair.partition("=")
    return f"{name}={MASK}" if equals and _names_secret(name) else pair


def _names_secret(text: str) -> bool:
    lowered = text.lower()
    for word in _QUERY_WORDS:  # noqa: SIM110 (any() with a generator takes three times as long, on every request)
        if word in lowered:
            return True
    return False


def _is_hidden(name: str, value: object) -> bool:
    """Numbers and None are never secrets: `token_count=3` stays."""
    return _is_secret_name(name) and value is not None and not isinstance(value, (bool, int, float))


@functools.lru_cache(maxsize=4096)
def _is_secret_name(name: str) -> bool:
    words = name.lower().replace("-", "_").split("_")
    return name in _JWK_PRIVATE or "privatekey" in "".join(words) or not _SECRET_WORDS.isdisjoint(words)


def _passwords(dsn: str) -> list[str]:
    """The passwords of a DSN, as written and decoded; none where it is no DSN."""
    match = re.match(r"\w+://[^:/@]*:([^@]*)@", dsn)
    in_authority = [match[1], urllib.parse.unquote(match[1])] if match else []
    query = urllib.parse.parse_qsl(dsn.partition("?")[2])
    return in_authority + [value for name, value in query if "pass" in name.lower()]
