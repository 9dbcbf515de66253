"""Show what is in force and why: every value with its origin, documentation and unit; secrets masked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from lamina.kernel.errors import ConfigurationError
from lamina.kernel.settings.layer import Origin, suggestion
from lamina.kernel.settings.load import Settings
from lamina.kernel.settings.schema import Section, Setting, settings_of


@dataclass(frozen=True, slots=True)
class Explained:
    """One setting in words; `dataclasses.asdict` is its JSON shape."""

    key: str
    value_text: str
    origin: Origin
    doc: str
    unit: str | None
    default: str
    variable: str


def explain(settings: Settings, key: str | None = None) -> list[Explained]:
    """Explain one setting ("http.keep_alive_s"), one section ("http"), or everything.

    Raises:
        ConfigurationError: nothing has that name.
    """
    found = [
        _explained(settings, section, declared)
        for section in settings.sections
        for declared in settings_of(type(section))
        if key in {None, section.section, declared.key}
    ]
    if not found:
        raise ConfigurationError(
            f"there is no setting {key}", hint=suggestion(str(key), _names(settings)) or None
        )
    return found


def _names(settings: Settings) -> list[str]:
    keys = [declared.key for section in settings.sections for declared in settings_of(type(section))]
    return keys + [section.section for section in settings.sections]


def _explained(settings: Settings, section: Section, declared: Setting) -> Explained:
    return Explained(
        key=declared.key,
        value_text=_text(getattr(section, declared.name)),
        origin=settings.origin(declared.section, declared.name),
        doc=declared.doc,
        unit=declared.unit,
        default=_text(declared.default),
        variable=declared.variable,
    )


def _text(value: object) -> str:
    """A value as it would be written in a variable; a secret shows what its type lets it show."""
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return ",".join(f"{name}={each}" for name, each in cast("dict[str, object]", value).items())
    if isinstance(value, (tuple, list)):
        return ",".join(str(each) for each in cast("Sequence[object]", value))
    return f"{value:g}" if isinstance(value, float) else str(value)
