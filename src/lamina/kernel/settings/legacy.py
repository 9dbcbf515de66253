"""The originals' variables and JSON file, for the commands that carry their service's name.

The rules are those of spec/ledger.md 6.2 and spec/telemetry.md 10: values typed like their setting, lists
between the original's separators. A name that Lamina does not know is never an error here: other programs own
such variables, and the file keeps them.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from lamina.kernel.errors import ConfigurationError
from lamina.kernel.settings.layer import Layer, Origin, Problem
from lamina.kernel.settings.schema import Section, Setting, settings_of
from lamina.kernel.settings.validation import typed


@dataclass(frozen=True, slots=True)
class Original:
    """The variables of a service's original that decide one setting, the most specific first.

    Attributes:
        owner: the service whose commands read them.
        section: where the setting is; its types judge the value.
        setting: what is decided; of the service's own section, or of another one.
        is_lenient: an unusable value is passed over, with a notice.
    """

    owner: str
    section: type[Section]
    setting: Setting
    names: tuple[str, ...]
    convert: Callable[[str], str]
    separator: str
    is_lenient: bool


def originals(sections: Sequence[type[Section]]) -> list[Original]:
    """Every variable of every original, by the settings that they decide."""
    places = {each.key: (section, each) for section in sections for each in settings_of(section)}
    found: list[Original] = []
    for owner in sections:
        found += [
            _original(owner, owner, each, each.legacy, str, strict=each.legacy_strict)
            for each in settings_of(owner)
            if each.legacy
        ]
        for other in owner.legacy_elsewhere:
            if other.key in places:
                place = places[other.key]
                found.append(_original(owner, *place, other.names, other.convert, strict=other.is_strict))
    return found


def _original(
    owner: type[Section],
    section: type[Section],
    setting: Setting,
    names: tuple[str, ...],
    convert: Callable[[str], str],
    *,
    strict: bool,
) -> Original:
    is_lenient = owner.legacy_is_lenient and not strict
    return Original(owner.section, section, setting, names, convert, owner.legacy_separator, is_lenient)


def read_legacy_environment(wanted: Iterable[Original], environ: Mapping[str, str]) -> Layer:
    """Values of the original's variables; of several names for one setting the first usable one counts."""
    layer = Layer()
    for original in wanted:
        present = [name for name in original.names if environ.get(name)]
        while present:
            name, *shadowed = present
            flaw = _take(layer, original, name, environ[name])
            if flaw is None:
                layer.notices += [f"{other} is ignored: {name} wins" for other in shadowed]
                break
            layer.notices.append(f"{name} is ignored: {flaw}")
            present = shadowed
    return layer


def _take(layer: Layer, original: Original, name: str, text: str) -> str | None:
    """Keep a value; what is wrong with it is a problem, or the answer where the original is lenient."""
    own, setting, origin = Layer(), original.setting, Origin("environment", name)
    try:
        own.give_text(setting, original.convert(text.strip()), origin, separator=original.separator)
    except ValueError as error:
        own.problems.append(Problem(name, str(error), setting.doc))
    if original.is_lenient and not own.problems:
        _, own.problems = typed(original.section, {each.setting.name: each for each in own.given.values()})
    if original.is_lenient and own.problems:
        return own.problems[0].text
    layer.given |= own.given
    layer.problems += own.problems
    return None


def ignored_variables(wanted: Iterable[Original], environ: Mapping[str, str]) -> list[str]:
    """Notices about variables of the originals that the whole platform does not read.

    `PORT` or `DATABASE_URL` cannot be meant for four services at once.
    """
    owners: dict[str, list[Original]] = {}
    for original in wanted:
        for name in original.names:
            if environ.get(name):
                owners.setdefault(name, []).append(original)
    return [_ignored(name, claimed) for name, claimed in owners.items()]


def _ignored(name: str, claimed: list[Original]) -> str:
    commands = ", ".join(dict.fromkeys(f"lamina {each.owner}" for each in claimed))
    variables = " or ".join(each.setting.variable for each in claimed)
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
