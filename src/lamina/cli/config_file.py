"""The text of a fresh configuration file: every setting, explained and commented out."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from lamina.kernel.settings.schema import Section, Setting, settings_of

_HEAD = """\
# Lamina's configuration. Every setting stands here with its default; remove the leading "# " of a line to
# change it. Flags win over variables (LAMINA_<SECTION>__<FIELD>), variables over this file.
# What is in force, and why: lamina config explain
"""
# It names the file itself, so it cannot stand in it.
_ELSEWHERE = frozenset({"platform.config"})


def template(sections: Sequence[type[Section]]) -> str:
    """The file, as valid TOML."""
    return "\n".join([_HEAD, *(_section(section) for section in sections)])


def _section(section: type[Section]) -> str:
    settings = [each for each in settings_of(section) if each.key not in _ELSEWHERE]
    lines = [f"[{section.section}]", *(line for each in settings for line in _setting(each))]
    return "\n".join(lines) + "\n"


def _setting(setting: Setting) -> Iterator[str]:
    unit = f" Unit: {setting.unit}." if setting.unit else ""
    yield f"# {setting.doc}{unit}"
    if setting.is_secret:
        yield f'# Better in a file of its own (mode 0600): {setting.name}_file = "/path"'
    if setting.default is None:
        yield f"# {setting.name} = (not set)"
    else:
        yield f"# {setting.name} = {toml_value(setting.default)}"


def toml_value(value: object) -> str:
    """A setting's value as TOML."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, Mapping):
        pairs = cast("Mapping[str, object]", value).items()
        return "{" + ", ".join(f"{json.dumps(name)} = {toml_value(each)}" for name, each in pairs) + "}"
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(toml_value(each) for each in cast("Sequence[object]", value)) + "]"
    return json.dumps(str(value), ensure_ascii=False)
