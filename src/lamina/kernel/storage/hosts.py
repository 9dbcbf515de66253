"""The hosts of a DSN, and which of them takes writes.

The driver tries hosts one after another within one timeout, so that a first host which hangs hides the
others. Here the next host is tried while the first one thinks, the host that took writes last comes first,
and one that has failed us comes last. When another host has taken over, nothing is left open to the old one,
and a primary of an earlier timeline, which does not know yet that it was replaced, is passed over.
"""

import asyncio
import contextlib
import weakref
from collections import deque
from collections.abc import Collection
from typing import Any

import asyncpg
import structlog

from lamina.kernel.settings.dsn import Place, places

_log = structlog.get_logger("lamina.storage")
_DRIVER: Any = asyncpg  # the driver carries no types

HEAD_START_S = 0.25
"""How long a host may think before the next one is asked as well."""

_FAILURES = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)


_TIMELINE = "SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)"


class StalePrimary(ConnectionError):
    """The host takes writes, but another one was promoted after it."""


class NoHostTakesWrites(ConnectionError):
    """Each host was asked; the text says what each of them answered."""


class Session(asyncpg.Connection):
    """A connection that knows its host, and whose release costs no round trip.

    asyncpg resets session state on release; Lamina never changes session state outside `SET LOCAL`
    (distribution-and-reliability section 4), so there is nothing to reset.
    """

    place: Place | None = None
    timeline = 0

    def get_reset_query(self) -> str:
        """Reset nothing."""
        return ""


class Hosts:
    """Opens connections to whichever host takes writes."""

    def __init__(self, dsn: str) -> None:
        """Read the hosts.

        Args:
            dsn: where to connect; with several hosts a standby is passed over whether it says so or not.
        """
        self._dsn = dsn
        self._order: deque[Place] = deque(places(dsn))
        self._writer: Place | None = None
        self._timeline = 0
        self._sessions: weakref.WeakSet[Session] = weakref.WeakSet()

    async def connect(self, _dsn: str, *, timeout: float, **options: object) -> Session:
        """Open one connection, for the pool.

        Args:
            timeout: seconds for all hosts together.
            options: what else the driver is told.

        Raises:
            NoHostTakesWrites: none of several hosts does.
            OSError, TimeoutError, asyncpg.PostgresError: the only host refuses.
        """
        if len(self._order) < 2:
            session = await _DRIVER.connect(self._dsn, timeout=timeout, **options)
        else:
            async with asyncio.timeout(timeout):
                session = await self._race(options)
            self._follow(session)
        self._sessions.add(session)
        return session

    def leave(self, place: Place | None) -> None:
        """Close what is open to a host that no longer takes writes, and ask it last from now on."""
        self.suspect(place)
        for session in list(self._sessions):
            if session.place == place and not session.is_closed():
                session.terminate()

    def suspect(self, place: Place | None) -> None:
        """Ask the other hosts first when the next connection is made: this one left a question unanswered."""
        if place is not None and place in self._order:
            self._order.remove(place)
            self._order.append(place)

    def _follow(self, session: Session) -> None:
        """After a failover nothing may be asked of the old primary: its answers are from the past."""
        writer = session.place
        self._timeline = max(self._timeline, session.timeline)
        if self._writer not in {None, writer}:
            _log.warning(
                "another host takes the writes now", host=_named(writer), before=_named(self._writer)
            )
            for place in [each for each in self._order if each != writer]:
                self.leave(place)
        self._writer = writer
        assert writer is not None, "a session of several hosts knows its own"
        self._order.remove(writer)
        self._order.appendleft(writer)

    async def _race(self, options: dict[str, object]) -> Session:
        """The first host that takes writes; the others get `HEAD_START_S` less each."""
        waiting = deque(self._order)
        running: dict[asyncio.Task[Session], Place] = {}
        answers: list[str] = []
        try:
            while waiting or running:
                if waiting:
                    place = waiting.popleft()
                    running[asyncio.ensure_future(self._open(place, options))] = place
                done, _ = await asyncio.wait(
                    running,
                    timeout=HEAD_START_S if waiting else None,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                for task in done:
                    place = running.pop(task)
                    if task.exception() is None:
                        return task.result()
                    answers.append(f"{_named(place)}: {_answer(task.exception())}")
        finally:
            await _give_up(running)
        raise NoHostTakesWrites(f"no host takes writes ({'; '.join(answers)})")

    async def _open(self, place: Place, options: dict[str, object]) -> Session:
        host, port = place
        # The attempt's own timeout is the caller's: it ends all attempts at once.
        session = await _DRIVER.connect(
            self._dsn, host=host, port=port, timeout=None, target_session_attrs="read-write", **options
        )
        session.place = place
        try:
            session.timeline = await _read_timeline(session)
            if session.timeline < self._timeline:
                raise StalePrimary(f"is on timeline {session.timeline}, after {self._timeline}")
        except BaseException:
            session.terminate()
            raise
        return session


async def _read_timeline(session: Session) -> int:
    """A server's timeline, which every promotion raises; 0 where it has none."""
    driver: Any = session
    try:
        return int(await driver.fetchval(_TIMELINE), 16)
    except asyncpg.UndefinedFunctionError:
        return 0


async def _give_up(running: Collection[asyncio.Task[Session]]) -> None:
    """End attempts that are not needed; one that succeeded at the last moment is closed."""
    for task in running:
        task.cancel()
    for task in running:
        with contextlib.suppress(asyncio.CancelledError, *_FAILURES):
            (await task).terminate()


def _named(place: Place | None) -> str:
    return "" if place is None else f"{place[0]}:{place[1]}"


def _answer(failure: BaseException | None) -> str:
    if isinstance(failure, asyncpg.TargetServerAttributeNotMatched):
        return "is a standby or read-only"
    if isinstance(failure, StalePrimary):
        return str(failure)
    return f"{type(failure).__name__}: {failure}".rstrip(": ")
