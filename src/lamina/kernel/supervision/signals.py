"""The first INT or TERM asks for a drain, the second one ends the process at once."""

import asyncio
import os
import signal

EXIT_INTERRUPTED = 130


def stop_on_signals() -> asyncio.Event:
    """Install handlers in the running loop.

    Returns:
        An event that is set when the process should drain and stop.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def asked() -> None:
        if stop.is_set():
            os._exit(EXIT_INTERRUPTED)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked)
    return stop
