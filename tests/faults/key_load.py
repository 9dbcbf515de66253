"""Writers through Lamina's storage layer that remember what became of every key, and the check of it all."""

import asyncio
import time
from collections.abc import Collection

from lamina.kernel.errors import CommitUnknown, DatabaseUnavailable
from lamina.kernel.storage.database import Connection, Database, PoolOptions

WRITERS = 8
TABLE = "CREATE TABLE public.keys (key int PRIMARY KEY)"
"""Where every role finds it, also after Lamina made a schema that is called like the owner."""
_INSERT = "INSERT INTO keys VALUES ($1)"
_FIND = "SELECT key FROM keys WHERE key = $1"
AWAY_PAUSE_S = 0.02


class KeyLoad:
    """Writes until stopped.

    Attributes:
        acknowledged: keys whose commit was confirmed, at once or when asked again.
        unknown: keys whose commit had an unknown outcome, and whether they were there when asked again.
        refused: keys of which the storage layer said that nothing was stored.
        gap_s: the longest time without any acknowledgement, over all writers.
    """

    def __init__(self, dsn: str) -> None:
        self.acknowledged: set[int] = set()
        self.unknown: dict[int, bool] = {}
        self.refused: set[int] = set()
        self.gap_s = 0.0
        self._dsn = dsn
        self._next = 0
        self._last = time.monotonic()
        self._stopping = False

    async def run(self) -> None:
        """Write until `stop`."""
        options = PoolOptions(self._dsn, connections_max=WRITERS, acquire_timeout_s=1.0)
        database = await Database.connect(options)
        self._last = time.monotonic()
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(WRITERS):
                    group.create_task(self._write(database, by_statement=number % 2 == 0))
        finally:
            await database.close()

    def stop(self) -> None:
        """Let every writer finish its key."""
        self._stopping = True

    async def reach(self, count: int) -> None:
        """Wait until so many keys are acknowledged."""
        while len(self.acknowledged) < count:
            await asyncio.sleep(0.01)

    async def _write(self, database: Database, *, by_statement: bool) -> None:
        while not self._stopping:
            self._next += 1
            key = self._next
            try:
                await (self._store(database, key) if by_statement else self._run(database, key))
            except CommitUnknown:
                await self._resolve(database, key)
            except DatabaseUnavailable:
                self.refused.add(key)
                await asyncio.sleep(AWAY_PAUSE_S)
            else:
                self._acknowledge(key)

    async def _store(self, database: Database, key: int) -> None:
        await database.store("test.store_key", _INSERT, key)

    async def _run(self, database: Database, key: int) -> None:
        async def work(cx: Connection) -> None:
            await cx.execute(_INSERT, key)

        await database.run("test.insert_key", work)

    async def _resolve(self, database: Database, key: int) -> None:
        """Ask until there is an answer."""
        while True:
            try:
                rows = await database.confirm("test.find_key", _FIND, key)
            except (CommitUnknown, DatabaseUnavailable):
                await asyncio.sleep(AWAY_PAUSE_S)
            else:
                break
        self.unknown[key] = bool(rows)
        if rows:
            self._acknowledge(key)

    def _acknowledge(self, key: int) -> None:
        now = time.monotonic()
        self.gap_s = max(self.gap_s, now - self._last)
        self._last = now
        self.acknowledged.add(key)


def losses(load: KeyLoad, stored: Collection[int]) -> list[str]:
    """What a database broke of its promises: acknowledged and not there, refused and there all the same."""
    lost = load.acknowledged - set(stored)
    absent = {key for key, was_there in load.unknown.items() if not was_there}
    risen = (load.refused | absent) & set(stored)
    return [f"{key} was acknowledged and is lost" for key in sorted(lost)] + [
        f"{key} was refused and is stored" for key in sorted(risen)
    ]
