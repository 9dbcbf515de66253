"""The originals' `.env` file: variables that count below those of the environment."""

from collections.abc import Sequence
from pathlib import Path

from lamina.cli.prompts import say
from lamina.kernel.errors import ConfigurationError

DOTENV = Path(".env")
_OTHERS_MAY_READ = 0o077


def read_dotenv(secret_variables: Sequence[str]) -> dict[str, str]:
    """The variables of `.env`; they stay out of this process's environment, and so out of its children's.

    Args:
        secret_variables: those for whose sake others should not be able to read the file.

    Raises:
        ConfigurationError: the file is there and cannot be read.
    """
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
    held = [name for name in secret_variables if found.get(name)]
    if held and mode & _OTHERS_MAY_READ:
        say(f"warning: others may read {DOTENV}, which holds {held[0]}. Run: chmod 600 {DOTENV}")
    return found
