"""`POST /`: spawns, messages, and assignments of what is elsewhere (spec/scheduler.md 10, 13)."""

import time
from dataclasses import dataclass

from lamina.formats import base64url
from lamina.formats.ans104 import item as items
from lamina.formats.ans104.item import DataItem
from lamina.kernel.contracts import Receive, Scope, Send
from lamina.kernel.storage.database import Database
from lamina.kernel.web.respond import json_response
from lamina.services.scheduler import render
from lamina.services.scheduler.api.item import ItemReader
from lamina.services.scheduler.api.query import Query, id_bytes
from lamina.services.scheduler.errors import (
    GatewayUnavailable,
    ProcessNotFound,
    ReadOnly,
    SchedulerError,
)
from lamina.services.scheduler.model.head import NONE, Head
from lamina.services.scheduler.model.scheduled import Spawned
from lamina.services.scheduler.peers.gateway import Gateway
from lamina.services.scheduler.peers.network import Network
from lamina.services.scheduler.rules import assignment
from lamina.services.scheduler.rules.duplicate import content_hashes
from lamina.services.scheduler.rules.submission import SizeRule, check_tags, kind_of
from lamina.services.scheduler.sequencer.line import Submission
from lamina.services.scheduler.sequencer.sequencer import Sequencer
from lamina.services.scheduler.sequencer.signer import Signer
from lamina.services.scheduler.settings import SchedulerSettings
from lamina.services.scheduler.store import processes, writes

SETTLEMENT_DEPTH = 20


@dataclass(frozen=True, slots=True)
class Unit:
    """What a write goes through."""

    database: Database
    settings: SchedulerSettings
    sequencer: Sequencer
    signer: Signer
    gateway: Gateway
    network: Network


class Submit:
    """Takes what is posted."""

    def __init__(self, unit: Unit) -> None:
        """Prepare."""
        self._unit = unit
        settings = unit.settings
        self._items = ItemReader(settings)
        self._size = SizeRule(
            settings.message_bytes_max,
            _names(settings.size_exempt_owners),
            _names(settings.size_exempt_from),
            _names(settings.size_exempt_from_owners),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the id once it is durable."""
        if self._unit.settings.read_only:
            raise ReadOnly
        asked = Query(scope, self._unit.settings.query_bytes_max)
        process, assigned = asked.text("process-id"), asked.text("assign")
        if assigned is not None and process is not None:
            answer = await self._assign(process, assigned, asked)
        elif assigned is not None:
            raise SchedulerError("If sending assign or process-id, you must send both.")
        else:
            answer = await self._post(scope, receive, asked)
        await json_response(send, 200, render.submitted(answer, time.time_ns() // 1_000_000))

    async def _post(self, scope: Scope, receive: Receive, asked: Query) -> bytes:
        item = await self._items.read(scope, receive)
        kind = kind_of(item)
        check_tags(item, kind)
        if kind == "Process":
            return await self._spawn(item)
        if self._unit.settings.message_size_checked:
            self._size.check(item)
        hashes: tuple[bytes, ...] = ()
        if self._unit.settings.deep_hash_checks and item.tag("From-Process") is not None:
            found = content_hashes(item.tags, item.target, item.anchor, item.data)
            hashes = tuple(dict.fromkeys(base64url.decode(each) for each in found))
        submission = Submission(item.id_bytes, bytes(item.raw), _excluded(asked), hashes)
        await self._unit.sequencer.schedule(item.target, submission)
        return item.id_bytes

    async def _spawn(self, item: DataItem) -> bytes:
        unit, process_id = self._unit, item.id_bytes
        if await processes.find(unit.database, process_id) is not None:
            return process_id
        await self._check_boot(item)
        height, now_ms = unit.network.height(), time.time_ns() // 1_000_000
        head, signed = Head(NONE, None, None, now_ms), None
        if unit.settings.process_assignment:
            at = assignment.place(process_id, Head(NONE, None, None, now_ms - 1), now_ms, height)
            own = await unit.signer.sign(assignment.draft(at, None))
            head, signed = Head(at.nonce, own.id_bytes, at.hash_chain, at.ts), own.to_bytes()
        await writes.spawn(unit.database, Spawned(process_id, bytes(item.raw), height, head, signed))
        return process_id

    async def _check_boot(self, item: DataItem) -> None:
        """What a process boots from must be known (spec 10.4)."""
        boot = item.tag("On-Boot")
        if boot is None or boot == "Data" or not self._unit.settings.process_assignment:
            return
        try:
            known = id_bytes(boot) is not None and await self._unit.gateway.has_data(boot)
        except GatewayUnavailable:
            known = False
        if not known:
            raise SchedulerError("Invalid tx id for On-Boot tag")

    async def _assign(self, process: str, assigned: str, asked: Query) -> bytes:
        unit, process_id = self._unit, id_bytes(process)
        row = None if process_id is None else await processes.find(unit.database, process_id)
        if process_id is None or row is None:
            raise ProcessNotFound
        message_id = id_bytes(assigned)
        if message_id is None:
            raise SchedulerError('error in builder: BuilderError("assign param must be 43 characters")')
        if asked.has("base-layer"):
            depth = _settlement_depth(items.parse(row["item"]))
            if await unit.gateway.confirmations(assigned) < depth:
                raise SchedulerError('error in builder: BuilderError("Not enough confirmations to assign")')
        elif not await unit.gateway.knows(assigned):
            raise SchedulerError("Transaction not found")
        return await unit.sequencer.schedule(process_id, Submission(message_id, None, _excluded(asked)))


def _settlement_depth(item: DataItem) -> int:
    text = item.tag("Settlement-Depth") or ""
    digits = text.removeprefix("-")
    is_number = digits.isascii() and digits.isdecimal() and len(digits) <= 10
    return int(text) if is_number and -(2**31) <= int(text) < 2**31 else SETTLEMENT_DEPTH


def _excluded(asked: Query) -> list[str]:
    text = asked.text("exclude")
    return [] if text is None else text.split(",")


def _names(values: tuple[str, ...]) -> frozenset[str]:
    return frozenset(part.strip() for value in values for part in value.split(",") if part.strip())
