"""Bugs that the simulator must catch (distribution-and-reliability 13.1), each put in place of what it breaks."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from hashlib import sha256
from typing import Any
from unittest.mock import patch

from tests.simulation.scheduler.connection import Connection, Row
from tests.simulation.scheduler.database import SimulatedDatabase
from tests.simulation.scheduler.server import Message

from lamina.kernel.errors import CommitUnknown, LaminaError
from lamina.services.scheduler.model.head import Head
from lamina.services.scheduler.model.scheduled import Scheduled
from lamina.services.scheduler.rules import assignment
from lamina.services.scheduler.rules.assignment import Place
from lamina.services.scheduler.sequencer.line import Line, Submission
from lamina.services.scheduler.sequencer.sequencer import Sequencer
from lamina.services.scheduler.store import writes
from lamina.services.scheduler.store.writes import Outcome

Replacement = tuple[object, str, object]
_place, _store, _judge = assignment.place, Sequencer._store, writes._judge


class _Rewritten:
    """A connection whose statements are other ones."""

    def __init__(self, connection: Connection, before: str, after: str) -> None:
        self._connection = connection
        self._change = (before, after)

    async def fetch(self, query: str, *values: Any) -> Sequence[Row]:
        return await self._connection.fetch(query.replace(*self._change), *values)

    async def execute(self, query: str, *values: Any) -> str:
        return await self._connection.execute(query.replace(*self._change), *values)


def _rewritten(before: str, after: str) -> list[Replacement]:
    """Everything that the store says in a transaction, said otherwise."""

    def connect(*parts: Any) -> _Rewritten:
        return _Rewritten(Connection(*parts), before, after)

    return [(SimulatedDatabase, "connect", staticmethod(connect))]


async def _any_head(cx: Any, scheduled: Sequence[Scheduled]) -> list[Outcome]:
    """Stores whatever it is given: no compare-and-swap."""
    await _judge(cx, scheduled)
    return ["stored"] * len(scheduled)


async def _higher_head(cx: Any, scheduled: Sequence[Scheduled]) -> list[Outcome]:
    """Compares only that the nonce is higher: what failed has consumed its own."""
    outcomes = await _judge(cx, scheduled)
    rows = await cx.fetch(
        "SELECT process_id, nonce, assignment_id FROM scheduler.heads WHERE process_id = ANY($1)",
        [each.process_id for each in scheduled],
    )
    nonces = {row["process_id"]: row["nonce"] for row in rows}
    for index, each in enumerate(scheduled):
        if outcomes[index] in {"moved", "stored"} and each.process_id in nonces:
            is_higher = each.head.nonce > nonces[each.process_id]
            outcomes[index] = "stored" if is_higher else "moved"
            nonces[each.process_id] = max(nonces[each.process_id], each.head.nonce)
    return outcomes


def _clock_place(process_id: bytes, head: Head, now_ms: int, block_height: int) -> Place:
    return replace(_place(process_id, head, now_ms, block_height), ts=now_ms)


def _forgetful_place(process_id: bytes, head: Head, now_ms: int, block_height: int) -> Place:
    """Chains on the chain before, not on the assignment that carries it."""
    chain = sha256(process_id + (head.hash_chain or b"")).digest()
    return replace(_place(process_id, head, now_ms, block_height), hash_chain=chain)


async def _hopeful_append(self: Sequencer, scheduled: Sequence[Scheduled]) -> Sequence[Outcome]:
    """Takes a commit for done that may not be."""
    try:
        return await writes.append(self._database, scheduled)
    except CommitUnknown:
        return ["stored"] * len(scheduled)


async def _blind_append(self: Sequencer, scheduled: Sequence[Scheduled]) -> Sequence[Outcome]:
    """Tries again blindly what may be done."""
    try:
        return await writes.append(self._database, scheduled)
    except CommitUnknown:
        return ["moved"] * len(scheduled)


async def _impatient_append(self: Sequencer, scheduled: Sequence[Scheduled]) -> Sequence[Outcome]:
    """Looks before the server has come to the commit, and takes for lost what is not there yet."""
    try:
        return await writes.append(self._database, scheduled)
    except CommitUnknown:
        stored = await writes.find_stored(self._database, scheduled)
        return ["stored" if each.head.assignment_id in stored else "moved" for each in scheduled]


def _no_one_statement(_scheduled: Sequence[Scheduled]) -> None:
    """Every append is judged in a transaction of several statements."""


def _compared_before_the_lock() -> list[Replacement]:
    """The one statement reads heads, then waits for them; without an index to fall back on."""
    keys = property(lambda message: {("assignment", message.assignment_id), ("message", message.message_id)})
    return [*_rewritten(" FOR UPDATE OF h", ""), (Message, "keys", keys)]


def _duplicates_outside() -> list[Replacement]:
    """Looks for the same message before the transaction, without an index to fall back on."""

    tasks: set[asyncio.Task[None]] = set()

    async def look_then_store(self: Sequencer, scheduled: Scheduled, told: "asyncio.Future[Outcome]") -> None:
        try:
            async with self._database.transaction("scheduler.find_message") as cx:
                is_there = scheduled.item is not None and await writes._present(cx, [scheduled])
            outcome: Outcome = "exists" if is_there else await _store(self, scheduled)
        except LaminaError as failure:
            told.set_exception(failure)
        else:
            told.set_result(outcome)

    def store(self: Sequencer, scheduled: Scheduled) -> "asyncio.Future[Outcome]":
        told: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        looking = asyncio.create_task(look_then_store(self, scheduled, told))
        tasks.add(looking)
        looking.add_done_callback(tasks.discard)
        return told

    async def nothing(cx: object, scheduled: object) -> set[bytes]:
        return set()

    async def judge(cx: Any, scheduled: Sequence[Scheduled]) -> list[Outcome]:
        with patch.object(writes, "_present", nothing):
            return await _judge(cx, scheduled)

    keys = property(lambda message: {("place", message.process_id, message.nonce)})
    return [(Sequencer, "_store", store), (writes, "_judge", judge), (Message, "keys", keys)]


def _eager_store(self: Line, submission: Submission, scheduled: Scheduled) -> None:
    """Answers before it is stored."""
    if not submission.done.done():
        submission.done.set_result(scheduled.head.assignment_id or b"")
    _line_store(self, submission, scheduled)


_line_store = Line._store


def _take_backwards(self: Line) -> Sequence[Submission]:
    """Signs in one go what came last first."""
    return _take(self)[::-1]


_take = Line._take


def _hasty_wait(self: Line) -> bool:
    """Looks the head up while something is still under way."""
    return self._under_way > 0 and self._is_careful


BUGS: dict[str, Callable[[], list[Replacement]]] = {
    "no_compare_and_swap": lambda: [(writes, "_judge", _any_head), (writes, "_chains", _no_one_statement)],
    "compared_before_the_lock": _compared_before_the_lock,
    "no_row_lock": lambda: _rewritten("FOR UPDATE", ""),
    "nonce_consumed_on_failure": lambda: [
        (writes, "_judge", _higher_head),
        (writes, "_chains", _no_one_statement),
    ],
    "timestamps_from_the_clock": lambda: [(assignment, "place", _clock_place)],
    "chain_from_the_wrong_head": lambda: [(assignment, "place", _forgetful_place)],
    "ignore_commit_unknown": lambda: [(Sequencer, "_commit", _hopeful_append)],
    "blind_retry": lambda: [(Sequencer, "_commit", _blind_append)],
    "look_before_the_commit": lambda: [(Sequencer, "_commit", _impatient_append)],
    "duplicate_check_outside": _duplicates_outside,
    "answer_before_commit": lambda: [(Line, "_store", _eager_store)],
    "head_while_under_way": lambda: [(Line, "_must_wait", _hasty_wait)],
    "stretch_backwards": lambda: [(Line, "_take", _take_backwards)],
    "no_outbox_row": lambda: _rewritten("INSERT INTO scheduler.outbox", "INSERT INTO nowhere"),
}


@contextmanager
def plant(bug: str | None) -> Iterator[None]:
    """Within, the code has this bug."""
    with ExitStack() as stack:
        for target, name, replacement in BUGS[bug]() if bug is not None else []:
            stack.enter_context(patch.object(target, name, replacement))
        yield
