"""Reads from a standby that has what this process wrote, else from the primary.

Read-your-writes of one process (distribution-and-reliability 7): positions in the write-ahead log are
compared, clocks are not. A standby that does not answer is left alone for a while.
"""

import asyncio

import structlog

from lamina.kernel.errors import DatabaseUnavailable
from lamina.kernel.storage.database import Database

_log = structlog.get_logger("lamina.storage")

AWAY_S = 10.0
"""How long a standby that did not answer is not asked again."""

_WRITTEN = "SELECT pg_current_wal_insert_lsn()::text"
_HAS = "SELECT NOT pg_is_in_recovery() OR pg_last_wal_replay_lsn() >= $1::text::pg_lsn"


class Replica:
    """Chooses where to read."""

    def __init__(self, primary: Database, standby: Database | None = None) -> None:
        """Begin.

        Args:
            primary: where this process writes.
            standby: one server that replays what is written there; None when there is none.
        """
        self._primary = primary
        self._standby = standby
        self._commits = -1
        self._written = "0/0"
        self._away_until = 0.0

    async def current(self) -> Database:
        """The standby if it has everything this process committed, else the primary.

        Raises:
            DatabaseUnavailable: the primary was needed and does not answer.
        """
        now = asyncio.get_running_loop().time()
        if self._standby is None or now < self._away_until:
            return self._primary
        await self._note_written()
        try:
            has_all = await self._standby.fetchval("lamina.compare_replica", _HAS, self._written)
        except DatabaseUnavailable as failure:
            _log.warning("the standby does not answer; reads go to the primary", reason=failure.detail)
            self._away_until = asyncio.get_running_loop().time() + AWAY_S
            return self._primary
        return self._standby if has_all else self._primary

    async def _note_written(self) -> None:
        """Where the log stood after the last commit; asked only after there was one."""
        commits = self._primary.commits
        if commits != self._commits:
            self._written = await self._primary.fetchval("lamina.find_position", _WRITTEN)
            self._commits = commits
