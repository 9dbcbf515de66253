"""Who is signed first when clients and the outbox want more than can be signed."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256

import pytest
from tests.data_items import wallet

from lamina.formats import base64url
from lamina.formats.ans104.item import parse
from lamina.formats.ans104.signed_item import Draft
from lamina.formats.ans104.verification import verify
from lamina.services.scheduler.model.head import NONE, Head
from lamina.services.scheduler.rules.assignment import Order, Stretch
from lamina.services.scheduler.sequencer.signer import CORES_OF_CLIENTS, LOT_SIGNATURES, Signer
from lamina.services.scheduler.sequencer.signing_process import SigningEnded, SigningProcess

LATE_S, PATIENT_S = -1.0, 3600.0
NO_WALLET = b"{}"


def stretch(*orders: Order) -> Stretch:
    """The first assignments of some process; of no orders, one."""
    head = Head(NONE, None, None, 1_700_000_000_000)
    return Stretch(os.urandom(32), head, head.ts, 1_500_000, orders or (Order(b"m" * 32),))


@asynccontextmanager
async def signing(processes: int) -> AsyncIterator[Signer]:
    """A signer whose processes run."""
    signer = Signer(wallet(), processes)
    tasks = [asyncio.create_task(each.run()) for each in signer.processes]
    try:
        yield signer
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def order_of(signer: Signer, clients: int, bundles: int, within_s: float) -> str:
    """The order in which clients' assignments (c) and the outbox's bundles (b) are signed, a client's first."""
    order: list[str] = []

    async def client() -> None:
        await signer.assign(stretch())
        order.append("c")

    async def bundle() -> None:
        await signer.sign_later(Draft(), within_s)
        order.append("b")

    waiting = [asyncio.create_task(client())]
    await asyncio.sleep(0)
    waiting += [asyncio.create_task(bundle()) for _ in range(bundles)]
    waiting += [asyncio.create_task(client()) for _ in range(clients - 1)]
    await asyncio.gather(*waiting)
    return "".join(order)


async def test_clients_come_before_what_may_wait() -> None:
    async with signing(1) as signer:
        assert await order_of(signer, 4, 3, PATIENT_S) == "ccccbbb"


async def test_what_is_overdue_gets_every_second_lot() -> None:
    async with signing(1) as signer:
        lot = "c" * LOT_SIGNATURES
        late = "b" * LOT_SIGNATURES
        in_turn = f"{lot}{late}{lot}{late}cc"
        assert await order_of(signer, 2 * LOT_SIGNATURES + 2, 2 * LOT_SIGNATURES, LATE_S) == in_turn


async def test_what_is_overdue_gets_no_more_signatures_than_clients() -> None:
    async with signing(1) as signer:
        waiting = [asyncio.create_task(signer.sign_later(Draft(), LATE_S)) for _ in range(40)]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        before = sum(bundle.done() for bundle in waiting)
        for _ in range(10):
            await signer.assign(stretch())
        signed = sum(bundle.done() for bundle in waiting) - before
        for bundle in waiting:
            bundle.cancel()
    assert 5 <= signed <= 15


async def test_nothing_is_signed_for_bundles_that_nobody_wants_any_more() -> None:
    signer = Signer(wallet(), 1)
    [process] = signer.processes
    bundles = [asyncio.create_task(signer.sign_later(Draft(), LATE_S)) for _ in range(9)]
    client = asyncio.create_task(signer.assign(stretch()))
    await asyncio.sleep(0)
    for bundle in bundles:
        bundle.cancel()
    await asyncio.wait(bundles)
    running = asyncio.create_task(process.run())
    await client
    assert not process.under_way
    running.cancel()
    await asyncio.wait([running])


@pytest.mark.parametrize("processes", [1, CORES_OF_CLIENTS])
async def test_a_client_has_the_cores_it_needs_to_itself(processes: int) -> None:
    async with signing(processes) as signer:
        with signer.clients:
            bundle = asyncio.create_task(signer.sign_later(Draft(), PATIENT_S))
            for _ in range(20):
                await signer.assign(stretch())
            assert not await signer.room(0)
            assert not bundle.done()
        await bundle
        assert await signer.room(PATIENT_S)


async def test_what_is_overdue_is_signed_beside_a_client() -> None:
    async with signing(CORES_OF_CLIENTS) as signer:
        with signer.clients:
            await signer.sign_later(Draft(), 0.05)


async def test_cores_that_clients_do_not_need_are_used() -> None:
    async with signing(CORES_OF_CLIENTS + 1) as signer:
        with signer.clients:
            assert await signer.room(0)
            await signer.sign_later(Draft(), PATIENT_S)


@pytest.mark.parametrize("size", [0, 1000, 200_000])
async def test_what_is_signed_is_the_wallets(size: int) -> None:
    async with signing(2) as signer:
        draft = Draft(anchor=b"a" * 32, data=(b"x" * size, b"y"))
        assigned = await asyncio.gather(*(signer.assign(stretch()) for _ in range(11)))
        bundles = await asyncio.gather(*(signer.sign_later(draft, 0) for _ in range(2)))
    items = [parse(each.item) for [each] in assigned] + [parse(each.to_bytes()) for each in bundles]
    assert all(map(verify, items))
    assert {bytes(each.owner) for each in items} == {wallet().owner}
    assert len({each.id for each in items}) == len(items)


async def test_a_bad_draft_is_refused_and_the_next_one_is_signed() -> None:
    async with signing(1) as signer:
        refused = await asyncio.gather(signer.sign_later(Draft(target=b"short"), 0), return_exceptions=True)
        assert "target" in str(refused[0])
        assert (await signer.sign_later(Draft(), 0)).size > 1024


async def test_a_stretch_is_signed_as_a_chain() -> None:
    orders = tuple(Order(os.urandom(32), ("Data", "\ud7ff")[: number % 3]) for number in range(6))
    asked = stretch(*orders)
    async with signing(2) as signer:
        assigned = await signer.assign(asked)
    before = asked.head
    for number, each in enumerate(assigned):
        item = parse(each.item)
        assert verify(item)
        said = [tag.value for tag in item.tags if tag.name in {"Nonce", "Hash-Chain", "Timestamp", "Exclude"}]
        chain = sha256(
            asked.process_id if number == 0 else (before.assignment_id or b"") + (before.hash_chain or b"")
        )
        ts = asked.now_ms + number + 1
        expected = [str(number), base64url.encode(chain.digest()), str(ts), *orders[number].exclude]
        assert said == expected
        assert each.head == Head(number, item.id_bytes, chain.digest(), ts)
        before = each.head


async def test_what_waits_is_signed_once_there_is_a_process() -> None:
    signer = Signer(wallet(), 2)
    first, second = signer.processes
    waiting = [asyncio.create_task(signer.assign(stretch())) for _ in range(20)]
    ended = asyncio.create_task(first.run())
    await asyncio.wait([waiting[0]])
    ended.cancel()
    await asyncio.wait([ended])
    other = asyncio.create_task(second.run())
    signed = await asyncio.gather(*waiting)
    assert all(verify(parse(each.item)) for [each] in signed)
    other.cancel()
    await asyncio.wait([other])


async def test_who_gives_up_takes_no_signature_of_others() -> None:
    async with signing(1) as signer:
        asked = [stretch() for _ in range(12)]
        waiting = [asyncio.create_task(signer.assign(each)) for each in asked]
        await asyncio.wait([waiting[0]])
        left = {1, 3, 5, 10}
        for gone in left:
            waiting[gone].cancel()
        signed = await asyncio.gather(*waiting, return_exceptions=True)
    for number in set(range(12)) - left:
        answer = signed[number]
        assert not isinstance(answer, BaseException)
        item = parse(answer[0].item)
        assert verify(item)
        assert item.tag("Process") == base64url.encode(asked[number].process_id)


async def test_a_process_that_cannot_sign_says_that_it_ended() -> None:
    with pytest.raises(SigningEnded):
        await SigningProcess(NO_WALLET, lambda: None).run()
