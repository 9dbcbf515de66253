"""`POST /?process-id=&assign=`: a place for what is elsewhere (spec/scheduler.md 13)."""

from lamina.formats.ans104 import item as items
from lamina.formats.ans104.item import DataItem
from lamina.kernel.storage.database import Record
from lamina.services.scheduler.api.query import Query, excluded, id_bytes
from lamina.services.scheduler.api.unit import Unit
from lamina.services.scheduler.errors import GatewayUnavailable, ProcessNotFound, SchedulerError
from lamina.services.scheduler.rules.duplicate import content_digests
from lamina.services.scheduler.rules.submission import SizeRule
from lamina.services.scheduler.sequencer.line import Submission
from lamina.services.scheduler.store import processes

SETTLEMENT_DEPTH = 20


class Assign:
    """Assigns transactions by their ids; the gateways are asked before the process's line is entered."""

    def __init__(self, unit: Unit) -> None:
        """Prepare."""
        self._unit = unit
        self._size = SizeRule.of(unit.settings)

    async def __call__(self, process: str, assigned: str, asked: Query) -> bytes:
        """The assignment's id, once it is durable.

        Raises:
            ProcessNotFound: there is no such process.
            SchedulerError: the transaction is unknown, too young, too large, or was said before; too
                much is to be left out.
            GatewayUnavailable: no gateway answers.
        """
        process_id = id_bytes(process)
        if process_id is None:
            raise ProcessNotFound
        self._unit.tenancy.check_write(process)
        row = await processes.find(self._unit.database, process_id)
        if row is None:
            raise ProcessNotFound
        message_id = id_bytes(assigned)
        if message_id is None:
            raise SchedulerError('error in builder: BuilderError("assign param must be 43 characters")')
        exclude = excluded(asked, self._unit.settings.exclude_values_max)
        hashes: tuple[bytes, ...] = ()
        if asked.has("base-layer"):
            await self._check_depth(row, assigned)
        else:
            hashes = await self._look_up(assigned)
        submission = Submission(message_id, None, exclude, hashes)
        return await self._unit.sequencer.schedule(process_id, submission)

    async def _check_depth(self, row: Record, tx_id: str) -> None:
        depth = _settlement_depth(items.parse(row["item"]))
        if await self._unit.gateway.confirmations(tx_id) < depth:
            raise SchedulerError('error in builder: BuilderError("Not enough confirmations to assign")')
        if self._size.is_on:
            await self._look_up(tx_id)

    async def _look_up(self, tx_id: str) -> tuple[bytes, ...]:
        """Hashes of what the transaction says, where they are checked (spec 10.5).

        The data is fetched only where its size or its content counts.
        """
        found = await self._unit.gateway.find(tx_id)
        if found is None:
            raise GatewayUnavailable("Transaction not found")
        checked = self._unit.settings.deep_hash_checks
        if not checked and not self._size.is_on:
            return ()
        data = await self._unit.gateway.data(tx_id)
        self._size.check_content(found.tags, found.owner_address, len(data))
        return content_digests(found.tags, found.target, found.anchor, data) if checked else ()


def _settlement_depth(item: DataItem) -> int:
    text = item.tag("Settlement-Depth") or ""
    digits = text.removeprefix("-")
    is_number = digits.isascii() and digits.isdecimal() and len(digits) <= 10
    return int(text) if is_number and -(2**31) <= int(text) < 2**31 else SETTLEMENT_DEPTH
