"""The item that a `POST /` carries: parsed and verified before anything is done with it (spec 4, 5)."""

from lamina.formats.ans104 import item as items
from lamina.formats.ans104.errors import MalformedItem
from lamina.formats.ans104.item import DataItem
from lamina.formats.ans104.signature_type import SignatureType
from lamina.formats.ans104.verification import verify
from lamina.formats.avro_tags import DEFAULT_LIMITS, STRICT_LIMITS
from lamina.services.scheduler.errors import BadItem
from lamina.services.scheduler.sequencer.hashing import hashed
from lamina.services.scheduler.settings import SchedulerSettings


class ItemReader:
    """Takes items out of bodies."""

    def __init__(self, settings: SchedulerSettings) -> None:
        """Prepare."""
        self._is_verifying = settings.verify
        self._limits = STRICT_LIMITS if settings.strict_ans104 else DEFAULT_LIMITS

    async def read(self, body: bytes) -> DataItem:
        """Parse and verify a body, large ones off the loop.

        Raises:
            BadItem: it is no item, or not its owner's.
        """
        try:
            item = items.parse(body, self._limits)
        except MalformedItem as fault:
            raise BadItem.of(fault) from None
        if not self._is_verifying:
            return item
        if not await hashed(item.size, verify, item):
            ethereum = item.signature_type in {SignatureType.ETHEREUM, SignatureType.TYPED_ETHEREUM}
            raise BadItem(f"{'Ethereum signature' if ethereum else 'Signature'} verification failed")
        return item
