"""What stands between `lamina ledger` and its command, and the settings that all of it leads to."""

import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from lamina.cli.options import options_of
from lamina.cli.prompts import say

if TYPE_CHECKING:
    from lamina.kernel.settings.load import Settings
    from lamina.services.ledger.commands.configuration import OriginalConfiguration, Tree


class Level(StrEnum):
    """The log levels of the original's `-l`."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"
    CRITICAL = "CRITICAL"


@dataclass(frozen=True, slots=True)
class LedgerOptions:
    """The original's global options; a level that is None was not given."""

    config: Path | None = None
    level: Level | None = None
    assume_yes: bool = False

    @property
    def level_flags(self) -> dict[str, object]:
        """`-l` rules console and log file alike (spec/ledger.md 6.2); nothing when it was not given."""
        if self.level is None:
            return {}
        return {"log.level": self.level.lower(), "log.file_level": self.level.lower()}


def ledger_options_of(context: typer.Context) -> LedgerOptions:
    """The group's options of the running command."""
    options = context.find_object(LedgerOptions)
    assert options is not None, "the group's callback sets them"
    return options


def load_original(context: typer.Context) -> "OriginalConfiguration":
    """The original's configuration; its secret variables are taken out of the environment.

    Raises:
        ConfigurationError: it cannot be read.
    """
    from lamina.services.ledger.commands import configuration

    original = configuration.read(ledger_options_of(context).config, os.environ)
    for name in configuration.SECRET_VARIABLES:
        os.environ.pop(name, None)
    return original


def load_settings(
    context: typer.Context,
    original: "OriginalConfiguration | None" = None,
    *,
    with_log_defaults: bool = False,
) -> "Settings":
    """Lamina's settings as a command of the ledger sees them: the original's file and variables count.

    Args:
        context: of the running command.
        original: the original's configuration where it was read already.
        with_log_defaults: also log to the original's files when nobody said otherwise.

    Raises:
        ConfigurationError: something is wrong with any source.
        SecretFileError: others may read the secrets in the file.
    """
    from lamina.kernel.crypto.secret_file import check_secret_file
    from lamina.kernel.settings.platform import PlatformSettings
    from lamina.services.ledger.commands.counterparts import lamina_values

    original = original or load_original(context)
    settings = options_of(context).settings(
        ledger_options_of(context).level_flags,
        legacy_service="ledger",
        legacy_file=original.file,
        fallbacks=lamina_values(original, with_log_defaults=with_log_defaults),
    )
    if original.file is not None and original.file_holds_secret:
        readable = settings.get(PlatformSettings).allow_readable_secrets
        check_secret_file(original.file, allow_readable=readable)
    for notice in settings.notices:
        say(f"note: {notice}")
    _explain_backend(settings, original)
    return settings


def effective_tree(context: typer.Context, original: "OriginalConfiguration", settings: "Settings") -> "Tree":
    """The original's configuration as it is in force, in the original's words."""
    from lamina.services.ledger.commands.counterparts import in_force

    return in_force(original, settings, level=ledger_options_of(context).level)


def _explain_backend(settings: "Settings", original: "OriginalConfiguration") -> None:
    from lamina.kernel.settings.platform import PostgresSettings
    from lamina.services.ledger.commands.configuration import FOREIGN_BACKENDS

    if original.backend in FOREIGN_BACKENDS:
        external = settings.get(PostgresSettings).dsn is not None
        used = "the external PostgreSQL of postgres.dsn" if external else "its embedded PostgreSQL"
        say(
            f"warning: the configuration names the backend {original.backend}; Lamina keeps the ledger in "
            f"PostgreSQL and goes on with {used}. Set database.backend to embedded or postgres."
        )
