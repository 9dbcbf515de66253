"""`POST /`: spawns and messages (spec/scheduler.md 10)."""

import time

from lamina.formats import base64url
from lamina.formats.ans104.item import DataItem
from lamina.kernel.contracts import Receive, Scope, Send
from lamina.kernel.web.body import read_body
from lamina.kernel.web.respond import json_response
from lamina.services.scheduler import render
from lamina.services.scheduler.api.assign import Assign
from lamina.services.scheduler.api.item import ItemReader
from lamina.services.scheduler.api.query import Query, excluded, id_bytes
from lamina.services.scheduler.api.unit import Unit
from lamina.services.scheduler.errors import MessageExists, SchedulerError
from lamina.services.scheduler.metrics import measured
from lamina.services.scheduler.model.head import NONE, Head
from lamina.services.scheduler.model.scheduled import Spawned
from lamina.services.scheduler.rules.assignment import Order, Stretch
from lamina.services.scheduler.rules.duplicate import content_digests
from lamina.services.scheduler.rules.payload import respellable
from lamina.services.scheduler.rules.submission import SizeRule, check_tags, kind_of
from lamina.services.scheduler.sequencer.hashing import hashed
from lamina.services.scheduler.sequencer.line import Submission
from lamina.services.scheduler.store import processes, writes


class Submit:
    """Takes what is posted."""

    def __init__(self, unit: Unit) -> None:
        """Prepare."""
        self._unit = unit
        self._assign = Assign(unit)
        self._items = ItemReader(unit.settings)
        self._size = SizeRule.of(unit.settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the id once it is durable."""
        self._unit.admission.check(scope)
        asked = Query(scope, self._unit.settings.query_bytes_max)
        process, assigned = asked.text("process-id"), asked.text("assign")
        if process is not None and assigned is not None:
            with measured("write_assignment"):
                answer = await self._assign(process, assigned, asked)
        elif process is not None or assigned is not None:
            raise SchedulerError("If sending assign or process-id, you must send both.")
        else:
            body = await read_body(scope, receive, self._unit.settings.body_bytes_max)
            with measured("write_item"):
                answer = await self._post(body, asked)
        await json_response(send, 200, render.submitted(answer, time.time_ns() // 1_000_000))

    async def _post(self, body: bytes, asked: Query) -> bytes:
        item = await self._items.read(body)
        kind = kind_of(item)
        if kind == "Process":
            self._unit.tenancy.check_spawn()
        else:
            self._size.check_item(item)
            self._unit.tenancy.check_write(base64url.encode(item.target))
        check_tags(item, kind)
        if kind == "Process":
            return await self._spawn(item)
        exclude = excluded(asked, self._unit.settings.exclude_values_max)
        hashes: tuple[bytes, ...] = ()
        if self._unit.settings.deep_hash_checks and item.tag("From-Process") is not None:
            hashes = await hashed(item.size, content_digests, item.tags, item.target, item.anchor, item.data)
        payload = await hashed(item.size, respellable, item)
        submission = Submission(item.id_bytes, bytes(item.raw), exclude, hashes, payload)
        await self._unit.sequencer.schedule(item.target, submission)
        return item.id_bytes

    async def _spawn(self, item: DataItem) -> bytes:
        unit, process_id = self._unit, item.id_bytes
        if await processes.find(unit.database, process_id) is not None:
            return process_id
        await self._check_boot(item)
        await unit.placement.check(item.id)
        height, now_ms = unit.network.height(), time.time_ns() // 1_000_000
        head, signed = Head(NONE, None, None, now_ms), None
        if unit.settings.process_assignment:
            before = Head(NONE, None, None, now_ms - 1)
            [own] = await unit.signer.assign(Stretch(process_id, before, now_ms, height, (Order(None),)))
            head, signed = own.head, own.item
        payload = await hashed(item.size, respellable, item)
        spawned = Spawned(process_id, bytes(item.raw), height, head, signed, payload)
        if await writes.spawn(unit.database, spawned) == "exists":
            raise MessageExists
        return process_id

    async def _check_boot(self, item: DataItem) -> None:
        """What a process boots from must be known (spec 10.4)."""
        boot = item.tag("On-Boot")
        if boot is None or boot == "Data" or not self._unit.settings.process_assignment:
            return
        if id_bytes(boot) is None or not await self._unit.gateway.has_data(boot):
            raise SchedulerError("Invalid tx id for On-Boot tag")
