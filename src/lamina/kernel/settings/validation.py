"""From given values to typed sections: secret files are read, pydantic types, what is wrong is put in words.

No wording ever holds the value of a secret.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pydantic
from pydantic_core import ErrorDetails

from lamina.kernel.crypto.secret_file import check_secret_file, read_secret
from lamina.kernel.errors import ConfigurationError, SecretFileError
from lamina.kernel.settings.layer import Given, Problem, SecretPath
from lamina.kernel.settings.schema import Section

S = TypeVar("S", bound=Section)

_SHOWN_CHARACTERS_MAX = 60


def read_secret_paths(
    given: Mapping[str, Given], *, allow_readable: bool
) -> tuple[dict[str, Given], list[Problem]]:
    """Put the contents of secret files in their place; a final line break does not count."""
    values: dict[str, Given] = {}
    problems: list[Problem] = []
    for key, each in given.items():
        if not isinstance(each.value, SecretPath):
            values[key] = each
            continue
        try:
            content = read_secret(each.value.path, allow_readable=allow_readable)
            values[key] = replace(each, value=content.decode().rstrip("\r\n"))
        except SecretFileError as error:
            problems.append(_of_secret_file(each.origin.where, error))
        except UnicodeDecodeError:
            problems.append(Problem(each.origin.where, f"{each.value.path} is not UTF-8 text"))
    return values, problems


def check_holders(paths: Iterable[Path], *, allow_readable: bool) -> list[Problem]:
    """Problems with files that have secrets among other settings."""
    problems: list[Problem] = []
    for path in paths:
        try:
            check_secret_file(path, allow_readable=allow_readable)
        except SecretFileError as error:
            problems.append(_of_secret_file(str(path), error))
    return problems


def typed(section: type[S], given: Mapping[str, Given]) -> tuple[S | None, list[Problem]]:
    """Type the values of one section.

    Args:
        section: its class.
        given: values by field name; the others take their defaults.

    Returns:
        The section and no problem, or None and every problem.
    """
    try:
        return section.model_validate({name: each.value for name, each in given.items()}), []
    except pydantic.ValidationError as error:
        details = error.errors(include_url=False, include_context=False)
        return None, [_worded(section, given, detail) for detail in details]


def configuration_error(problems: list[Problem]) -> ConfigurationError:
    """One error for all problems; `context["problems"]` keeps them apart."""
    kind = SecretFileError if all(problem.is_secret_file for problem in problems) else ConfigurationError
    if len(problems) == 1:
        (problem,) = problems
        return kind(f"{problem.where}: {problem.text}", hint=problem.hint or None, problems=tuple(problems))
    lines = [f"  {problem.where}: {problem.text}. {problem.hint}".rstrip() for problem in problems]
    return kind("\n".join([f"{len(problems)} settings cannot be used:", *lines]), problems=tuple(problems))


def _of_secret_file(where: str, error: SecretFileError) -> Problem:
    return Problem(where, error.detail, error.hint, is_secret_file=True)


def _worded(section: type[Section], given: Mapping[str, Given], detail: ErrorDetails) -> Problem:
    """A problem from pydantic's words: `http.body_timeout_s should be a valid number...`."""
    text = detail["msg"].removeprefix("Value error, ").removeprefix("Input ")
    path = [str(part) for part in detail["loc"]]
    each = given.get(path[0]) if path else None
    if each is None:
        return Problem(f"[{section.section}]", text)
    name = ".".join([section.section, *path])
    if each.setting.is_secret:
        text = text.replace(str(each.value), "***")
    else:
        text = f"{text}, not {_shortened(detail['input'])}"
    return Problem(each.origin.where, f"{name}: {text}", each.setting.doc)


def _shortened(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= _SHOWN_CHARACTERS_MAX else shown[:_SHOWN_CHARACTERS_MAX] + "…"
