"""The database of a shared log on this machine: the embedded server alone, without a platform."""

import asyncio
from collections.abc import Callable

from lamina.app.database import PlatformDatabase
from lamina.kernel.clock import SystemClock
from lamina.kernel.settings.load import Settings
from lamina.kernel.supervision.signals import stop_on_signals


async def serve(settings: Settings, on_ready: Callable[[str], None]) -> None:
    """Run the server of the data directory until a signal asks to stop.

    Args:
        settings: where its data directory is, and how it is set up.
        on_ready: told the DSN once it serves.

    Raises:
        AlreadyRunning: another process owns the data directory.
        ExceptionGroup: holding DatabaseUnavailable, when the server keeps ending.
        LaminaError: it cannot be started.
    """
    stop = stop_on_signals()
    database = PlatformDatabase(settings, SystemClock())
    try:
        await database.start()
        on_ready(database.dsn)
        async with asyncio.TaskGroup() as group:
            keeper = group.create_task(database.run())
            await stop.wait()
            keeper.cancel()
    finally:
        await database.stop()
