"""Bundles on their way to the uploader, however often it takes (spec/scheduler.md 12, 15)."""

import asyncio
import secrets
from collections.abc import Sequence

import structlog

from lamina.formats.ans104 import bundle
from lamina.formats.ans104.item import parse
from lamina.formats.ans104.signed_item import Draft
from lamina.formats.avro_tags import Tag
from lamina.kernel.errors import LaminaError
from lamina.kernel.storage.database import Database
from lamina.services.scheduler.metrics import OUTBOX, OUTBOX_AGE, UPLOADS
from lamina.services.scheduler.peers.gateway import Gateway
from lamina.services.scheduler.rules.assignment import ANCHOR_BYTES, height_text
from lamina.services.scheduler.sequencer.signer import Signer
from lamina.services.scheduler.settings import SchedulerSettings
from lamina.services.scheduler.store import outbox
from lamina.services.scheduler.store.outbox import Waiting

_log = structlog.get_logger("lamina.scheduler.upload")

DELAY_MIN_S, DELAY_MAX_S = 1.0, 900.0
IDLE_S = 0.5


class Uploader:
    """Works the outbox off."""

    def __init__(
        self, database: Database, signer: Signer, gateway: Gateway, settings: SchedulerSettings
    ) -> None:
        """Prepare."""
        self._database = database
        self._signer = signer
        self._gateway = gateway
        self._settings = settings

    async def run(self) -> None:
        """Upload until cancelled."""
        while True:
            try:
                waiting = await outbox.claim(self._database, self._settings.upload_concurrency)
                await asyncio.gather(*map(self._upload, waiting))
                count, oldest_s = await outbox.measure(self._database)
                OUTBOX.set(count)
                OUTBOX_AGE.set(oldest_s)
            except LaminaError as failure:
                _log.warning("uploads wait for the database", reason=failure.detail)
                waiting = ()
            if not waiting:
                await asyncio.sleep(IDLE_S)

    async def _upload(self, waiting: Waiting) -> None:
        try:
            for item in await self._items(waiting):
                await self._gateway.upload(item)
        except LaminaError as failure:
            UPLOADS.labels("failed").inc()
            delay_s = min(DELAY_MIN_S * 2 ** min(waiting.attempts - 1, 20), DELAY_MAX_S)
            _log.warning(
                "an upload is tried again", reason=failure.detail, attempts=waiting.attempts, in_s=delay_s
            )
            await outbox.postpone(self._database, waiting.row_id, delay_s)
        else:
            UPLOADS.labels("done").inc()
            await outbox.finish(self._database, [waiting.row_id])

    async def _items(self, waiting: Waiting) -> Sequence[bytes]:
        """What is sent: the signed bundle, or each item by itself where that is set."""
        nested = [each for each in (waiting.assignment, waiting.item) if each is not None]
        if waiting.bundle is not None:
            return [waiting.bundle]
        if self._settings.upload == "separate" and len(nested) == 2:
            return nested[::-1]
        signed = await self._signer.sign(_outer(waiting, nested), later=True)
        made = signed.to_bytes()
        await outbox.keep_bundle(self._database, waiting.row_id, made)
        return [made]


def _outer(waiting: Waiting, nested: Sequence[bytes]) -> Draft:
    """The item around a bundle, not signed yet."""
    tags = list(bundle.BUNDLE_TAGS)
    if waiting.assignment is None:
        tags += [
            Tag("Block-Height", height_text(waiting.block_height)),
            Tag("Timestamp", str(waiting.ts)),
        ]
    parts = bundle.bundle_parts([parse(each) for each in nested])
    return Draft(tuple(tags), anchor=secrets.token_bytes(ANCHOR_BYTES), data=parts)
