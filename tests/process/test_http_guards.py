"""What the server does to clients that are slow, greedy or ambiguous (raw sockets, short limits)."""

import asyncio
import contextlib
import gc

import pytest
from tests.process.serving import CHUNKED_POST, chunk, get, on_uvloop, post, serving
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from lamina.kernel.web.body import ClientGone, read_body
from lamina.kernel.web.respond import json_response


class Echo:
    """Answers with the request body; `big` answers more than socket buffers hold."""

    def __init__(self) -> None:
        self.requests = 0
        self.gone = asyncio.Event()

    async def __call__(self, scope, receive, send) -> None:
        self.requests += 1
        try:
            body = await read_body(scope, receive, 10_000_000)
        except ClientGone:
            self.gone.set()
            return
        await json_response(send, 200, b"x" * 20_000_000 if scope["path"] == "/big" else body)


def elapsed_since(start: float) -> float:
    return asyncio.get_running_loop().time() - start


def now() -> float:
    return asyncio.get_running_loop().time()


@on_uvloop
async def test_headers_that_drip_are_cut_off_in_time():
    echo = Echo()
    async with serving(echo, header_timeout_s=0.5) as served, served.peer() as peer:
        started = now()
        peer.write(b"GET / HTTP/1.1\r\nHost: t\r\n")
        answer = asyncio.create_task(peer.response())
        while not answer.done() and elapsed_since(started) < 8:
            peer.write(b"X: y\r\n")
            await asyncio.sleep(0.1)
        assert (await answer).status == 408
        assert elapsed_since(started) < 4
        assert await peer.rest() == b""
    assert echo.requests == 0
    assert served.server.refusals == {408: 1}


@pytest.mark.parametrize("first", [b"", b"\r\n", get("/") + b"\r\n", get("/") + b"GET /second"])
@on_uvloop
async def test_connection_that_asks_nothing_is_closed(first: bytes):
    async with (
        serving(Echo(), header_timeout_s=0.4, keep_alive_s=0.4) as served,
        served.peer() as peer,
    ):
        started = now()
        peer.write(first)
        await asyncio.sleep(0.1)
        if first == b"\r\n":
            peer.write(b"\r\n")
        await peer.rest()
        assert elapsed_since(started) < 4


@on_uvloop
async def test_empty_lines_do_not_keep_an_idle_connection_open():
    async with (
        serving(Echo(), header_timeout_s=0.4, keep_alive_s=0.4) as served,
        served.peer() as peer,
    ):
        await peer.ask(get("/"))
        started = now()
        ended = asyncio.create_task(peer.rest())
        while not ended.done() and elapsed_since(started) < 8:
            peer.write(b"\r\n")
            await asyncio.sleep(0.1)
        assert elapsed_since(started) < 4
        await ended


@pytest.mark.parametrize("head", [CHUNKED_POST, b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 9\r\n\r\n"])
@on_uvloop
async def test_body_that_stands_still_is_cut_off(head: bytes):
    echo = Echo()
    async with serving(echo, body_timeout_s=0.4) as served, served.peer() as peer:
        started = now()
        peer.write(head + b"1")
        assert (await peer.response()).status == 408
        assert elapsed_since(started) < 4
        await asyncio.wait_for(echo.gone.wait(), 2)
        assert await peer.rest() == b""


@on_uvloop
async def test_slow_but_steady_body_is_accepted():
    async with serving(Echo(), body_timeout_s=0.6) as served, served.peer() as peer:
        peer.write(b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 8\r\n\r\n")
        for piece in (b"ab", b"cd", b"ef", b"gh"):
            await asyncio.sleep(0.3)
            peer.write(piece)
        assert (await peer.response()).body == b"abcdefgh"


@on_uvloop
async def test_application_that_is_slow_to_read_does_not_cost_the_client_its_body():
    async def app(scope, receive, send) -> None:
        await asyncio.sleep(1)
        await json_response(send, 200, b"%d" % len(await read_body(scope, receive, 1_000_000)))

    async with serving(app, body_timeout_s=0.3) as served:
        assert (await served.ask(post("/", b"x" * 900_000))).body == b"900000"


@on_uvloop
async def test_client_that_does_not_read_its_answer_is_cut_off():
    async with (
        serving(Echo(), write_timeout_s=0.5) as served,
        served.peer(receive_buffer=4096) as peer,
    ):
        peer.write(get("/big"))
        await served.until_connections(1)
        await served.until_connections(0)


@on_uvloop
async def test_client_that_reads_slowly_but_steadily_gets_its_answer():
    async with serving(Echo(), write_timeout_s=0.5) as served, served.peer(receive_buffer=65536) as peer:
        peer.write(get("/big"))
        received = 0
        while received < 20_000_000:
            piece = await asyncio.wait_for(peer.reader.read(400_000), 5)
            assert piece
            received += len(piece)
            await asyncio.sleep(0.01)


@on_uvloop
async def test_slow_but_steady_download_outlives_the_write_timeout_behind_a_close():
    async with serving(Echo(), write_timeout_s=0.5) as served, served.peer(receive_buffer=65536) as peer:
        peer.write(get("/big", "Connection: close"))
        received = b""
        started = now()
        while piece := await asyncio.wait_for(peer.reader.read(200_000), 5):
            received = received[-4:] + piece
            await asyncio.sleep(0.02)
        assert elapsed_since(started) > 1.5
        assert received.endswith(b"xxxx")
        assert served.server.connections == 0


@on_uvloop
async def test_refusal_arrives_although_the_client_keeps_sending():
    async with serving(Echo()) as served, served.peer() as peer:
        peer.write(b"GET / HTTP/1.1\r\nHost : t\r\n\r\n")
        for _ in range(50):
            peer.write(b"y" * 50_000)
            await peer.writer.drain()
            await asyncio.sleep(0.005)
        assert (await peer.response()).status == 400


@on_uvloop
async def test_client_that_leaves_little_unread_does_not_outlive_the_close():
    """What is unsent stays below the high-water mark, so only the closing deadline can end the connection."""

    async def app(scope, receive, send) -> None:
        await json_response(send, 200, b"y" * 60_000)

    async with (
        serving(app, keep_alive_s=0.2, write_timeout_s=0.5, send_buffer=2048) as served,
        served.peer(receive_buffer=2048) as peer,
    ):
        peer.writer.transport.pause_reading()
        peer.write(get("/"))
        await served.until_connections(1)
        await served.until_connections(0)


def posted(*headers: str, body: str = "0\r\n\r\n", version: str = "1.1") -> bytes:
    return "\r\n".join([f"POST / HTTP/{version}", "Host: t", *headers, "", body]).encode()


AMBIGUOUS = {
    "length and coding": posted("Content-Length: 4", "Transfer-Encoding: chunked"),
    "coding and length": posted("Transfer-Encoding: chunked", "Content-Length: 4"),
    "two lengths": posted("Content-Length: 5", "Content-Length: 5"),
    "list of lengths": posted("Content-Length: 5, 5"),
    "signed length": posted("Content-Length: +5"),
    "huge length": posted("Content-Length: 99999999999999999999999"),
    "chunked, identity": posted("Transfer-Encoding: chunked, identity"),
    "identity": posted("Transfer-Encoding: identity"),
    "gzip, chunked": posted("Transfer-Encoding: gzip, chunked"),
    "odd coding": posted("Transfer-Encoding: xchunked"),
    "two codings": posted("Transfer-Encoding: chunked", "Transfer-Encoding: x"),
    "coding on 1.0": posted("Transfer-Encoding: chunked", version="1.0"),
    "space before colon": posted("Content-Length : 5"),
    "bare LF": b"GET / HTTP/1.1\r\nHost: t\nX: y\r\n\r\n",
    "bare LF at the end": b"GET / HTTP/1.1\r\nHost: t\r\n\n",
    "bare CR": b"GET / HTTP/1.1\r\nHost: t\rX: y\r\n\r\n",
    "folded header": b"GET / HTTP/1.1\r\nHost: t\r\nX: a\r\n b\r\n\r\n",
    "NUL in a value": b"GET / HTTP/1.1\r\nHost: t\r\nX: a\x00b\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: t\r\nHost: u\r\n\r\n",
    "HTTP/0.9": b"GET /\r\n\r\n",
    "HTTP/2.0": b"GET / HTTP/2.0\r\nHost: t\r\n\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "CONNECT": b"CONNECT t:80 HTTP/1.1\r\nHost: t\r\n\r\n",
    "bytes in the path": b"GET /\xc3\xa9 HTTP/1.1\r\nHost: t\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
}


@pytest.mark.parametrize("request_bytes", AMBIGUOUS.values(), ids=AMBIGUOUS.keys())
@on_uvloop
async def test_ambiguous_request_is_refused_and_never_served(request_bytes: bytes):
    echo = Echo()
    async with serving(echo) as served, served.peer() as peer:
        peer.write(request_bytes + get("/smuggled"))
        response = await peer.response()
        assert (response.status, response.headers["connection"]) == (400, "close")
        assert await peer.rest() == b""
        assert (await served.ask(get("/"))).status == 200
    assert echo.requests == 1


BAD_BODIES = {
    "size with a sign": b"0x3\r\nabc\r\n0\r\n\r\n",
    "size with a space": b"3 \r\nabc\r\n0\r\n\r\n",
    "bare LF after the size": b"3\nabc\r\n0\r\n\r\n",
    "no line end after the chunk": b"3\r\nabcX\r\n0\r\n\r\n",
    "size beyond 64 bits": b"fffffffffffffffff\r\nabc\r\n0\r\n\r\n",
    "length in a trailer": b"3\r\nabc\r\n0\r\nContent-Length: 5\r\n\r\n",
    "flood of trailers": b"0\r\n" + b"X: y\r\n" * 20_000,
    "endless trailer": b"0\r\nX: " + b"y" * 200_000,
    "endless extension": b"3;" + b"y" * 200_000,
}


@pytest.mark.parametrize("body", BAD_BODIES.values(), ids=BAD_BODIES.keys())
@on_uvloop
async def test_bad_chunked_body_is_refused(body: bytes):
    echo = Echo()
    async with serving(echo, header_bytes_max=65536) as served, served.peer() as peer:
        peer.write(CHUNKED_POST)
        await asyncio.sleep(0.05)
        peer.write(body)
        with contextlib.suppress(ConnectionError):
            assert (await peer.response()).status == 400
            assert await peer.rest() == b""
        await asyncio.wait_for(echo.gone.wait(), 2)


@on_uvloop
async def test_one_byte_chunks_are_not_an_attack():
    async with serving(Echo(), header_bytes_max=4096) as served:
        response = await served.ask(CHUNKED_POST + chunk(b"x") * 20_000 + b"0\r\n\r\n")
        assert response.body == b"x" * 20_000


LARGE_HEADS = {
    "one long value": b"GET / HTTP/1.1\r\nHost: t\r\nX: " + b"y" * 70_000,
    "many headers": b"GET / HTTP/1.1\r\nHost: t\r\n" + b"X: y\r\n" * 12_000,
    "long path": b"GET /" + b"y" * 70_000 + b" HTTP/1.1\r\nHost: t\r\n",
    "long name": b"GET / HTTP/1.1\r\nHost: t\r\n" + b"X" * 70_000 + b": y\r\n",
}


@pytest.mark.parametrize("head", LARGE_HEADS.values(), ids=LARGE_HEADS.keys())
@pytest.mark.parametrize("end", [b"", b"\r\n\r\n"], ids=["unfinished", "finished"])
@pytest.mark.parametrize("piece", [1000, 1_000_000])
@on_uvloop
async def test_head_over_the_limit_is_refused(head: bytes, end: bytes, piece: int):
    echo = Echo()
    whole = head + end
    async with (
        serving(echo, header_bytes_max=60_000, header_timeout_s=0.5) as served,
        served.peer() as peer,
    ):
        for at in range(0, len(whole), piece):
            peer.write(whole[at : at + piece])
            await peer.writer.drain()
            await asyncio.sleep(0)
        # An unfinished head that came in one read is found out by the clock, as nothing more follows it.
        assert (await peer.response()).status in ({431} if end or piece == 1000 else {431, 408})
        assert await peer.rest() == b""
    assert echo.requests == 0


@on_uvloop
async def test_large_body_behind_a_small_head_is_no_large_head():
    async with serving(Echo(), header_bytes_max=1000) as served, served.peer() as peer:
        for _ in range(3):
            assert (await peer.ask(post("/", b"z" * 200_000))).body == b"z" * 200_000
        peer.write(post("/", b"z" * 100_000) + get("/next"))
        assert [(await peer.response()).status for _ in range(2)] == [200, 200]


@on_uvloop
async def test_connections_per_address_are_bounded():
    async with serving(Echo(), connections_per_address_max=3) as served, contextlib.AsyncExitStack() as stack:
        peers = [await stack.enter_async_context(served.peer()) for _ in range(3)]
        for peer in peers:
            assert (await peer.ask(get("/"))).status == 200
        async with served.peer() as extra:
            assert (await extra.response()).status == 503
            assert await extra.rest() == b""
        assert (await peers[0].ask(get("/"))).status == 200
        peers[0].writer.close()
        await served.until_connections(2)
        assert (await served.ask(get("/"))).status == 200


@on_uvloop
async def test_trusted_proxies_are_exempt_from_the_bound_per_address():
    async with (
        serving(Echo(), trusted=("127.0.0.1",), connections_per_address_max=1) as served,
        served.peer(),
        served.peer() as second,
    ):
        assert (await second.ask(get("/"))).status == 200


@on_uvloop
async def test_many_idle_connections_do_not_stop_service():
    async with (
        serving(Echo(), connections_per_address_max=1000, header_timeout_s=1.0) as served,
        contextlib.AsyncExitStack() as stack,
    ):
        for _ in range(300):
            await stack.enter_async_context(served.peer())
        started = now()
        assert (await served.ask(get("/"))).status == 200
        assert elapsed_since(started) < 1
        await served.until_connections(0)


@on_uvloop
async def test_deep_pipeline_is_bounded():
    echo = Echo()
    async with serving(echo) as served, served.peer() as peer:
        peer.write(get("/") * 3000)
        answers = await peer.rest()
        assert 1 <= echo.requests < 200
        assert answers.count(b"HTTP/1.1 200") == echo.requests


@on_uvloop
async def test_closed_connections_leave_nothing_behind():
    async with serving(Echo()) as served:
        for _ in range(20):
            await served.ask(get("/"))
        await served.until_connections(0)
        gc.collect()
        assert not [thing for thing in gc.get_objects() if isinstance(thing, HttpToolsProtocol)]
