"""Who is signed first when clients and the outbox want more than can be signed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.data_items import wallet

from lamina.formats.ans104.item import parse
from lamina.formats.ans104.signed_item import Draft
from lamina.formats.ans104.verification import verify
from lamina.services.scheduler.sequencer.signer import CORES_OF_CLIENTS, Signer
from lamina.services.scheduler.sequencer.signing_process import SigningEnded, SigningProcess

LATE_S, PATIENT_S = -1.0, 3600.0
NO_WALLET = b"{}"


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
    """The order in which clients' (c) and the outbox's (b) drafts are signed, a client's first."""
    order: list[str] = []

    async def client() -> None:
        await signer.sign(Draft())
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


async def test_what_is_overdue_gets_every_second_signature() -> None:
    async with signing(1) as signer:
        assert await order_of(signer, 5, 2, LATE_S) == "cbcbccc"


@pytest.mark.parametrize("processes", [1, CORES_OF_CLIENTS])
async def test_a_client_has_the_cores_it_needs_to_itself(processes: int) -> None:
    async with signing(processes) as signer:
        with signer.client():
            bundle = asyncio.create_task(signer.sign_later(Draft(), PATIENT_S))
            for _ in range(20):
                await signer.sign(Draft())
            assert not await signer.room(0)
            assert not bundle.done()
        await bundle
        assert await signer.room(PATIENT_S)


async def test_what_is_overdue_is_signed_beside_a_client() -> None:
    async with signing(CORES_OF_CLIENTS) as signer:
        with signer.client():
            await signer.sign_later(Draft(), 0.05)


async def test_cores_that_clients_do_not_need_are_used() -> None:
    async with signing(CORES_OF_CLIENTS + 1) as signer:
        with signer.client():
            assert await signer.room(0)
            await signer.sign_later(Draft(), PATIENT_S)


@pytest.mark.parametrize("size", [0, 1000, 200_000])
async def test_what_is_signed_is_the_wallets(size: int) -> None:
    async with signing(2) as signer:
        draft = Draft(anchor=b"a" * 32, data=(b"x" * size, b"y"))
        signed = await asyncio.gather(*(signer.sign(draft) for _ in range(5)), signer.sign_later(draft, 0))
    items = [parse(each.to_bytes()) for each in signed]
    assert all(map(verify, items))
    assert {bytes(each.owner) for each in items} == {wallet().owner}
    assert len({each.id for each in items}) == len(items)


async def test_a_bad_draft_is_refused_and_the_next_one_is_signed() -> None:
    async with signing(1) as signer:
        refused = await asyncio.gather(signer.sign(Draft(target=b"short")), return_exceptions=True)
        assert "target" in str(refused[0])
        assert (await signer.sign(Draft())).size > 1024


async def test_what_waits_is_signed_once_there_is_a_process() -> None:
    signer = Signer(wallet(), 2)
    first, second = signer.processes
    waiting = [asyncio.create_task(signer.sign(Draft())) for _ in range(6)]
    ended = asyncio.create_task(first.run())
    await asyncio.wait([waiting[0]])
    ended.cancel()
    await asyncio.wait([ended])
    other = asyncio.create_task(second.run())
    signed = await asyncio.gather(*waiting)
    assert all(verify(parse(each.to_bytes())) for each in signed)
    other.cancel()
    await asyncio.wait([other])


async def test_who_gives_up_takes_no_signature_of_others() -> None:
    async with signing(1) as signer:
        waiting = [asyncio.create_task(signer.sign(Draft(anchor=bytes([n]) * 32))) for n in range(6)]
        await asyncio.wait([waiting[0]])
        for gone in (1, 3):
            waiting[gone].cancel()
        signed = await asyncio.gather(*waiting, return_exceptions=True)
    for number in (0, 2, 4, 5):
        each = signed[number]
        assert not isinstance(each, BaseException)
        item = parse(each.to_bytes())
        assert verify(item)
        assert bytes(item.anchor) == bytes([number]) * 32


async def test_a_process_that_cannot_sign_says_that_it_ended() -> None:
    with pytest.raises(SigningEnded):
        await SigningProcess(NO_WALLET, lambda: None).run()
