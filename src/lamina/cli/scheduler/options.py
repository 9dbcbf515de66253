"""The settings that a command of the scheduler sees: the original's variables and its `.env` file count."""

import os
from collections.abc import Collection, Mapping
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

UNIT_NEEDS = {
    "SU_WALLET_PATH": "scheduler.wallet_path",
    "DATABASE_URL": "postgres.dsn",
    "GATEWAY_URL": "scheduler.gateway_url",
    "UPLOAD_NODE_URL": "scheduler.upload_url",
}
"""What the original does not start without, and the settings that do as well."""

ROUTER_NEEDS = {**UNIT_NEEDS, "SCHEDULER_LIST_PATH": "scheduler.schedulers_path"}
"""A unit reads no list, and is started without a name of one."""


def load_settings(
    context: typer.Context, flags: Mapping[str, object] | None = None, *, without: Collection[str] = ()
) -> "Settings":
    """Lamina's settings.

    Args:
        context: of the command.
        flags: what its arguments say, by key.
        without: variables that do not count for it.

    Raises:
        ConfigurationError: something is wrong with any source.
    """
    said = {**read_dotenv(_SECRET_VARIABLES), **os.environ}
    environ = {name: value for name, value in said.items() if name not in without}
    settings = options_of(context).settings(
        flags,
        legacy_service="scheduler",
        environ=environ,
        fallbacks={"postgres.pool_connections_max": _CONNECTIONS},
    )
    for notice in settings.notices:
        say(f"warning: {notice}")
    return settings


def demand_needed(settings: "Settings", needed: Mapping[str, str]) -> None:
    """Hold a start under the original's name to the variables that the original needs.

    Args:
        settings: as loaded.
        needed: variables, and the settings that they are.

    Raises:
        ConfigurationError: some are missing; in the original's word for it.
    """
    said = {**read_dotenv(_SECRET_VARIABLES), **os.environ}
    # The name of the scheduler list may be empty.
    missing = [
        name
        for name, key in needed.items()
        if settings.origin(*key.split(".")).kind == "default" and name not in said
    ]
    if missing:
        raise ConfigurationError(
            ", ".join(f"{name}: NotPresent" for name in missing),
            hint="Set them in the environment or in .env; `lamina scheduler serve` does without",
        )
