"""The settings that a command of telemetry sees: the original's variables and its `.env` file count."""

import os
from typing import TYPE_CHECKING

import typer

from lamina.cli.dotenv import read_dotenv
from lamina.cli.options import options_of
from lamina.cli.prompts import say

if TYPE_CHECKING:
    from lamina.kernel.settings.load import Settings

_SECRET_VARIABLES = (
    "DATABASE_URL",
    "LAMINA_POSTGRES__DSN",
    "LAMINA_POSTGRES__READ_DSN",
    "LAMINA_ADMIN__TOKEN",
)


def load_settings(context: typer.Context) -> "Settings":
    """Lamina's settings; what the original would have passed over in silence is told.

    Raises:
        ConfigurationError: something is wrong with any source.
    """
    environ = {**read_dotenv(_SECRET_VARIABLES), **os.environ}
    settings = options_of(context).settings(legacy_service="telemetry", environ=environ)
    for notice in settings.notices:
        say(f"warning: {notice}")
    return settings


def local_url(settings: "Settings") -> str:
    """Where this machine's telemetry is, for people and programs on it."""
    from lamina.services.telemetry.settings import address

    host, port = address(settings)
    if host in {"0.0.0.0", "::", ""}:  # noqa: S104 - compared, not bound
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
