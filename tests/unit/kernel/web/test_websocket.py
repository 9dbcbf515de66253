"""Fan-out bookkeeping against hand-driven ASGI channels."""

import asyncio

import pytest

from lamina.kernel.errors import Overloaded
from lamina.kernel.web.websocket import Fanout


class Client:
    """An ASGI websocket whose `send` can be held and which leaves when told."""

    def __init__(self) -> None:
        self.messages: list[dict] = []
        self.inbound: asyncio.Queue[dict] = asyncio.Queue()
        self.inbound.put_nowait({"type": "websocket.connect"})
        self.reading = asyncio.Event()
        self.reading.set()

    async def send(self, message: dict) -> None:
        if message["type"] == "websocket.send":
            await self.reading.wait()
        self.messages.append(message)
        if message["type"] == "websocket.close":
            self.leave()

    def leave(self) -> None:
        self.inbound.put_nowait({"type": "websocket.disconnect", "code": 1006})

    @property
    def texts(self) -> list[str]:
        return [message["text"] for message in self.messages if message["type"] == "websocket.send"]

    def served_by(self, fanout: Fanout) -> asyncio.Task[None]:
        return asyncio.create_task(fanout.serve({"type": "websocket"}, self.inbound.get, self.send))


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def fanout(**options: object) -> Fanout:
    return Fanout(**{"subscribers_max": 10, "queue_events_max": 5, **options})


async def test_frames_arrive_in_order_and_leaving_frees_the_place():
    feed, client = fanout(), Client()
    task = client.served_by(feed)
    await settle()
    assert feed.subscribers == 1
    feed.publish(["1", "2"])
    feed.publish([])
    feed.publish(["3"])
    await settle()
    assert client.messages[0] == {"type": "websocket.accept"}
    assert client.texts == ["1", "2", "3"]
    client.leave()
    await task
    assert feed.subscribers == 0


async def test_messages_are_shared_not_copied():
    feed, clients = fanout(), [Client(), Client()]
    tasks = [client.served_by(feed) for client in clients]
    await settle()
    feed.publish(["once"])
    await settle()
    assert clients[0].messages[-1] is clients[1].messages[-1]
    for client in clients:
        client.leave()
    await asyncio.gather(*tasks)


async def test_the_bound_counts_unread_events():
    feed, stuck, well = fanout(), Client(), Client()
    tasks = [stuck.served_by(feed), well.served_by(feed)]
    await settle()
    stuck.reading.clear()
    for number in range(5):
        feed.publish([str(number)])
        await settle()
    assert (feed.subscribers, feed.dropped_total) == (2, 0)
    feed.publish(["5"])
    await settle()
    assert (feed.subscribers, feed.dropped_total) == (1, 1)
    assert stuck.messages[-1] == {"type": "websocket.close", "code": 1013}
    assert stuck.texts == []
    await tasks[0]
    assert well.texts == ["0", "1", "2", "3", "4", "5"]
    well.leave()
    await tasks[1]


async def test_places_are_counted_while_joining():
    gate = asyncio.Event()
    feed = fanout(subscribers_max=1, on_first_subscriber=gate.wait)
    first, second = Client(), Client()
    tasks = [first.served_by(feed), second.served_by(feed)]
    await settle()
    assert first.messages == []
    gate.set()
    await settle()
    assert first.messages == [{"type": "websocket.accept"}]
    assert second.messages[0]["type"] == "websocket.http.response.start"
    assert second.messages[0]["status"] == 503
    first.leave()
    await asyncio.gather(*tasks)


async def test_failing_hook_refuses_and_the_next_may_try_again():
    attempts: list[int] = []

    async def hook() -> None:
        attempts.append(1)
        if len(attempts) == 1:
            raise Overloaded("not yet")

    feed = fanout(on_first_subscriber=hook)
    with pytest.raises(Overloaded):
        await Client().served_by(feed)
    assert feed.subscribers == 0
    client = Client()
    task = client.served_by(feed)
    await settle()
    assert feed.subscribers == 1
    client.leave()
    await task


async def test_client_gone_before_the_accept():
    class Gone(Client):
        async def send(self, message: dict) -> None:
            raise BrokenPipeError

    feed = fanout()
    await Gone().served_by(feed)
    assert feed.subscribers == 0


async def test_publishing_to_nobody_is_nothing():
    feed = fanout()
    feed.publish(["x"])
    assert (feed.subscribers, feed.dropped_total) == (0, 0)
