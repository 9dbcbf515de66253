"""Which days to look into for a peer's messages: the newest first, few at a time."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from lamina.kernel.storage.database import Database
from lamina.services.telemetry.store.digests import Stretch
from lamina.services.telemetry.store.partitions import AHEAD_DAYS, end_of_past

DAYS_MAX = 32
"""A query that covers more partitions takes longer to plan than to run, and locks all of them."""

_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of message time; both ends are excluded."""

    since: datetime
    until: datetime


class Windows:
    """Stretches of time in which a peer may have messages, backwards.

    The first is a day, each further one twice as long up to `DAYS_MAX`. Time of which no connection of the
    peer has messages is left out, and what is known to hold none that are wanted; what is before or after all
    daily partitions is one stretch.
    """

    def __init__(
        self, database: Database, peer_id: str, whole: Window, silent: Sequence[Stretch], timeout_s: float
    ) -> None:
        """Begin at the end.

        Args:
            database: where.
            peer_id: whose messages.
            whole: the time to cover.
            silent: time to leave out, the newest first.
            timeout_s: how long a query may take.
        """
        self._database = database
        self._peer_id = peer_id
        self._since = whole.since
        self._until = whole.until
        self._silent = deque(silent)
        self._days = 1
        self._timeout_s = timeout_s

    async def following(self) -> Window | None:
        """The next stretch; None when there is no more."""
        self._leave_out()
        rows = await self._database.fetch(
            "telemetry.find_days",
            """
            SELECT max(least(coalesce(said_until + interval '1 microsecond', $3), $3)) AS until,
                   (SELECT pg_get_expr(relpartbound, oid) FROM pg_class
                     WHERE oid = to_regclass('telemetry.tetcore_logs_past')) AS past
              FROM telemetry.peer_connections
             WHERE peer_id = $1 AND coalesce(said_until > $2, true) AND coalesce(said_since < $3, true)
            """,
            self._peer_id, self._since, self._until,
            timeout_s=self._timeout_s,
        )  # fmt: skip
        until = rows[0]["until"]
        if until is None or self._until <= self._since + _TICK:
            return None
        self._until = until
        if self._leave_out():
            return await self.following()
        since = self._begin(until, end_of_past(rows[0]["past"]))
        if self._silent:
            since = max(since, self._silent[0].until - _TICK)
        self._until = since + _TICK
        return Window(since, until)

    def _leave_out(self) -> bool:
        """Step over what is left out right before the end; whether something was."""
        before = self._until
        while self._silent and self._until <= self._silent[0].until:
            self._until = min(self._until, self._silent.popleft().since)
        return self._until < before

    def _begin(self, until: datetime, past: datetime) -> datetime:
        """The instant before the first of a stretch that ends at `until`."""
        ahead = datetime.combine(datetime.now(UTC) + timedelta(days=AHEAD_DAYS), time.min)
        if until > ahead:
            begin = ahead
        elif until <= past:
            return self._since
        else:
            begin = datetime.combine(until - _TICK, time.min) - timedelta(days=self._days - 1)
            begin = max(begin, past)
            self._days = min(2 * self._days, DAYS_MAX)
        return max(begin - _TICK, self._since)
