"""Who is signed first when clients and the outbox want more than can be signed."""

import asyncio
from threading import Event

import pytest

from lamina.formats.ans104.signature_type import SignatureType
from lamina.formats.ans104.signed_item import Draft
from lamina.services.scheduler.sequencer.signer import CORES_OF_CLIENTS, Signer

LATE_S, PATIENT_S = -1.0, 3600.0


class HeldWallet:
    """Signs nothing until it is let go, so that everything waits before the second signature begins."""

    signature_type = SignatureType.ARWEAVE
    owner = bytes(512)

    def __init__(self) -> None:
        self.is_let_go = Event()

    def sign(self, message: bytes) -> bytes:
        assert self.is_let_go.wait(30)
        return message.ljust(512, b"\0")


async def order_of(signer: Signer, wallet: HeldWallet, clients: int, bundles: int, within_s: float) -> str:
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
    await asyncio.sleep(0)
    wallet.is_let_go.set()
    await asyncio.gather(*waiting)
    return "".join(order)


async def test_clients_come_before_what_may_wait() -> None:
    wallet = HeldWallet()
    signer = Signer(wallet, 1)  # pyright: ignore[reportArgumentType]
    assert await order_of(signer, wallet, 4, 3, PATIENT_S) == "ccccbbb"
    signer.close()


async def test_what_is_overdue_gets_every_second_signature() -> None:
    wallet = HeldWallet()
    signer = Signer(wallet, 1)  # pyright: ignore[reportArgumentType]
    assert await order_of(signer, wallet, 5, 2, LATE_S) == "cbcbccc"
    signer.close()


@pytest.mark.parametrize("threads", [1, CORES_OF_CLIENTS])
async def test_a_client_has_the_cores_it_needs_to_itself(threads: int) -> None:
    wallet = HeldWallet()
    wallet.is_let_go.set()
    signer = Signer(wallet, threads)  # pyright: ignore[reportArgumentType]
    with signer.client():
        bundle = asyncio.create_task(signer.sign_later(Draft(), PATIENT_S))
        for _ in range(20):
            await signer.sign(Draft())
        assert not await signer.room(0)
        assert not bundle.done()
    await bundle
    assert await signer.room(PATIENT_S)
    signer.close()


async def test_what_is_overdue_is_signed_beside_a_client() -> None:
    wallet = HeldWallet()
    wallet.is_let_go.set()
    signer = Signer(wallet, CORES_OF_CLIENTS)  # pyright: ignore[reportArgumentType]
    with signer.client():
        await signer.sign_later(Draft(), 0.05)
    signer.close()


async def test_cores_that_clients_do_not_need_are_used() -> None:
    wallet = HeldWallet()
    wallet.is_let_go.set()
    signer = Signer(wallet, CORES_OF_CLIENTS + 1)  # pyright: ignore[reportArgumentType]
    with signer.client():
        assert await signer.room(0)
        await signer.sign_later(Draft(), PATIENT_S)
    signer.close()


async def test_a_failure_reaches_who_waits_and_the_thread_goes_on() -> None:
    wallet = HeldWallet()
    wallet.is_let_go.set()
    signer = Signer(wallet, 1)  # pyright: ignore[reportArgumentType]
    refused = await asyncio.gather(signer.sign(Draft(target=b"short")), return_exceptions=True)
    assert "target" in str(refused[0])
    assert (await signer.sign(Draft())).size > 1024
    signer.close()
