"""The item that a `POST /` carries: parsed and verified before anything is done with it (spec 4, 5)."""

import asyncio

from lamina.formats.ans104 import item as items
from lamina.formats.ans104.errors import MalformedItem
from lamina.formats.ans104.item import DataItem
from lamina.formats.ans104.signature_type import SignatureType
from lamina.formats.ans104.verification import verify
from lamina.formats.avro_tags import DEFAULT_LIMITS, STRICT_LIMITS
from lamina.kernel.contracts import Receive, Scope
from lamina.kernel.web.body import read_body
from lamina.services.scheduler.errors import BadItem
from lamina.services.scheduler.settings import SchedulerSettings

OFF_LOOP_BYTES = 65_536
"""Hashing more than this is worth a thread."""


class ItemReader:
    """Takes items out of requests."""

    def __init__(self, settings: SchedulerSettings) -> None:
        """Prepare."""
        self._bytes_max = settings.body_bytes_max
        self._is_verifying = settings.verify
        self._limits = STRICT_LIMITS if settings.strict_ans104 else DEFAULT_LIMITS

    async def read(self, scope: Scope, receive: Receive) -> DataItem:
        """Parse and verify a body, large ones off the loop.

        Raises:
            BodyTooLarge, ClientGone: see `read_body`.
            BadItem: it is no item, or not its owner's.
        """
        body = await read_body(scope, receive, self._bytes_max)
        try:
            item = items.parse(body, self._limits)
        except MalformedItem as fault:
            raise BadItem.of(fault) from None
        if not self._is_verifying:
            return item
        is_right = verify(item) if len(body) < OFF_LOOP_BYTES else await asyncio.to_thread(verify, item)
        if not is_right:
            ethereum = item.signature_type in {SignatureType.ETHEREUM, SignatureType.TYPED_ETHEREUM}
            raise BadItem(f"{'Ethereum signature' if ethereum else 'Signature'} verification failed")
        return item
