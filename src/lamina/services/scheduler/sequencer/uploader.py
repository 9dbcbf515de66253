"""Bundles on their way to the uploader, however often it takes (spec/scheduler.md 12, 15)."""

import asyncio
import contextlib
import secrets
import time
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
MEASURED_EVERY_S = 5.0


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
        self._under_way: set[asyncio.Task[None]] = set()
        self._done: list[int] = []
        self._measure_at = 0.0
        self._overdue_at = 0.0

    async def run(self) -> None:
        """Upload until cancelled."""
        async with asyncio.TaskGroup() as uploads:
            while True:
                try:
                    await self._turn(uploads)
                except LaminaError as failure:
                    _log.warning("uploads wait for the database", reason=failure.detail)
                    await asyncio.sleep(IDLE_S)

    async def _turn(self, uploads: asyncio.TaskGroup) -> None:
        """Remove what was taken, claim more when there is room, and wait until half of that has ended."""
        settings = self._settings
        if self._done:
            removed, self._done = self._done, []
            await outbox.finish(self._database, removed)
        await self._measure()
        if not await self._may_begin():
            return
        free = settings.upload_concurrency - len(self._under_way)
        claimed = await outbox.claim(self._database, free, settings.upload_wait_max_s)
        for waiting in claimed:
            task = uploads.create_task(self._upload(waiting))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        if len(claimed) < free:
            # Nothing more waits: what comes meanwhile is claimed at once.
            await asyncio.sleep(IDLE_S)
        while len(self._under_way) > settings.upload_concurrency // 2:
            await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)

    async def _measure(self) -> None:
        """Tell how much waits; counting a long queue is not for every turn."""
        now = asyncio.get_running_loop().time()
        if now < self._measure_at:
            return
        self._measure_at = now + MEASURED_EVERY_S
        count, oldest_s = await outbox.measure(self._database)
        OUTBOX.set(count)
        OUTBOX_AGE.set(oldest_s)
        self._overdue_at = now + self._settings.upload_wait_max_s - oldest_s

    async def _may_begin(self) -> bool:
        """Whether clients leave room, or what waits longest has waited long enough; waits for either."""
        patience_s = self._overdue_at - asyncio.get_running_loop().time()
        return await self._signer.room(min(patience_s, MEASURED_EVERY_S)) or patience_s <= MEASURED_EVERY_S

    async def _upload(self, waiting: Waiting) -> None:
        overdue_at = time.monotonic() + self._settings.upload_wait_max_s - waiting.age_s
        try:
            items = await self._items(waiting, overdue_at)
            # Sending is this process's work as well: it takes the event loop from who posts.
            await self._signer.room(overdue_at - time.monotonic())
            async with asyncio.timeout(outbox.CLAIM_S):  # then it is anybody's again
                for item in items:
                    await self._gateway.upload(item)
        except (LaminaError, TimeoutError) as failure:
            UPLOADS.labels("failed").inc()
            delay_s = min(DELAY_MIN_S * 2 ** min(waiting.attempts - 1, 20), DELAY_MAX_S)
            _log.warning(
                "an upload is tried again",
                reason=str(failure) or "it takes too long",
                attempts=waiting.attempts,
                in_s=delay_s,
            )
            with contextlib.suppress(LaminaError):  # the claim ends by itself
                await outbox.postpone(self._database, waiting.row_id, delay_s)
        else:
            UPLOADS.labels("done").inc()
            self._done.append(waiting.row_id)

    async def _items(self, waiting: Waiting, overdue_at: float) -> Sequence[bytes]:
        """What is sent: the signed bundle, or each item by itself where that is set."""
        if waiting.bundle is not None:
            return [waiting.bundle]
        if (
            self._settings.upload == "separate"
            and waiting.assignment is not None
            and waiting.item is not None
        ):
            return [waiting.item, waiting.assignment]
        signed = await self._signer.sign_later(around(waiting), overdue_at - time.monotonic())
        made = signed.to_bytes()
        await outbox.keep_bundle(self._database, waiting.row_id, made)
        return [made]


def around(waiting: Waiting) -> Draft:
    """The item around an assignment and what it assigns."""
    nested = [each for each in (waiting.assignment, waiting.item) if each is not None]
    tags = list(bundle.BUNDLE_TAGS)
    if waiting.assignment is None:
        tags += [
            Tag("Block-Height", height_text(waiting.block_height)),
            Tag("Timestamp", str(waiting.ts)),
        ]
    parts = bundle.bundle_parts([parse(each) for each in nested])
    return Draft(tuple(tags), anchor=secrets.token_bytes(ANCHOR_BYTES), data=parts)
