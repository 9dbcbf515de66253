"""One event loop on one background thread, for callers that have none."""

import asyncio
import concurrent.futures
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from lamina.services.ledger.errors import OperationError

T = TypeVar("T")


class LoopThread:
    """Runs coroutines for any number of threads until it is closed."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="lamina-ledger", daemon=True)
        self._is_open = True
        self._entrance = threading.Lock()
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for a coroutine's result; an interrupted wait cancels it.

        Raises:
            OperationError: the thread is closed, or was while the work was under way.
        """
        with self._entrance:
            if not self._is_open:
                work.close()
                raise OperationError("The connection is closed.", hint="Open another one.")
            future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            raise OperationError("The connection was closed; the work may be done or not.") from None
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """Cut work that is under way and end the thread; closing twice is closing once."""
        with self._entrance:
            if not self._is_open:
                return
            self._is_open = False
        asyncio.run_coroutine_threadsafe(_cancel_others(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _cancel_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
