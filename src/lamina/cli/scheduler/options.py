"""The settings that a command of the scheduler sees: the original's variables and its `.env` file count."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

import typer

from lamina.cli.dotenv import read_dotenv
from lamina.cli.options import options_of
from lamina.cli.prompts import say
from lamina.kernel.errors import ConfigurationError

if TYPE_CHECKING:
    from lamina.kernel.settings.load import Settings

_SECRET_VARIABLES = (
    "DATABASE_URL",
    "DATABASE_READ_URL",
    "LAMINA_POSTGRES__DSN",
    "LAMINA_POSTGRES__READ_DSN",
    "LAMINA_ADMIN__TOKEN",
)
_CONNECTIONS = 10
"""Of the original's pool, where nobody says otherwise (spec/scheduler.md 2)."""

_NEEDED = {
    "SU_WALLET_PATH": "scheduler.wallet_path",
    "DATABASE_URL": "postgres.dsn",
    "GATEWAY_URL": "scheduler.gateway_url",
    "UPLOAD_NODE_URL": "scheduler.upload_url",
}
"""What the original does not start without, and the settings that do as well."""


def load_settings(context: typer.Context, flags: Mapping[str, object] | None = None) -> "Settings":
    """Lamina's settings.

    Raises:
        ConfigurationError: something is wrong with any source.
    """
    environ = {**read_dotenv(_SECRET_VARIABLES), **os.environ}
    settings = options_of(context).settings(
        flags,
        legacy_service="scheduler",
        environ=environ,
        fallbacks={"postgres.pool_connections_max": _CONNECTIONS},
    )
    for notice in settings.notices:
        say(f"warning: {notice}")
    return settings


def demand_needed(settings: "Settings") -> None:
    """Hold a start under the original's name to the variables that the original needs.

    Raises:
        ConfigurationError: some are missing; in the original's word for it.
    """
    missing = [name for name, key in _NEEDED.items() if settings.origin(*key.split(".")).kind == "default"]
    if missing:
        raise ConfigurationError(
            ", ".join(f"{name}: NotPresent" for name in missing),
            hint="Set them in the environment or in .env; `lamina scheduler serve` does without",
        )
