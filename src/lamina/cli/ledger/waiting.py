"""Gives an external PostgreSQL time to come up, as `database.max_tries` says (spec/ledger.md 6.2)."""

import socket
import time
from typing import TYPE_CHECKING

from lamina.cli.prompts import say
from lamina.kernel.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from lamina.kernel.settings.load import Settings
    from lamina.services.ledger.commands.configuration import OriginalConfiguration

PAUSE_S = 0.5


def wait_for_database(original: "OriginalConfiguration", settings: "Settings") -> None:
    """Try the address until something listens there; only where it came from the original's configuration.

    Raises:
        DatabaseUnavailable: nothing does after every try.
    """
    if settings.origin("postgres", "dsn").kind != "legacy file":
        return
    database = original.database
    timeout_ms, tries = database["connection_timeout"], database["max_tries"]
    host, port = database["host"], database["port"]
    attempt = 0
    while not _listens(host, port, timeout_ms / 1000):
        attempt += 1
        say(f"warning: Attempt {attempt}/{tries or '∞'}. Connection to {host}:{port} failed.")
        if tries and attempt >= tries:
            raise DatabaseUnavailable(
                "Cannot connect to the Database. Giving up.",
                hint=f"Check database.host and port: {host}:{port}",
            )
        time.sleep(PAUSE_S)


def _listens(host: str, port: int, timeout_s: float) -> bool:
    if host.startswith("/"):
        return True  # a UNIX socket is there or it is not; the driver will say
    try:
        socket.create_connection((host, port), timeout=timeout_s or None).close()
    except OSError:
        return False
    return True
