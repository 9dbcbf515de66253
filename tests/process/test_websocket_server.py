"""Websockets over real sockets: fan-out, slow and hostile clients, keep-alive, draining."""

import asyncio
import base64
import contextlib
import os
import struct
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from tests.process.serving import get, on_uvloop, post, serving
from tests.websocket_frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, frame
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from lamina.kernel.web.middleware import HttpMiddleware
from lamina.kernel.web.respond import Reply
from lamina.kernel.web.routing import Router
from lamina.kernel.web.websocket import Fanout

PATH = "/stream"


def app_of(endpoint) -> HttpMiddleware:
    router = Router(not_found=Reply(404, b'{"message": "Not found"}'), method_not_allowed=Reply(405, b"{}"))
    router.add_websocket(PATH, endpoint)
    return HttpMiddleware(router, request_timeout_s=5)


def fanout(**options: object) -> Fanout:
    return Fanout(**{"subscribers_max": 1000, "queue_events_max": 1000, **options})


async def echo(scope, receive, send) -> None:
    """Sends back every message, kind and all."""
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({**message, "type": "websocket.send"})


def url(served) -> str:
    return f"ws://127.0.0.1:{served.port}{PATH}"


def upgrade(*headers: str, path: str = PATH) -> bytes:
    key = base64.b64encode(b"0123456789abcdef").decode()
    return get(
        path,
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {key}",
        *headers,
    )


async def read_frame(peer) -> tuple[int, bytes]:
    async with asyncio.timeout(10):
        first, second = await peer.reader.readexactly(2)
        size = second & 127
        if size >= 126:
            kind, width = ("!H", 2) if size == 126 else ("!Q", 8)
            (size,) = struct.unpack(kind, await peer.reader.readexactly(width))
        return first & 15, await peer.reader.readexactly(size)


async def close_code(peer) -> int:
    """The code of the close frame that comes sooner or later."""
    while True:
        opcode, payload = await read_frame(peer)
        if opcode == CLOSE:
            return struct.unpack("!H", payload[:2])[0]


@contextlib.asynccontextmanager
async def raw_client(endpoint, **limits: float):
    async with serving(app_of(endpoint), **limits) as served, served.peer() as peer:
        assert (await peer.ask(upgrade())).status == 101
        yield peer


async def until(condition) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


@on_uvloop
async def test_200_subscribers_get_everything_in_order():
    feed = fanout()
    async with serving(app_of(feed.serve)) as served, contextlib.AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(connect(url(served))) for _ in range(200)]
        assert feed.subscribers == 200
        for at in range(0, 30, 3):
            feed.publish([f"event {n}" for n in range(at, at + 3)])
            await asyncio.sleep(0)
        expected = [f"event {n}" for n in range(30)]
        for client in clients:
            assert [await client.recv() for _ in range(30)] == expected
        await clients[0].close()
        await until(lambda: feed.subscribers == 199)
    assert feed.subscribers == 0
    assert feed.dropped_total == 0


@on_uvloop
async def test_slow_subscriber_is_dropped_with_1013_and_the_others_are_whole():
    feed = fanout(queue_events_max=50)
    text = "x" * 10_000
    async with (
        serving(app_of(feed.serve), send_buffer=4096, write_timeout_s=20) as served,
        served.peer(receive_buffer=4096) as slow,
        connect(url(served), max_queue=None) as fast,
    ):
        await slow.ask(upgrade())
        slow.writer.transport.pause_reading()
        received = 0
        for _ in range(200):
            feed.publish([text])
            assert await fast.recv() == text
            received += 1
        assert received == 200
        assert feed.dropped_total == 1
        await until(lambda: feed.subscribers == 1)
        slow.writer.transport.resume_reading()
        assert await close_code(slow) == 1013


@on_uvloop
async def test_publication_larger_than_the_bound_reaches_a_subscriber_that_keeps_up():
    feed = fanout(queue_events_max=10)
    async with serving(app_of(feed.serve)) as served, connect(url(served)) as client:
        await until(lambda: feed.subscribers == 1)
        feed.publish([str(n) for n in range(500)])
        assert [await client.recv() for _ in range(500)] == [str(n) for n in range(500)]


@on_uvloop
async def test_inbound_messages_are_ignored():
    feed = fanout()
    async with serving(app_of(feed.serve)) as served, connect(url(served)) as client:
        for message in ("hello", b"\x00\xff", "{", ""):
            await client.send(message)
        await client.send(["frag", "men", "ted"])
        feed.publish(["still here"])
        assert await client.recv() == "still here"


@on_uvloop
async def test_subscribers_are_bounded():
    feed = fanout(subscribers_max=1)
    async with serving(app_of(feed.serve)) as served, connect(url(served)):
        with pytest.raises(InvalidStatus) as refused:
            await connect(url(served))
        assert refused.value.response.status_code == 503
        assert feed.subscribers == 1


@on_uvloop
async def test_first_subscriber_is_accepted_after_the_hook_and_misses_nothing():
    calls: list[int] = []

    async def start() -> None:
        calls.append(feed.subscribers)
        await asyncio.sleep(0.1)

    feed = fanout(on_first_subscriber=start)
    async with serving(app_of(feed.serve)) as served:
        async with connect(url(served)) as client, connect(url(served)):
            assert calls == [0]
            feed.publish(["first"])
            assert await client.recv() == "first"
        await until(lambda: feed.subscribers == 0)
        joining = asyncio.create_task(_subscribe(url(served)))
        await until(lambda: feed.subscribers == 1)
        feed.publish(["at once"])
        assert await joining == "at once"
        assert calls == [0, 0]


async def _subscribe(address: str) -> str:
    async with connect(address) as client:
        return await client.recv()


@on_uvloop
async def test_compression_is_not_negotiated():
    async with serving(app_of(echo)) as served, served.peer() as peer:
        response = await peer.ask(upgrade("Sec-WebSocket-Extensions: permessage-deflate"))
        assert response.status == 101
        assert "sec-websocket-extensions" not in response.headers


@on_uvloop
async def test_ping_is_answered_and_fragments_are_joined():
    async with raw_client(echo) as peer:
        peer.write(frame(PING, b"payload"))
        assert await read_frame(peer) == (PONG, b"payload")
        peer.write(frame(TEXT, b"a", fin=False) + frame(PING, b"p") + frame(CONTINUATION, b"b"))
        assert [await read_frame(peer), await read_frame(peer)] == [(PONG, b"p"), (TEXT, b"ab")]
        peer.write(frame(CLOSE, struct.pack("!H", 1000)))
        assert await close_code(peer) == 1000
        assert await peer.rest() == b""


@on_uvloop
async def test_client_that_answers_no_ping_is_dropped():
    async with raw_client(echo, ws_ping_interval_s=0.2) as peer:
        assert (await read_frame(peer))[0] == PING
        assert await close_code(peer) == 1011
        assert await peer.rest() == b""


HOSTILE = {
    "message over the limit": (frame(TEXT, b"x" * 1001), 1009),
    "fragments over the limit": (frame(TEXT, b"x" * 900, fin=False) + frame(CONTINUATION, b"x" * 900), 1009),
    "unmasked frame": (frame(TEXT, b"x", mask=False), 1002),
    "long control frame": (frame(PING, b"x" * 126), 1002),
    "fragmented control frame": (frame(PING, b"x", fin=False), 1002),
    "length with the top bit set": (b"\x81\xff" + b"\xff" * 8 + b"\x00" * 4, 1009),
    "reserved bit": (frame(TEXT, b"x", reserved=4), 1002),
    "unknown opcode": (frame(3, b"x"), 1002),
    "continuation of nothing": (frame(CONTINUATION, b"x"), 1002),
    "text that is not UTF-8": (frame(TEXT, b"\xff\xfe"), 1007),
    "close code that is not one": (frame(CLOSE, struct.pack("!H", 1005)), 1002),
}


@pytest.mark.parametrize(("sent", "code"), HOSTILE.values(), ids=HOSTILE.keys())
@on_uvloop
async def test_hostile_frames_end_the_connection(sent: bytes, code: int):
    async with raw_client(echo, ws_frame_bytes_max=1000) as peer:
        peer.write(sent)
        assert await close_code(peer) == code
        assert await peer.rest() == b""


@on_uvloop
async def test_application_that_talks_on_after_the_end_finds_its_client_gone():
    """The close frame is stuck behind what the client does not read; the application cannot know of it."""
    ended = asyncio.Event()

    async def talkative(scope, receive, send) -> None:
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "bytes": b"b" * 50_000})
        try:
            while True:
                await send({"type": "websocket.send", "text": "more"})
                await asyncio.sleep(0.01)
        finally:
            ended.set()

    with capture_logs() as lines:
        async with (
            serving(app_of(talkative), send_buffer=4096, write_timeout_s=5.0) as served,
            served.peer(receive_buffer=4096) as peer,
        ):
            peer.writer.transport.pause_reading()
            peer.write(upgrade())
            await asyncio.sleep(0.1)
            peer.write(frame(3, b""))
            await asyncio.wait_for(ended.wait(), 3)
    assert lines == []


@on_uvloop
async def test_endless_one_byte_fragments_end_the_connection():
    async with raw_client(echo, ws_frame_bytes_max=500_000) as peer:
        peer.write(frame(TEXT, b"x", fin=False) + frame(CONTINUATION, b"x", fin=False) * 10_000)
        assert await close_code(peer) == 1009


@on_uvloop
async def test_ping_flood_from_a_client_that_does_not_read_costs_no_memory():
    flood = frame(PING, b"p" * 125) * 1000
    async with (
        serving(app_of(echo), send_buffer=4096, write_timeout_s=1.0) as served,
        served.peer(receive_buffer=4096) as peer,
    ):
        await peer.ask(upgrade())
        peer.writer.transport.pause_reading()
        before = _rss()
        with contextlib.suppress(ConnectionError):
            for _ in range(300):
                peer.write(flood)
                await peer.writer.drain()
        assert _rss() - before < 20 * 2**20
        await served.until_connections(0)


def _rss() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@on_uvloop
async def test_last_ping_is_answered_once_the_client_reads_again():
    async def talkative(scope, receive, send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "bytes": b"b" * 1_000_000})
        await receive()

    async with (
        serving(app_of(talkative), send_buffer=4096) as served,
        served.peer(receive_buffer=4096) as peer,
    ):
        peer.write(upgrade())
        await peer.reader.readuntil(b"\r\n\r\n")
        for number in range(5):
            peer.write(frame(PING, b"%d" % number))
            await asyncio.sleep(0.05)
        assert (await read_frame(peer))[0] == BINARY
        assert await read_frame(peer) == (PONG, b"4")


@on_uvloop
async def test_client_that_reads_nothing_is_cut_off():
    feed = fanout(queue_events_max=10_000)
    async with (
        serving(app_of(feed.serve), write_timeout_s=0.5, send_buffer=4096) as served,
        served.peer(receive_buffer=4096) as peer,
    ):
        await peer.ask(upgrade())
        peer.writer.transport.pause_reading()
        feed.publish(["x" * 10_000] * 50)
        await served.until_connections(0)
        await until(lambda: feed.subscribers == 0)


BAD_HANDSHAKES = {
    "no key": (get(PATH, "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"), 400),
    "old version": (upgrade().replace(b"Version: 13", b"Version: 8"), 400),
    "with a body": (upgrade("Content-Length: 3") + b"abc", 400),
    "too many headers": (upgrade(*[f"X-{n}: y" for n in range(200)]), 400),
    "unknown path": (upgrade(path="/other"), 404),
    "not an upgrade": (get(PATH), 426),
    "trailing slash, not an upgrade": (get(PATH + "/"), 426),
    "wrong method": (upgrade().replace(b"GET", b"PUT"), 405),
}


@pytest.mark.parametrize(("request_bytes", "status"), BAD_HANDSHAKES.values(), ids=BAD_HANDSHAKES.keys())
@on_uvloop
async def test_bad_handshake_is_refused(request_bytes: bytes, status: int):
    async with serving(app_of(echo)) as served, served.peer() as peer:
        assert (await peer.ask(request_bytes)).status == status
        peer.writer.write_eof()
        await peer.rest()


@on_uvloop
async def test_upgrade_behind_an_unanswered_request_is_refused():
    release = asyncio.Event()

    async def app(scope, receive, send) -> None:
        await release.wait()
        await Reply(200, b"{}")(scope, receive, send)

    async with serving(app) as served, served.peer() as peer:
        peer.write(get("/") + upgrade())
        await asyncio.sleep(0.1)
        release.set()
        assert [(await peer.response()).status for _ in range(2)] == [200, 400]
        assert await peer.rest() == b""


@on_uvloop
async def test_no_websocket_begins_while_draining():
    async with serving(app_of(echo)) as served, served.peer() as peer:
        whole = upgrade()
        peer.write(whole[:20])
        await asyncio.sleep(0.1)
        draining = asyncio.create_task(served.server.drain(5))
        await asyncio.sleep(0.1)
        assert (await peer.ask(whole[20:])).status == 503
        assert await draining == 0


@on_uvloop
async def test_other_upgrades_are_ignored():
    """Java's HTTP client asks for h2c with its first request, also with a body."""

    async def slow(scope, receive, send) -> None:
        await asyncio.sleep(0.8)
        await Reply(200, b"{}")(scope, receive, send)

    async with serving(slow, header_timeout_s=0.2) as served, served.peer() as peer:
        headers = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk")
        assert (await peer.ask(get("/x", *headers))).status == 200
        assert (await peer.ask(post("/x", b"abc", *headers))).status == 200
        assert (await peer.ask(get("/x"))).status == 200


@on_uvloop
async def test_failing_endpoint_closes_with_1011():
    async def failing(scope, receive, send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        raise ValueError("inside")

    async with serving(app_of(failing)) as served:
        async with connect(url(served)) as client:
            with pytest.raises(ConnectionClosed) as closed:
                await client.recv()
        assert closed.value.rcvd.code == 1011


@on_uvloop
async def test_failing_before_the_handshake_refuses_it():
    async def failing(scope, receive, send) -> None:
        raise ValueError("inside")

    async with serving(app_of(failing)) as served, served.peer() as peer:
        assert (await peer.ask(upgrade())).status == 500


@on_uvloop
async def test_drain_tells_subscribers_to_reconnect():
    feed = fanout()
    async with serving(app_of(feed.serve)) as served, connect(url(served)) as client:
        await served.server.drain(2)
        with pytest.raises(ConnectionClosed) as closed:
            await client.recv()
        assert closed.value.rcvd.code == 1012
        assert feed.subscribers == 0
