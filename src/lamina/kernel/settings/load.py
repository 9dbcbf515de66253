"""Put the sources in order and settle every value: flag over environment over file over default.

The originals' variables stand under Lamina's own, their JSON file under the TOML file. pydantic-settings is
not used: it merges its sources before it validates, so a value no longer knows its origin, and a variable
that means nothing goes unseen. The sections are plain pydantic models.
"""

from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar, cast

import pydantic

from lamina.kernel.settings.environment import read_environment, variable_names
from lamina.kernel.settings.file import read_file
from lamina.kernel.settings.layer import Given, Layer, Origin, Problem, suggestion
from lamina.kernel.settings.legacy import (
    ignored_variables,
    originals,
    read_legacy_environment,
    read_legacy_file,
)
from lamina.kernel.settings.schema import Section, Setting, settings_by_key
from lamina.kernel.settings.validation import check_holders, configuration_error, read_secret_paths, typed

S = TypeVar("S", bound=Section)

_FILE_KEY = "platform.config"
_READABLE_KEY = "platform.allow_readable_secrets"


class Settings:
    """All values with their origins. Immutable; the repr shows no value."""

    def __init__(
        self, sections: Iterable[Section], origins: Mapping[str, Origin], notices: Iterable[str] = ()
    ) -> None:
        """Keep typed sections.

        Args:
            sections: at most one of each class.
            origins: by key; a setting that is absent has its default.
            notices: what the operator should hear about, free of secrets.
        """
        self._sections = {section.section: section for section in sections}
        self._origins = dict(origins)
        self.notices = tuple(notices)

    def __repr__(self) -> str:
        return f"Settings({', '.join(self._sections)})"

    @property
    def sections(self) -> tuple[Section, ...]:
        """The loaded sections."""
        return tuple(self._sections.values())

    def get(self, section: type[S]) -> S:
        """The values of one section.

        Raises:
            KeyError: the section was not among those loaded.
        """
        return cast("S", self._sections[section.section])

    def origin(self, section: str, field: str) -> Origin:
        """Where a value comes from."""
        return self._origins.get(f"{section}.{field}", Origin("default", "built in"))

    def changed(self, section: type[Section], values: Mapping[str, object], origin: Origin) -> "Settings":
        """The same with some values of one section replaced; they must be of the right types."""
        sections = [
            each.model_copy(update=dict(values)) if each.section == section.section else each
            for each in self.sections
        ]
        origins = {f"{section.section}.{name}": origin for name in values}
        return Settings(sections, {**self._origins, **origins}, self.notices)

    def dump(self) -> dict[str, Any]:
        """Everything, secrets included, as JSON types: for a pipe to a child process, never for a log."""
        return {
            "sections": {section.section: _dumped(section) for section in self.sections},
            "origins": {key: asdict(origin) for key, origin in self._origins.items()},
            "notices": list(self.notices),
        }

    @classmethod
    def restore(cls, sections: Sequence[type[Section]], dump: Mapping[str, Any]) -> "Settings":
        """Make again what `dump` took apart; sections that are not asked for are left out."""
        values = [each.model_validate(dump["sections"][each.section]) for each in sections]
        origins = {key: Origin(**origin) for key, origin in dump["origins"].items()}
        return cls(values, origins, dump["notices"])


def load(
    sections: Sequence[type[Section]],
    *,
    environ: Mapping[str, str],
    file: Path | None = None,
    flags: Mapping[str, object] | None = None,
    legacy_service: str | None = None,
    legacy_file: Path | None = None,
    fallbacks: Mapping[str, object] | None = None,
) -> Settings:
    """Read every source and settle every value.

    Args:
        sections: all that exist, also of services that do not run; their names would be unknown otherwise.
        environ: variables by name.
        file: the TOML file; `LAMINA_CONFIG` when absent; no file when that is absent too.
        flags: values of the command line by key ("http.header_timeout_s"); None means not given.
        legacy_service: the section whose original's variables and JSON file count, for `lamina <service> …`.
        legacy_file: that service's original JSON file.
        fallbacks: what the original's configuration says of other sections, by key; everything else wins.

    Raises:
        ConfigurationError: with every problem found; `context["problems"]` has them one by one.
        SecretFileError: the same, when all of them are about secret files.
    """
    known = settings_by_key(sections)
    of_service = [each for each in known.values() if each.section == legacy_service]
    flagged = _flag_layer(known, flags or {}, file)
    own = read_environment(known, environ)
    every = originals(sections)
    legacy = read_legacy_environment([each for each in every if each.owner == legacy_service], environ)
    if legacy_service is None:
        legacy.notices += ignored_variables(every, environ)
    legacy.notices += _overruled(legacy, own.given | flagged.given)
    layers = [legacy, own, flagged]
    if path := _config_path(file, own):
        in_file = {key: each for key, each in known.items() if key != _FILE_KEY}
        layers.insert(0, read_file(in_file, path))
    if legacy_file is not None:
        layers.insert(0, read_legacy_file(of_service, legacy_file))
    layers.insert(0, _fallback_layer(known, fallbacks or {}))
    return _settled(sections, layers)


def clear_secrets(sections: Sequence[type[Section]], environ: MutableMapping[str, str]) -> None:
    """Remove every variable that may hold a secret, so that no child process inherits it.

    The rule is that of distribution-and-reliability.md section 15.
    """
    secret = {key: each for key, each in settings_by_key(sections).items() if each.is_secret}
    legacy = [name for each in originals(sections) if each.setting.is_secret for name in each.names]
    for name in [*variable_names(secret), *legacy]:
        environ.pop(name, None)


def _dumped(section: Section) -> dict[str, Any]:
    """The section as JSON types with its secrets in clear."""
    values = section.model_dump(mode="json")
    for name in values:
        value = getattr(section, name)
        if isinstance(value, pydantic.SecretStr):
            values[name] = value.get_secret_value()
    return values


def _flag_layer(known: Mapping[str, Setting], flags: Mapping[str, object], file: Path | None) -> Layer:
    layer = Layer()
    named = {_FILE_KEY: file} if _FILE_KEY in known else {}
    for key, value in {**named, **flags}.items():
        setting = known.get(key)
        if setting is None:
            layer.problems.append(Problem(f"--{key}", f"there is no setting {key}", suggestion(key, known)))
        elif isinstance(value, str):
            layer.give_text(setting, value, Origin("flag", setting.flag))
        elif value is not None:
            layer.give(setting, value, Origin("flag", setting.flag))
    return layer


def _fallback_layer(known: Mapping[str, Setting], fallbacks: Mapping[str, object]) -> Layer:
    layer = Layer()
    for key, value in fallbacks.items():
        layer.give(known[key], value, Origin("legacy file", f"the original's configuration, for {key}"))
    return layer


def _config_path(file: Path | None, own: Layer) -> Path | None:
    named = own.given.get(_FILE_KEY)
    if file is not None or named is None:
        return file
    return Path(str(named.value))


def _overruled(legacy: Layer, winners: Mapping[str, Given]) -> list[str]:
    """A word about every variable of the original that is set in vain."""
    both = sorted(legacy.given.keys() & winners.keys())
    return [f"{legacy.given[key].origin.where} is ignored: {winners[key].origin.where} wins" for key in both]


def _settled(sections: Sequence[type[Section]], layers: Sequence[Layer]) -> Settings:
    """Type what the layers gave, the last of them strongest, or report all that is wrong."""
    given: dict[str, Given] = {}
    for layer in layers:
        given |= layer.given
    allow_readable = _READABLE_KEY in given and str(given[_READABLE_KEY].value).lower() in {
        "true",
        "1",
        "yes",
        "on",
    }
    problems = [problem for layer in layers for problem in layer.problems]
    problems += check_holders(
        [each.secret_file for each in layers if each.secret_file], allow_readable=allow_readable
    )
    given, unreadable = read_secret_paths(given, allow_readable=allow_readable)
    problems += unreadable
    values: list[Section] = []
    for section in sections:
        of_section = {
            each.setting.name: each for each in given.values() if each.setting.section == section.section
        }
        value, flaws = typed(section, of_section)
        problems += flaws
        values += [value] if value is not None else []
    if problems:
        raise configuration_error(problems)
    origins = {key: each.origin for key, each in given.items()}
    return Settings(values, origins, [notice for layer in layers for notice in layer.notices])
