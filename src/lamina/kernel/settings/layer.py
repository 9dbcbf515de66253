"""What one source says: values with their origins, problems found, and things the operator should know."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from lamina.kernel.settings.schema import Setting

OriginKind = Literal["flag", "environment", "file", "legacy file", "default"]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value comes from: a kind of source, and the flag, variable or line inside it."""

    kind: OriginKind
    where: str


@dataclass(frozen=True, slots=True)
class SecretPath:
    """Stands for a secret that is still in its file."""

    path: Path


@dataclass(frozen=True, slots=True, repr=False)
class Given:
    """A value as a source gave it, not yet typed; it may be a secret, so it has no repr."""

    setting: Setting
    value: object
    origin: Origin


@dataclass(frozen=True, slots=True)
class Problem:
    """Why something cannot be used: the place, the reason (never a secret value), and what to do."""

    where: str
    text: str
    hint: str = ""
    is_secret_file: bool = False


@dataclass(slots=True)
class Layer:
    """Everything one source said."""

    given: dict[str, Given] = field(default_factory=dict[str, Given])
    problems: list[Problem] = field(default_factory=list[Problem])
    notices: list[str] = field(default_factory=list[str])
    secret_file: Path | None = None  # the source itself, where secrets stand in it

    def give(self, setting: Setting, value: object, origin: Origin) -> None:
        """Keep a value; text and secret paths were already told apart by the source."""
        self.given[setting.key] = Given(setting, value, origin)

    def give_text(self, setting: Setting, text: str, origin: Origin, *, separator: str = ",") -> None:
        """Keep a value that arrived as text, or the reason why it cannot be taken apart."""
        try:
            self.give(setting, setting.parse(text, separator=separator), origin)
        except ValueError as error:
            self.problems.append(Problem(origin.where, str(error), setting.doc))


def suggestion(name: str, known: Iterable[str]) -> str:
    """A hint naming the closest known name; empty when none is close."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"Did you mean {close[0]}?" if close else ""
