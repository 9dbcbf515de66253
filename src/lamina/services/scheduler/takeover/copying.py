"""From the source's rows to ours. A copied process has no head: it takes no writes until it is proven.

How far a process is, is written with its rows: a run that was killed goes on where it ended, and a later run
adds what is new in a source that went on running.
"""

from collections.abc import Callable, Sequence

from lamina.kernel.storage.database import Database, RowsRefused
from lamina.services.scheduler.model.original import OriginalMessage, OriginalProcess
from lamina.services.scheduler.model.takeover import TakeoverState
from lamina.services.scheduler.rules.chain import Chain
from lamina.services.scheduler.rules.takeover import (
    Flawed,
    TakenMessage,
    bundle_digest,
    take_message,
    take_spawn,
)
from lamina.services.scheduler.store import takeovers
from lamina.services.scheduler.store.source import Source
from lamina.services.scheduler.takeover.flaws import Flaws
from lamina.services.scheduler.takeover.progress import standing, take_back


class Copier:
    """Copies processes one after another."""

    def __init__(self, database: Database, source: Source, advanced: Callable[[int], None]) -> None:
        """Prepare.

        Args:
            database: ours.
            source: one moment of the original's.
            advanced: told how many messages more were looked at.
        """
        self._database = database
        self._source = source
        self._advanced = advanced

    async def run(self) -> None:
        """Copy all that is not here yet.

        Raises:
            DatabaseUnavailable: one of the databases went away; another run goes on.
            TakeoverMoved: another import is at work.
        """
        async for page in self._source.processes():
            states = await takeovers.find_states(self._database, [each.process_id for each in page])
            for process in page:
                state = states.get(process.process_id)
                if state is not None and state.flaw_count == 0 and state.messages == process.messages:
                    self._advanced(process.messages)
                    continue
                await self._process(process, state)

    async def _process(self, process: OriginalProcess, state: TakeoverState | None) -> None:
        if state is None or (state.verified is None and state.flaw_count):
            state = await self._begin(process)
        elif state.verified == state.messages and not await self._reopen(state):
            state = None
        if state is None:
            self._advanced(process.messages)
            return
        self._advanced(state.messages)
        await _ProcessCopy(self._database, self._source, self._advanced, process).run(state)

    async def _begin(self, process: OriginalProcess) -> TakeoverState | None:
        """Store the spawn; None when the process is refused."""
        raw, flaws = await self._source.spawn_bundle(process), Flaws()
        try:
            spawn = take_spawn(process, raw)
            digest = bundle_digest(b"", raw)
            await takeovers.begin(self._database, process.process_id, spawn, digest)
        except Flawed as flawed:
            for flaw in flawed.flaws:
                flaws.add(f"spawn, row {process.row_id}: {flaw}")
        except RowsRefused:
            flaws.add("the process is here already, and no import brought it")
        else:
            return TakeoverState(process.process_id, 0, digest, None, b"", 0)
        await takeovers.refuse(self._database, process.process_id, flaws.first, flaws.count)
        return None

    async def _reopen(self, state: TakeoverState) -> bool:
        """Close an open process while it grows; False when it went on here by itself."""
        at = await standing(self._database, state.process_id, state.messages)
        last = at.chain.head.nonce
        ends_at = await takeovers.reopen(self._database, state.process_id, at.process["process_id"], last)
        if ends_at is None:
            return True
        text = f"both went on after nonce {last}: the source, and this unit to nonce {ends_at}"
        await takeovers.refuse(self._database, state.process_id, [text], 1)
        return False


class _ProcessCopy:
    """One process on its way."""

    def __init__(
        self, database: Database, source: Source, advanced: Callable[[int], None], process: OriginalProcess
    ) -> None:
        self._database = database
        self._source = source
        self._advanced = advanced
        self._process = process
        self._flaws = Flaws()

    async def run(self, state: TakeoverState) -> None:
        at = await standing(self._database, state.process_id, state.messages)
        async for page in self._source.messages(state.process_id, at.chain.head.nonce):
            taken = self._examine(page, at.chain)
            if self._flaws.count:
                await self._find_present(taken)
            else:
                state = await self._add(state, page, taken)
            self._advanced(len(page))
        self._count(state)
        if self._flaws.count:
            await take_back(self._database, state, self._flaws)
        elif state.verified == state.messages:
            await takeovers.open_head(self._database, state, at.process["process_id"], at.chain.head)

    async def _add(
        self, state: TakeoverState, page: Sequence[OriginalMessage], taken: Sequence[TakenMessage]
    ) -> TakeoverState:
        digest = state.digest
        for row in page:
            digest = bundle_digest(digest, row.bundle)
        try:
            return await takeovers.add(self._database, state, taken, digest)
        except RowsRefused as refusal:
            await self._find_present(taken)
            if not self._flaws.count:
                self._flaws.add(f"nonces {page[0].nonce} to {page[-1].nonce}: {refusal.detail}")
            return state

    def _examine(self, page: Sequence[OriginalMessage], chain: Chain) -> list[TakenMessage]:
        taken: list[TakenMessage] = []
        for row in page:
            where = f"nonce {row.nonce}, row {row.row_id}"
            try:
                message = take_message(row)
            except Flawed as flawed:
                for flaw in flawed.flaws:
                    self._flaws.add(f"{where}: {flaw}")
                continue
            for flaw in chain.follow(message.link):
                self._flaws.add(f"{where}: {flaw}")
            taken.append(message)
        return taken

    async def _find_present(self, taken: Sequence[TakenMessage]) -> None:
        """A message or an assignment may be stored once, wherever."""
        stored, assigned = await takeovers.present(self._database, taken)
        for each in taken:
            where = f"nonce {each.link.nonce}"
            if each.parts.item is not None and each.message_id in stored:
                self._flaws.add(f"{where}: its message is stored already")
            if each.link.assignment.id_bytes in assigned:
                self._flaws.add(f"{where}: its assignment is stored already")
            if each.parts.item is not None:
                stored[each.message_id] = each.process_id
            assigned[each.link.assignment.id_bytes] = each.process_id

    def _count(self, state: TakeoverState) -> None:
        """Rows that came late with a nonce that was taken are not among those that were read."""
        if not self._flaws.count and state.messages != self._process.messages:
            self._flaws.add(
                f"the source has {self._process.messages} messages, of which {state.messages} could be read "
                "in order: some came late with nonces that others had"
            )
