"""Hashes of what was said before the deep-hash check was switched on, or under another version of it.

The original keeps a version for each process and makes its hashes anew where that differs (spec 10.5); here
it also covers what was imported.
"""

import asyncio

import structlog

from lamina.formats import base64url
from lamina.formats.ans104.item import parse
from lamina.kernel.errors import LaminaError
from lamina.kernel.storage.database import Database
from lamina.services.scheduler.rules.duplicate import content_digests
from lamina.services.scheduler.settings import SchedulerSettings
from lamina.services.scheduler.store import deep_hashes

_log = structlog.get_logger("lamina.scheduler")

AGAIN_S = 60.0
"""Time between looks for processes that were imported meanwhile."""


class Rehash:
    """Goes through all processes once; units that do so together only do it twice."""

    def __init__(self, database: Database, settings: SchedulerSettings) -> None:
        """Prepare."""
        self._database = database
        self._version = settings.deep_hash_version
        self._rows = settings.deep_hash_rows

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            try:
                while (
                    process_id := await deep_hashes.find_outdated(self._database, self._version)
                ) is not None:
                    await self._process(process_id)
            except LaminaError as failure:
                _log.warning("deep hashes wait for the database", reason=failure.detail)
            await asyncio.sleep(AGAIN_S)

    async def _process(self, process_id: bytes) -> None:
        after = -1
        while rows := await deep_hashes.read_items(self._database, process_id, after, self._rows):
            found = await asyncio.to_thread(_digests, [row["item"] for row in rows])
            await deep_hashes.keep(self._database, process_id, found)
            after = rows[-1]["nonce"]
        await deep_hashes.finish(self._database, process_id, self._version)
        if after >= 0:
            _log.info(
                "what was said in a process is hashed",
                process=base64url.encode(process_id),
                version=self._version,
                up_to_nonce=after,
            )


def _digests(items: list[bytes]) -> list[bytes]:
    """What is kept of each message that was pushed from another process."""
    found: list[bytes] = []
    for raw in items:
        item = parse(raw)
        if item.tag("From-Process") is not None:
            found.append(content_digests(item.tags, item.target, item.anchor, item.data)[0])
    return found
