"""The TOML file: `[section]` tables of `field = value`; `field_file = "path"` for a secret kept elsewhere.

Unknown sections and keys are errors with their line.
"""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from lamina.kernel.errors import ConfigurationError
from lamina.kernel.settings.layer import Layer, Origin, Problem, SecretPath, suggestion
from lamina.kernel.settings.schema import Setting

_TABLE = re.compile(r"\s*\[\s*([^\[\]]+?)\s*\]")
_KEY = re.compile(r"\s*([A-Za-z0-9_\"'.\s-]+?)\s*=")


def read_file(known: Mapping[str, Setting], path: Path) -> Layer:
    """Values of the file.

    Args:
        known: settings by key.
        path: the file; it must exist.

    Raises:
        ConfigurationError: the file cannot be read or is not TOML.
    """
    text = _text(path)
    lines = _lines(text)
    sections = dict.fromkeys(each.section for each in known.values())
    layer = Layer()
    for section, table in _parse(path, text).items():
        where = _where(path, lines, section)
        if not isinstance(table, dict):
            layer.problems.append(
                Problem(where, f"{section} is outside any section", "Put it under a [section]")
            )
        elif section not in sections:
            layer.problems.append(
                Problem(where, f"there is no section [{section}]", suggestion(section, sections))
            )
        else:
            for name, value in cast("dict[str, object]", table).items():
                _take(layer, known, f"{section}.{name}", value, _where(path, lines, f"{section}.{name}"))
    if any(each.setting.is_secret and isinstance(each.value, str) for each in layer.given.values()):
        layer.secret_file = path
    return layer


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigurationError(f"the configuration file {path} cannot be read: {reason}") from None


def _parse(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(
            f"{path} is not a TOML file: {error}", hint="Expected [section] tables of field = value lines"
        ) from None


def _take(layer: Layer, known: Mapping[str, Setting], key: str, value: object, where: str) -> None:
    setting = known.get(key)
    of_file = known.get(key.removesuffix("_file")) if key.endswith("_file") else None
    if setting is not None:
        layer.give(setting, value, Origin("file", where))
    elif of_file is not None and of_file.is_secret and isinstance(value, str):
        layer.give(of_file, SecretPath(Path(value)), Origin("file", where))
    else:
        hint = suggestion(key, known) or f"Run: lamina config explain {key.partition('.')[0]}"
        layer.problems.append(Problem(where, f"there is no setting {key}", hint))


def _where(path: Path, lines: Mapping[str, int], key: str) -> str:
    line = lines.get(key) or lines.get(key.partition(".")[0])
    return f"{path} line {line}" if line else str(path)


def _lines(text: str) -> dict[str, int]:
    """The line of each key and table; near enough for a message, tomllib itself keeps none."""
    found: dict[str, int] = {}
    table = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _TABLE.match(line):
            table = _plain(header[1])
            found.setdefault(table, number)
        elif key := _KEY.match(line):
            found.setdefault(f"{table}.{_plain(key[1])}".removeprefix("."), number)
    return found


def _plain(name: str) -> str:
    return ".".join(part.strip().strip("\"'") for part in name.split("."))
