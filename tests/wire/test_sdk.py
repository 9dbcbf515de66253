"""Both clients of the ledger against a running platform, by the same story."""

import asyncio
import itertools
import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, Protocol, Self

import httpx
import pytest
from tests.running_platform import RunningPlatform
from websockets.http11 import Request, Response
from websockets.sync.server import Server, ServerConnection, serve

from lamina.formats import transaction as build
from lamina.formats.errors import FormatError
from lamina.sdk.ledger import (
    AsyncLedgerClient,
    Event,
    KeyPair,
    LedgerClient,
    LedgerError,
    NotFound,
    NotValidInTime,
    Refused,
    StreamEnded,
)

UNKNOWN = "0" * 64
VALID_WITHIN_S = 10.0
_numbers = itertools.count()


class Front(Protocol):
    """Calls a client's method by name and waits for its result."""

    def __call__(self, method: str, /, *args: Any, **kwargs: Any) -> Any: ...


@contextmanager
def blocking_front(url: str) -> Iterator[Front]:
    with LedgerClient(url) as client:
        yield lambda method, *args, **kwargs: getattr(client, method)(*args, **kwargs)


@contextmanager
def async_front(url: str) -> Iterator[Front]:
    with asyncio.Runner() as runner:
        client = AsyncLedgerClient(url)
        yield lambda method, *args, **kwargs: runner.run(getattr(client, method)(*args, **kwargs))
        runner.run(client.close())


FRONTS = {"blocking": blocking_front, "async": async_front}


@pytest.fixture(params=FRONTS)
def ledger(platform: RunningPlatform, request: pytest.FixtureRequest) -> Iterator[Front]:
    with FRONTS[request.param](platform.url) as front:
        yield front


@pytest.fixture
def alice() -> KeyPair:
    return KeyPair.generate()


@pytest.fixture
def bob() -> KeyPair:
    return KeyPair.generate()


def thing() -> dict[str, Any]:
    """An asset that no other test makes."""
    return {"name": f"thing number{next(_numbers)}x", "weight": 1.5, "serial": 2**70}


def created(ledger: Front, owner: KeyPair, **rest: Any) -> dict[str, Any]:
    """A valid CREATE."""
    made = ledger("create", owner, thing(), **rest)
    ledger("wait_valid", made["id"], VALID_WITHIN_S)
    return made


def test_the_node_says_who_it_is(ledger: Front, platform: RunningPlatform) -> None:
    node = ledger("info")
    assert (node["software"], node["version"]) == ("BigchainDB", "1.0.1")
    assert node["api"]["v1"]["streams"].endswith("/api/v1/streams/valid_transactions")


def test_an_asset_is_created_found_and_transferred(ledger: Front, alice: KeyPair, bob: KeyPair) -> None:
    made = created(ledger, alice, recipients=[(alice.public, 7)], metadata={"why": "test"})
    assert made["asset"]["data"]["serial"] == 2**70
    moved = ledger("transfer", made, [(bob.public, 3), (alice.public, 4)], signers=alice)
    ledger("wait_valid", moved["id"], VALID_WITHIN_S)
    assert ledger("get", made["id"]) == made
    assert ledger("get", moved["id"]) == moved
    assert ledger("transactions", made["id"]) == [made, moved]
    assert ledger("transactions", made["id"], "TRANSFER") == [moved]
    assert ledger("transactions", UNKNOWN) == []
    (word,) = [word for word in made["asset"]["data"]["name"].split() if word.startswith("number")]
    assert ledger("assets", word, 5) == [{"id": made["id"], "data": made["asset"]["data"]}]


def test_outputs_of_a_key(ledger: Front, alice: KeyPair, bob: KeyPair) -> None:
    made = created(ledger, alice)
    moved = ledger("transfer", made, [(bob.public, 1)], signers=[alice])
    ledger("wait_valid", moved["id"], VALID_WITHIN_S)
    spent = [{"transaction_id": made["id"], "output_index": 0}]
    assert ledger("outputs", alice.public) == ledger("outputs", alice.public, spent=True) == spent
    assert ledger("outputs", alice.public, spent=False) == []
    assert ledger("outputs", bob.public, spent=False) == [{"transaction_id": moved["id"], "output_index": 0}]


def test_some_outputs_of_a_transfer_are_transferred_on(ledger: Front, alice: KeyPair, bob: KeyPair) -> None:
    made = created(ledger, alice, recipients=[(alice.public, 2), (bob.public, 5)])
    second = ledger("transfer", made, [([alice.public, bob.public], 5)], signers=bob, indices=[1])
    ledger("wait_valid", second["id"], VALID_WITHIN_S)
    third = ledger("transfer", second, [(alice.public, 5)], signers=[bob, alice], metadata={"n": 3})
    assert third["asset"] == {"id": made["id"]}
    assert third["inputs"][0]["fulfills"] == {"transaction_id": second["id"], "output_index": 0}
    ledger("wait_valid", third["id"], VALID_WITHIN_S)


def test_blocks_and_votes(ledger: Front, alice: KeyPair) -> None:
    made = created(ledger, alice)
    (block_id,) = ledger("blocks", made["id"], "valid")
    assert ledger("blocks", made["id"]) == [block_id]
    assert ledger("blocks", made["id"], "invalid") == []
    block = ledger("block", block_id)
    assert made in block["block"]["transactions"]
    (vote,) = ledger("votes", block_id)
    assert vote["vote"]["voting_for_block"] == block_id
    assert vote["node_pubkey"] == ledger("info")["public_key"]


def test_what_is_not_there_is_none(ledger: Front) -> None:
    assert ledger("get", UNKNOWN) is None
    assert ledger("get", "a/../b?c") is None
    assert ledger("status", UNKNOWN) is None
    assert ledger("block", UNKNOWN) is None
    assert ledger("blocks", UNKNOWN) == []
    assert ledger("votes", UNKNOWN) == []


def test_a_refused_transaction_says_why(ledger: Front, alice: KeyPair, bob: KeyPair) -> None:
    made = created(ledger, alice)
    with pytest.raises(Refused, match=r"InputDoesNotExist") as caught:
        ledger("transfer", {**made, "id": UNKNOWN}, [(bob.public, 1)], signers=alice)
    assert caught.value.status == 400
    assert caught.value.message.startswith("Invalid transaction (InputDoesNotExist): ")


def test_a_parameter_error_names_the_parameter(ledger: Front) -> None:
    with pytest.raises(Refused) as caught:
        ledger("transactions", "abc")
    assert caught.value.message == "asset_id: Invalid hash"


def test_a_missing_signature_is_refused_before_it_is_posted(
    ledger: Front, alice: KeyPair, bob: KeyPair
) -> None:
    made = created(ledger, alice)
    with pytest.raises(FormatError):
        ledger("transfer", made, [(bob.public, 1)], signers=bob)
    assert ledger("outputs", alice.public, spent=True) == []


def test_waiting_ends_with_the_last_status(ledger: Front) -> None:
    with pytest.raises(NotValidInTime, match="not found") as caught:
        ledger("wait_valid", UNKNOWN, 0.05)
    assert (caught.value.tx_id, caught.value.status) == (UNKNOWN, None)


def test_an_address_that_is_no_ledger_is_not_found(platform: RunningPlatform) -> None:
    with LedgerClient(f"{platform.url}/elsewhere") as client, pytest.raises(NotFound, match="404: Not found"):
        client.info()


def test_no_answer_is_a_transport_error() -> None:
    with LedgerClient("http://127.0.0.1:9") as client, pytest.raises(httpx.TransportError):
        client.info()


def test_the_stream_tells_what_becomes_valid(platform: RunningPlatform, alice: KeyPair, bob: KeyPair) -> None:
    with LedgerClient(platform.url) as client, client.stream() as events:
        made = client.create(alice, thing())
        first = next(event for event in events if event["transaction_id"] == made["id"])
        moved = client.transfer(made, [(bob.public, 1)], signers=alice)
        second = next(event for event in events if event["transaction_id"] == moved["id"])
        assert first["asset_id"] == second["asset_id"] == made["id"]
        assert client.blocks(moved["id"]) == [second["block_id"]]


async def heard(events: AsyncIterator[Event], tx_id: str) -> Event:
    """The event of one transaction."""
    async with asyncio.timeout(VALID_WITHIN_S):
        async for event in events:
            if event["transaction_id"] == tx_id:
                return event
    raise AssertionError("a stream has no end")


async def test_the_async_stream_tells_what_becomes_valid(
    platform: RunningPlatform, alice: KeyPair, bob: KeyPair
) -> None:
    async with AsyncLedgerClient(platform.url) as client, client.stream() as events:
        made = await client.create(alice, thing())
        first = await heard(events, made["id"])
        moved = await client.transfer(made, [(bob.public, 1)], signers=alice)
        second = await heard(events, moved["id"])
        assert first["asset_id"] == second["asset_id"] == made["id"]
        assert await client.blocks(moved["id"]) == [second["block_id"]]


async def test_many_async_posts_share_a_client(platform: RunningPlatform, alice: KeyPair) -> None:
    async with AsyncLedgerClient(platform.url) as client:
        made = await asyncio.gather(*(client.create(alice, thing()) for _ in range(20)))
        await asyncio.gather(*(client.wait_valid(tx["id"], VALID_WITHIN_S) for tx in made))
        assert len(await client.outputs(alice.public)) == 20


def test_a_float_is_posted_as_it_was_hashed(ledger: Front, alice: KeyPair) -> None:
    unsigned = build.create(alice.public, [(alice.public, 1)], {"sum": 0.1 + 0.2, "n": 1e20}, None)
    made = ledger("post", build.sign(unsigned, [alice]))
    ledger("wait_valid", made["id"], VALID_WITHIN_S)
    assert ledger("get", made["id"])["asset"]["data"] == {"sum": 0.1 + 0.2, "n": 1e20}


EVENT = {"block_id": "b", "asset_id": "a", "transaction_id": "t"}


class StandIn:
    """A ledger whose stream is full, or says goodbye after one event, by the path it advertises."""

    def __init__(self, stream_path: str) -> None:
        self._stream_path = stream_path
        self._server: Server = serve(self._serve, "127.0.0.1", 0, process_request=self._answer)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._port: int = self._server.socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()

    def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        if request.path == "/":
            streams = f"ws://127.0.0.1:{self._port}{self._stream_path}"
            return connection.respond(HTTPStatus.OK, json.dumps({"api": {"v1": {"streams": streams}}}))
        if request.path == "/full":
            message = json.dumps({"message": "Too many subscribers", "status": 503})
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, message)
        return None

    def _serve(self, connection: ServerConnection) -> None:
        connection.send(json.dumps(EVENT))
        connection.close(1013, "too slow")


def test_a_closed_stream_is_an_error_and_never_a_quiet_end() -> None:
    with StandIn("/stream") as ledger, LedgerClient(ledger.url) as client, client.stream() as events:
        assert next(events) == EVENT
        with pytest.raises(StreamEnded) as caught:
            next(events)
    assert (caught.value.code, caught.value.reason) == (1013, "too slow")


async def test_a_closed_async_stream_is_an_error_too() -> None:
    with StandIn("/stream") as ledger:
        async with AsyncLedgerClient(ledger.url) as client, client.stream() as events:
            assert await anext(events) == EVENT
            with pytest.raises(StreamEnded, match="1013 too slow"):
                await anext(events)


def test_a_full_stream_is_refused_with_its_status() -> None:
    with (
        StandIn("/full") as ledger,
        LedgerClient(ledger.url) as client,
        pytest.raises(LedgerError, match="503: Too many subscribers"),
        client.stream(),
    ):
        pass


async def test_a_full_async_stream_is_refused_with_its_status() -> None:
    with StandIn("/full") as ledger:
        async with AsyncLedgerClient(ledger.url) as client:
            with pytest.raises(LedgerError, match="503: Too many subscribers"):
                async with client.stream():
                    pass
