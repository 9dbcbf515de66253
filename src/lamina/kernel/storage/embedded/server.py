"""The embedded PostgreSQL as a direct child of this process: started, watched and stopped by it alone."""

import asyncio
import math
import os
import signal
import time
from collections.abc import Callable
from urllib.parse import quote

from lamina.kernel.storage.embedded import probe, sockets
from lamina.kernel.storage.embedded.cluster import DATABASE, ROLE, ClusterLocation, prepare, vacate
from lamina.kernel.storage.embedded.errors import ClusterUnusable, ServerFailed
from lamina.kernel.storage.embedded.lock import DirectoryLock
from lamina.kernel.storage.embedded.log import ServerLog
from lamina.kernel.storage.embedded.options import EmbeddedOptions, server_arguments
from lamina.kernel.storage.embedded.postmaster import Postmaster

SILENCE_MAX_S = 60.0
_POLL_MIN_S = 0.02
_POLL_MAX_S = 1.0


class EmbeddedPostgres:
    """One server on one data directory, which this process owns from `start` to `stop`."""

    def __init__(self, options: EmbeddedOptions) -> None:
        self._options = options
        self._data_dir = options.data_dir.resolve()
        self._log = ServerLog(self._data_dir / "postgres.log")
        self._changing = asyncio.Lock()
        self._lock: DirectoryLock | None = None
        self._location: ClusterLocation | None = None
        self._server: Postmaster | None = None

    @property
    def location(self) -> ClusterLocation:
        """Where binaries, cluster, socket and log are; known from the first start on."""
        if self._location is None:
            raise RuntimeError("the embedded PostgreSQL was never started")
        return self._location

    @property
    def dsn(self) -> str:
        """How asyncpg and libpq connect. No password; the port is named lest PGPORT decide it."""
        host = quote(str(self.location.socket_dir))
        return f"postgresql://{ROLE}@/{DATABASE}?host={host}&port={sockets.PORT}"

    @property
    def pid(self) -> int | None:
        """The postmaster's pid while it runs."""
        return self._server.pid if self._server is not None and self._server.running else None

    async def start(self) -> None:
        """Own the data directory, make the cluster if there is none, and wait until the server serves.

        Starting a running server does nothing; one that has ended is started anew. Call it in a thread
        that lives as long as the process: the server shuts down when that thread ends.

        Raises:
            AlreadyRunning: another process owns the data directory.
            LaminaError: another subclass names what failed and what to do.
        """
        async with self._changing:
            if self.pid is not None:
                return
            try:
                await self._end(signal.SIGQUIT)
                await _in_thread(self._prepare)
                self._launch()
                await self._serving()
            except BaseException:
                await self._end(signal.SIGQUIT)
                raise

    async def stop(self, *, immediate: bool = False) -> None:
        """Shut the server down, wait for its end however long, and give the data directory up.

        A start in progress fails. A second call with `immediate` cuts a first one short.

        Args:
            immediate: skip the shutdown checkpoint; the next start recovers from the write-ahead log.
        """
        number = signal.SIGQUIT if immediate else signal.SIGINT
        if self._server is not None:
            self._server.send(number)
        async with self._changing:
            await self._end(number)

    async def wait(self) -> int:
        """Wait until the postmaster ends and return its exit status, negative for a signal."""
        if self._server is None:
            raise RuntimeError("the embedded PostgreSQL is not started")
        return await self._server.wait()

    def _prepare(self) -> None:
        try:
            self._data_dir.mkdir(parents=True, exist_ok=True)
            self._lock = DirectoryLock.acquire(self._data_dir)
        except OSError as error:
            raise ClusterUnusable(f"The data directory {self._data_dir} cannot be used: {error}") from error
        self._location = prepare(self._data_dir, self._options.run_as)
        if self._location.cluster.parent != self._data_dir:
            self._lock.also(self._location.cluster)
        vacate(self._location)

    def _launch(self) -> None:
        place = self.location
        arguments = server_arguments(self._options, place.socket_dir)
        try:
            output = self._log.open()
            try:
                command = [place.binaries / "postgres", "-D", place.cluster, *arguments]
                self._server = Postmaster.start(command, place.account, output=output)
            finally:
                os.close(output)
        except OSError as error:
            raise ServerFailed(f"PostgreSQL cannot be started: {error}") from error

    async def _serving(self) -> None:
        """Wait for the first accepted connection; a crash recovery may take as long as it says it goes on."""
        begin = heard = time.monotonic()
        limit_s = math.inf if self._options.start_timeout_s is None else self._options.start_timeout_s
        pause_s = _POLL_MIN_S
        while (answer := await probe.ask(self.dsn)) is not probe.Answer.SERVING:
            now = time.monotonic()
            heard = now if answer is probe.Answer.STARTING else heard
            if self._server is None or await self._server.ended_within(pause_s):
                raise self._failure("PostgreSQL ended while starting")
            if now - heard > SILENCE_MAX_S or now - begin > limit_s:
                raise self._failure(f"PostgreSQL does not serve after {now - begin:.0f} s")
            pause_s = min(pause_s * 1.5, _POLL_MAX_S)

    def _failure(self, sentence: str) -> ServerFailed:
        return ServerFailed(f"{sentence}. Its last words:\n{self._log.tail()}", hint=f"See {self._log.path}")

    async def _end(self, number: signal.Signals) -> None:
        """End what runs and release what is held; the directory stays ours if that fails or is cancelled."""
        if self._server is not None:
            self._server.send(number)
            await self._server.wait()
            await _in_thread(lambda: vacate(self.location))
            sockets.discard(self.location.socket_dir, self._data_dir)
            self._server = None
        if self._lock is not None:
            self._lock.release()
            self._lock = None


async def _in_thread(work: Callable[[], None]) -> None:
    """Run blocking work to its end even when cancelled: the directory must not be given up meanwhile."""
    task = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
