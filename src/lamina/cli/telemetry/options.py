"""The settings that a command of telemetry sees: the original's variables and its `.env` file count."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from lamina.cli.options import options_of
from lamina.cli.prompts import say
from lamina.kernel.errors import ConfigurationError

if TYPE_CHECKING:
    from lamina.kernel.settings.load import Settings

DOTENV = Path(".env")
_SECRET_VARIABLES = (
    "DATABASE_URL",
    "LAMINA_POSTGRES__DSN",
    "LAMINA_POSTGRES__READ_DSN",
    "LAMINA_ADMIN__TOKEN",
)
_OTHERS_MAY_READ = 0o077


def load_settings(context: typer.Context) -> "Settings":
    """Lamina's settings; what the original would have passed over in silence is told.

    Raises:
        ConfigurationError: something is wrong with any source.
    """
    environ = {**_dotenv(), **os.environ}
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


def _dotenv() -> dict[str, str]:
    """The variables of `.env`; they stay out of this process's environment, and so out of its children's."""
    if not DOTENV.is_file():
        return {}
    from dotenv import dotenv_values

    try:
        found = {name: text for name, text in dotenv_values(DOTENV).items() if text is not None}
        mode = DOTENV.stat().st_mode
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"{DOTENV.resolve()} cannot be read: {error}", hint="Mend it, or start in another directory"
        ) from None
    held = [name for name in _SECRET_VARIABLES if found.get(name)]
    if held and mode & _OTHERS_MAY_READ:
        say(f"warning: others may read {DOTENV}, which holds {held[0]}. Run: chmod 600 {DOTENV}")
    return found
