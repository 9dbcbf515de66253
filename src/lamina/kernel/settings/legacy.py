"""The originals' variables and JSON file, for the commands that carry their service's name.

The rules are those of spec/ledger.md 6.2: lists between colons, values typed like their setting. A name that
Lamina does not know is never an error here: other programs own such variables, and the file keeps them.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from lamina.kernel.errors import ConfigurationError
from lamina.kernel.settings.layer import Layer, Origin
from lamina.kernel.settings.schema import Setting


def read_legacy_environment(settings: Iterable[Setting], environ: Mapping[str, str]) -> Layer:
    """Values of the original's variables; of several names for one setting the first that is set counts."""
    layer = Layer()
    for setting in settings:
        present = [name for name in setting.legacy if environ.get(name)]
        if not present:
            continue
        name, *shadowed = present
        layer.give_text(setting, environ[name], Origin("environment", name), separator=":")
        layer.notices += [f"{other} is ignored: {name} wins" for other in shadowed]
    return layer


def ignored_variables(settings: Iterable[Setting], environ: Mapping[str, str]) -> list[str]:
    """Notices about variables of the originals that the whole platform does not read.

    `PORT` or `DATABASE_URL` cannot be meant for four services at once.
    """
    owners: dict[str, list[Setting]] = {}
    for setting in settings:
        for name in setting.legacy:
            if environ.get(name):
                owners.setdefault(name, []).append(setting)
    return [_ignored(name, claimed) for name, claimed in owners.items()]


def _ignored(name: str, claimed: list[Setting]) -> str:
    commands = ", ".join(f"lamina {each.section}" for each in claimed)
    variables = " or ".join(each.variable for each in claimed)
    return f"{name} is ignored, it counts for {commands} only: set {variables}"


def read_legacy_file(settings: Iterable[Setting], path: Path) -> Layer:
    """Values of the original's JSON file.

    Args:
        settings: those of the service; each says with `legacy_path` where its value is.
        path: the file; it must exist.

    Raises:
        ConfigurationError: the file cannot be read or is not a JSON object.
    """
    document = load_legacy_document(path)
    layer = Layer()
    for setting in settings:
        value = _find(document, setting.legacy_path)
        if value is not None:
            layer.give(setting, value, Origin("legacy file", f"{path} {setting.legacy_path}"))
    if any(given.setting.is_secret for given in layer.given.values()):
        layer.secret_file = path
    return layer


def load_legacy_document(path: Path) -> dict[str, Any]:
    """The original's JSON file whole, unknown keys included.

    Raises:
        ConfigurationError: the file cannot be read or is not a JSON object; the text is that of
            spec/ledger.md 6.2.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"the configuration file {path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise _unparsable(path, str(error)) from None
    if not isinstance(document, dict):
        raise _unparsable(path, "expected an object")
    return cast("dict[str, Any]", document)


def _unparsable(path: Path, reason: str) -> ConfigurationError:
    return ConfigurationError(f"Failed to parse the JSON configuration from `{path}`, {reason}")


def _find(document: object, dotted: str | None) -> object:
    """The value at a dotted path; None where there is none or it is null."""
    if dotted is None:
        return None
    for name in dotted.split("."):
        if not isinstance(document, dict):
            return None
        document = cast("dict[str, object]", document).get(name)
    return document
