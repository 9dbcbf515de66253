"""Which stored messages were not shown yet; the API gives them by the nodes' own times."""

import asyncio
import json
from collections import Counter
from datetime import datetime, timedelta

from lamina.cli.prompts import say
from lamina.sdk.telemetry import AsyncTelemetryClient, Log

OVERLAP = timedelta(seconds=10)
"""How much later than its younger sisters a message may be stored, and still be shown."""

ROWS_MAX = 10_000
KNOWN_MIN = 200
"""Messages of a peer that are read to begin with, so that it is known what is new."""

REQUESTS_MAX = 8

_Key = tuple[str, str]


class Follower:
    """The messages of one peer or of all, of one type or of all.

    Attributes:
        names: of peers, as far as they said theirs.
    """

    def __init__(self, client: AsyncTelemetryClient, peer: str | None, msg: str | None) -> None:
        """Ask nothing yet."""
        self.names: dict[str, str] = {}
        self._client = client
        self._peer = peer
        self._msg = msg
        self._shown: dict[str, _Shown] = {}
        self._free = asyncio.Semaphore(REQUESTS_MAX)

    async def newest(self, limit: int) -> list[Log]:
        """The newest messages, the newest last; they are not told again by `fresh`."""
        peers = await self._peers()
        asked = max(limit, KNOWN_MIN)
        found = await asyncio.gather(*(self._ask(peer, None, asked) for peer in peers))
        for peer, rows in zip(peers, found, strict=True):
            self._shown[peer] = _Shown(rows, is_all=len(rows) < asked)
        everything = sorted(
            (row for rows in found for row in reversed(rows)), key=lambda row: row["created_at"]
        )
        return everything[-limit:] if limit else []

    async def fresh(self) -> list[Log]:
        """What was stored since, the newest last."""
        peers = await self._peers()
        found = await asyncio.gather(*(self._fresh_of(peer) for peer in peers))
        return sorted((row for rows in found for row in rows), key=lambda row: row["created_at"])

    async def _fresh_of(self, peer: str) -> list[Log]:
        shown = self._shown.setdefault(peer, _Shown([], is_all=True))
        rows = await self._ask(peer, shown.since, ROWS_MAX)
        if len(rows) == ROWS_MAX:
            say(f"warning: {peer} says more than can be followed; see /nodes/logs for the rest")
        return shown.unseen(rows[::-1])

    async def _peers(self) -> list[str]:
        if self._peer is not None:
            return [self._peer]
        nodes = await self._client.nodes()
        self.names = {each["peer_id"]: each["name"] for each in nodes if each["peer_id"] and each["name"]}
        return [each["peer_id"] for each in nodes if each["peer_id"]]

    async def _ask(self, peer: str, since: datetime | None, limit: int) -> list[Log]:
        async with self._free:
            return await self._client.logs(peer, msg=self._msg, start_time=since, limit=limit)


class _Shown:
    """What was shown of one peer, as far back as the next question reaches."""

    def __init__(self, rows: list[Log], *, is_all: bool) -> None:
        """Begin.

        Args:
            rows: what was shown, the newest first.
            is_all: whether there is nothing older.
        """
        self._newest = rows[0]["created_at"] if rows else None
        self._known_from = None if is_all else rows[-1]["created_at"]
        self._seen = Counter(map(_key, rows))

    @property
    def since(self) -> datetime | None:
        """From when on to ask."""
        if self._newest is None:
            return None
        since = datetime.fromisoformat(self._newest) - OVERLAP
        return since if self._known_from is None else max(since, datetime.fromisoformat(self._known_from))

    def unseen(self, rows: list[Log]) -> list[Log]:
        """Those that are new; two of the same time and content are two."""
        told: list[Log] = []
        now: Counter[_Key] = Counter()
        for row in rows:
            key = _key(row)
            now[key] += 1
            if now[key] > self._seen[key]:
                told.append(row)
        self._seen = now
        if rows:
            self._newest = max(row["created_at"] for row in rows)
        return told


def _key(row: Log) -> _Key:
    return row["created_at"], json.dumps(row["logs"], sort_keys=True)
