"""Asks a starting server whether it serves yet."""

import enum
from typing import Any

import asyncpg

from lamina.kernel.storage.embedded.errors import BinariesUnavailable, ServerFailed

_DRIVER: Any = asyncpg  # the driver carries no types

VERSION_MIN = 180000
_TIMEOUT_S = 5.0


class Answer(enum.Enum):
    """What a starting server says."""

    SERVING = "serving"
    STARTING = "starting"
    SILENT = "silent"


async def ask(dsn: str) -> Answer:
    """Connect once and look at the version.

    Raises:
        ServerFailed: the server answers, but refuses us.
        BinariesUnavailable: it is older than PostgreSQL 18.
    """
    try:
        connection = await _DRIVER.connect(dsn, timeout=_TIMEOUT_S)
    except asyncpg.CannotConnectNowError:
        return Answer.STARTING
    except (OSError, TimeoutError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError):
        return Answer.SILENT
    except asyncpg.PostgresError as error:
        raise ServerFailed(f"The embedded PostgreSQL refuses us: {error}") from error
    try:
        version = int(await connection.fetchval("SHOW server_version_num"))
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return Answer.SILENT
    finally:
        connection.terminate()
    if version < VERSION_MIN:
        raise BinariesUnavailable(f"The embedded server is PostgreSQL {version // 10000}; 18 is needed")
    return Answer.SERVING
