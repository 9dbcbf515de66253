"""`lamina.sdk.scheduler` against a running unit: what is sent is found again and proved, by both clients."""

from collections.abc import Iterator

import pytest
from tests import plain_http
from tests.scheduler_unit import Unit, scheduler_running, signer, spawn

from lamina.sdk.scheduler import (
    AsyncSchedulerClient,
    BrokenChain,
    Chain,
    Ed25519Signer,
    NotFound,
    Refused,
    SchedulerClient,
    SchedulerError,
    Signer,
    Wallet,
    is_signed,
    signed_message,
)

MODULE = "m" * 43


@pytest.fixture
def client(unit: Unit) -> Iterator[SchedulerClient]:
    with SchedulerClient(unit.url) as client:
        yield client


def conversation(client: SchedulerClient, by: Signer, messages: int) -> str:
    """A new process with some messages; its id."""
    process_id = client.spawn(by, MODULE, tags=[("Name", "talk")], data="return 1")
    for number in range(messages):
        client.message(by, process_id, tags=[("Action", "Count")], data=str(number))
    return process_id


@pytest.mark.parametrize("kind", ["wallet", "ed25519"])
def test_what_is_sent_is_found_again_and_proved(client: SchedulerClient, kind: str) -> None:
    by = Wallet.from_jwk(Wallet.generate().jwk()) if kind == "wallet" else Ed25519Signer.from_seed(b"s" * 32)
    process_id = conversation(client, by, 7)
    process, unit = client.process(process_id), client.unit()
    assert {"name": "Scheduler", "value": unit["address"]} in process["tags"]
    assert {"name": "Name", "value": "talk"} in process["tags"]
    chain = Chain(process_id, address=unit["address"])
    read = [chain.follow(each) for each in client.messages(process_id, page_messages=3)]
    said = [each["message"]["data"] for each in read if each["message"] is not None]
    assert said == [str(number) for number in range(7)]
    assert all(is_signed(each["assignment"]) for each in read)
    newest = client.latest(process_id)
    assert newest is not None
    assert newest["assignment"]["id"] == read[-1]["assignment"]["id"]
    assert int(client.time()["timestamp"]) > process["timestamp"]


def test_pages_by_nonce_and_by_time(client: SchedulerClient) -> None:
    process_id = conversation(client, signer(), 5)
    whole = client.page(process_id, by="timestamp")
    times = [int(edge["cursor"]) for edge in whole["edges"]]
    assert times == sorted(set(times))
    some = client.page(process_id, after=times[0], until=times[3], limit=2, by="timestamp")
    assert [int(edge["cursor"]) for edge in some["edges"]] == times[1:3]
    assert some["page_info"]["has_next_page"]
    by_nonce = client.page(process_id, after=0, until=2)
    assert [edge["cursor"] for edge in by_nonce["edges"]] == ["1", "2"]
    assert not by_nonce["page_info"]["has_next_page"]
    ids = [edge["node"]["assignment"]["id"] for edge in whole["edges"]]
    listed = client.messages(process_id, after=times[0], by="timestamp", page_messages=1)
    assert [each["assignment"]["id"] for each in listed] == ids[1:]
    assert [
        each["assignment"]["id"] for each in client.messages(process_id, until=3, page_messages=2)
    ] == ids[:4]


def test_single_messages(client: SchedulerClient) -> None:
    by = signer()
    process_id = client.spawn(by, MODULE)
    assert client.latest(process_id) is None
    message_id = client.message(by, process_id, data=b"\xff")
    found = client.get(message_id)
    assert found["message"] is not None
    assert (found["message"]["id"], found["message"]["data"]) == (message_id, "�")
    assert client.get(found["assignment"]["id"], process_id) == found


def test_what_is_elsewhere_is_assigned(unit: Unit, client: SchedulerClient) -> None:
    by = signer()
    process_id, elsewhere = client.spawn(by, MODULE), spawn(by)
    with pytest.raises(Refused, match="Transaction not found"):
        client.assign(process_id, elsewhere.id)
    plain_http.post(f"{unit.gateway_url}/tx/arweave", content=elsewhere.to_bytes())
    assignment_id = client.assign(process_id, elsewhere.id, exclude=["Data"])
    chain = Chain(process_id)
    (read,) = [chain.follow(each) for each in client.messages(process_id)]
    assert (read["message"], read["assignment"]["id"]) == (None, assignment_id)
    assert {"name": "Exclude", "value": "Data"} in read["assignment"]["tags"]
    with pytest.raises(Refused, match="Not enough confirmations"):
        client.assign(process_id, elsewhere.id, base_layer=True)


def test_errors_are_exceptions(client: SchedulerClient) -> None:
    by = signer()
    unknown = spawn(by).id
    for ask in (client.process, client.get, client.page):
        with pytest.raises(NotFound):
            ask(unknown)
    with pytest.raises(NotFound):
        client.message(by, unknown)
    process_id = client.spawn(by, MODULE)
    item = signed_message(by, process_id)
    assert client.post(item) == item.id
    with pytest.raises(Refused, match="Message already exists"):
        client.post(item)
    with pytest.raises(SchedulerError, match="no assignment"):
        client.get(process_id)


def test_another_process_is_not_proved(client: SchedulerClient) -> None:
    by = signer()
    first, second = (conversation(client, by, 1) for _ in range(2))
    (foreign,) = client.messages(second)
    with pytest.raises(BrokenChain, match="Process is"):
        Chain(first).follow(foreign)


def test_a_process_with_its_own_assignment() -> None:
    with scheduler_running(process_assignment=True) as running, SchedulerClient(running.url) as client:
        process_id = conversation(client, signer(), 3)
        for page_messages in (1, 2, 1000):
            chain = Chain(process_id)
            read = [chain.follow(each) for each in client.messages(process_id, page_messages=page_messages)]
            assert len(read) == 4
            assert read[0]["message"] is not None
            assert read[0]["message"]["id"] == process_id
        by_time = client.messages(process_id, by="timestamp", page_messages=1)
        assert len(list(by_time)) == 4


async def test_the_async_client_does_the_same(unit: Unit) -> None:
    by = signer()
    async with AsyncSchedulerClient(unit.url) as client:
        process_id = await client.spawn(by, MODULE)
        assert await client.latest(process_id) is None
        sent = [await client.message(by, process_id, data=str(number)) for number in range(5)]
        chain = Chain(process_id, address=(await client.unit())["address"])
        read = [chain.follow(each) async for each in client.messages(process_id, page_messages=2)]
        assert [each["message"]["id"] for each in read if each["message"]] == sent
        newest = await client.latest(process_id)
        assert newest is not None
        assert newest["assignment"]["id"] == read[-1]["assignment"]["id"]
        assert (await client.get(sent[0]))["assignment"]["id"] == read[0]["assignment"]["id"]
        assert (await client.process(process_id))["process_id"] == process_id
        page = await client.page(process_id, after=1, limit=2)
        assert [edge["cursor"] for edge in page["edges"]] == ["2", "3"]
        assert (await client.time())["block_height"].isdecimal()
        with pytest.raises(Refused, match="Transaction not found"):
            await client.assign(process_id, spawn(by).id)
        with pytest.raises(NotFound):
            await client.process(spawn(by).id)
