"""The whole HTTP stack over real sockets: answers, keep-alive, bodies, timeouts, draining."""

import asyncio
import json
import os
import socket
import subprocess
import sys

import pytest
from tests.process.serving import CHUNKED_POST, chunk, get, on_uvloop, post, serving

from lamina.kernel.errors import AlreadyRunning, ConfigurationError, LaminaError
from lamina.kernel.web.body import ClientGone, read_body
from lamina.kernel.web.middleware import HttpMiddleware
from lamina.kernel.web.peer import TrustedProxies
from lamina.kernel.web.respond import Reply, json_response
from lamina.kernel.web.routing import Router
from lamina.kernel.web.server import bind

BODY_BYTES_MAX = 100_000


class Teapot(LaminaError):
    """Short and stout."""

    http_status = 418


class Site:
    """A small service and what it saw."""

    def __init__(self, **middleware: object) -> None:
        self.seen: list[str] = []
        self.gone = asyncio.Event()
        self.entered = asyncio.Event()
        self.release = asyncio.Event()
        self.responses: list[tuple] = []
        router = Router(
            not_found=Reply(404, b'{"message": "Not found", "status": 404}'),
            method_not_allowed=Reply(405, b'{"message": "no"}'),
        )
        router.add("/hello", {"GET": self.hello})
        router.add("/echo", {"POST": self.echo})
        router.add("/early", {"POST": self.early})
        router.add("/slow", {"GET": self.slow})
        router.add("/stream", {"GET": self.stream})
        router.add("/fail/{how}", {"GET": self.fail})
        router.add("/peer", {"GET": self.peer})
        options = {"request_timeout_s": 10.0, **middleware}
        self.app = HttpMiddleware(router, on_response=self.note, **options)

    def note(self, *response: object) -> None:
        self.responses.append(response)

    async def hello(self, scope, receive, send) -> None:
        self.seen.append(scope["path"])
        await json_response(send, 200, b'{"hello": true}')

    async def echo(self, scope, receive, send) -> None:
        try:
            body = await read_body(scope, receive, BODY_BYTES_MAX)
        except ClientGone:
            self.gone.set()
            raise
        self.seen.append(",".join(name.decode() for name, _ in scope["headers"]))
        await json_response(send, 200, body)

    async def early(self, scope, receive, send) -> None:
        await json_response(send, 200, b"{}")

    async def slow(self, scope, receive, send) -> None:
        self.entered.set()
        await self.release.wait()
        await json_response(send, 200, b'{"slow": true}')

    async def stream(self, scope, receive, send) -> None:
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]}
        )
        await self.release.wait()
        await send({"type": "http.response.body", "body": b"one", "more_body": True})
        await send({"type": "http.response.body", "body": b"two"})

    async def fail(self, scope, receive, send) -> None:
        how = scope["path_params"]["how"]
        if how == "known":
            raise Teapot
        if how == "late":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"part", "more_body": True})
        raise ValueError(how)

    async def peer(self, scope, receive, send) -> None:
        await json_response(send, 200, json.dumps(scope["client"]).encode())


@on_uvloop
async def test_keep_alive_answers_both_slash_forms_on_one_connection():
    site = Site()
    async with serving(site.app) as served, served.peer() as peer:
        for path in ("/hello", "/hello/", "/hello?x=1"):
            response = await peer.ask(get(path))
            assert (response.status, response.body) == (200, b'{"hello": true}')
            assert response.headers["content-type"] == "application/json"
            assert "server" not in response.headers
            assert response.headers["date"].endswith("GMT")
            assert response.headers["access-control-allow-origin"] == "*"
    assert site.seen == ["/hello", "/hello/", "/hello"]


@on_uvloop
async def test_works_on_the_plain_asyncio_loop_too():
    def scenario() -> None:
        asyncio.run(_hello())

    await asyncio.to_thread(scenario)


async def _hello() -> None:
    async with serving(Site().app) as served:
        assert (await served.ask(get("/hello"))).status == 200


@on_uvloop
async def test_head_has_gets_headers_and_no_body():
    async with serving(Site().app) as served, served.peer() as peer:
        head = await peer.ask(b"HEAD /hello HTTP/1.1\r\nHost: test\r\n\r\n")
        assert head.status == 200
        assert head.headers["content-length"] == "15"
        following = await peer.ask(get("/hello"))
        assert following.body == b'{"hello": true}'


@on_uvloop
async def test_head_has_no_body_even_if_the_application_sends_one():
    async with serving(Reply(200, b"{}")) as served, served.peer() as peer:
        head = await peer.ask(b"HEAD / HTTP/1.1\r\nHost: test\r\n\r\n")
        assert (head.status, head.headers["content-length"]) == (200, "2")
        assert (await peer.ask(get("/"))).body == b"{}"


@on_uvloop
async def test_options_wrong_method_and_unknown_path():
    async with serving(Site().app) as served, served.peer() as peer:
        options = await peer.ask(b"OPTIONS /echo/ HTTP/1.1\r\nHost: test\r\n\r\n")
        assert (options.status, options.body) == (200, b"")
        assert options.headers["allow"] == "OPTIONS, POST"
        assert options.headers["content-type"] == "text/html; charset=utf-8"
        refused = await peer.ask(b"DELETE /hello HTTP/1.1\r\nHost: test\r\n\r\n")
        assert (refused.status, refused.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
        unknown = await peer.ask(get("/nowhere", "Origin: https://a.example"))
        assert unknown.status == 404
        assert unknown.headers["access-control-allow-origin"] == "https://a.example"
        assert unknown.headers["vary"] == "Origin"


@on_uvloop
async def test_chunked_body_arrives_whole_and_its_trailers_do_not():
    site = Site()
    async with serving(site.app) as served, served.peer() as peer:
        peer.write(CHUNKED_POST + chunk(b"abc"))
        await asyncio.sleep(0.05)
        response = await peer.ask(chunk(b"def") + b"0\r\nX-Trailer: 1\r\n\r\n")
        assert response.body == b"abcdef"
        assert (await peer.ask(get("/hello"))).status == 200
    assert site.seen[0] == "host,transfer-encoding"


@on_uvloop
async def test_body_over_the_limit_by_content_length_is_refused_unread():
    async with serving(Site().app) as served, served.peer() as peer:
        response = await peer.ask(
            b"POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 100001\r\nExpect: 100-continue\r\n\r\n"
        )
        assert response.status == 413
        assert response.headers["connection"] == "close"
        assert await peer.rest() == b""


@on_uvloop
async def test_client_that_uploads_before_reading_still_gets_its_413():
    body = b"x" * 8_000_000
    async with serving(Site().app) as served, served.peer() as peer:
        peer.write(post("/echo", body))
        await peer.writer.drain()
        assert (await peer.response()).status == 413


@on_uvloop
async def test_chunked_body_over_the_limit_is_not_read_on():
    async with serving(Site().app) as served, served.peer() as peer:
        peer.write(CHUNKED_POST)
        sent = 0
        try:
            while sent < 200 * 2**20:
                peer.write(chunk(b"x" * 2**20))
                sent += 2**20
                await peer.writer.drain()
        except ConnectionError:
            pass
        assert sent < 64 * 2**20


@on_uvloop
async def test_413_for_a_chunked_body():
    async with serving(Site().app) as served, served.peer() as peer:
        response = await peer.ask(CHUNKED_POST + chunk(b"x" * 100_001))
        assert response.status == 413


@on_uvloop
async def test_connection_ends_when_a_body_is_left_unread():
    async with serving(Site().app) as served, served.peer() as peer:
        response = await peer.ask(b"POST /early HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nab")
        assert response.status == 200
        assert response.headers["connection"] == "close"
        peer.write(b"cde" + get("/hello"))
        assert await peer.rest() == b""


@on_uvloop
async def test_expect_100_continue():
    async with serving(Site().app) as served, served.peer() as peer:
        peer.write(b"POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        assert await peer.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert (await peer.ask(b"{}")).body == b"{}"


@on_uvloop
async def test_nobody_is_asked_to_continue_after_the_answer():
    async def app(scope, receive, send) -> None:
        await json_response(send, 200, b"{}")
        await receive()

    async with serving(app) as served, served.peer() as peer:
        assert (await peer.ask(post("/", b"[]", "Expect: 100-continue"))).status == 200
        assert (await peer.ask(get("/"))).status == 200


@on_uvloop
async def test_pipelined_requests_are_answered_in_order():
    site = Site()
    async with serving(site.app) as served, served.peer() as peer:
        peer.write(get("/slow") + get("/hello") + post("/echo", b"[]"))
        await site.entered.wait()
        site.release.set()
        assert [(await peer.response()).body for _ in range(3)] == [
            b'{"slow": true}',
            b'{"hello": true}',
            b"[]",
        ]


@on_uvloop
async def test_garbage_after_a_good_request_is_refused_after_its_answer():
    site = Site()
    async with serving(site.app) as served, served.peer() as peer:
        peer.write(get("/slow") + get("/hello") + b"\x16\x03\x01 not http\r\n\r\n")
        await site.entered.wait()
        site.release.set()
        assert [(await peer.response()).status for _ in range(3)] == [200, 200, 400]
        assert await peer.rest() == b""


@on_uvloop
async def test_broken_body_behind_an_unanswered_request_is_refused_and_never_served():
    site = Site()
    async with serving(site.app) as served, served.peer() as peer:
        peer.write(get("/slow") + CHUNKED_POST + b"0x3\r\nabc\r\n")
        await site.entered.wait()
        site.release.set()
        assert [(await peer.response()).status for _ in range(2)] == [200, 400]
        assert await peer.rest() == b""
    assert [response[1] for response in site.responses] == ["/slow"]


@on_uvloop
async def test_http_1_0_is_answered_and_closed():
    async with serving(Site().app) as served, served.peer() as peer:
        response = await peer.ask(b"GET /hello HTTP/1.0\r\n\r\n")
        assert (response.status, response.headers["connection"]) == (200, "close")
        assert await peer.rest() == b""


@on_uvloop
async def test_head_of_a_stream_does_not_wait_for_its_body():
    site = Site(request_timeout_s=0.2)
    async with serving(site.app) as served, served.peer() as peer:
        peer.write(get("/stream"))
        head = await asyncio.wait_for(peer.reader.readuntil(b"\r\n\r\n"), 5)
        assert b"transfer-encoding: chunked" in head
        await asyncio.sleep(0.5)
        site.release.set()
        assert await peer.reader.readexactly(21) == b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"


@on_uvloop
async def test_failures_become_answers_and_the_connection_survives():
    site = Site()
    async with serving(site.app) as served, served.peer() as peer:
        broken = await peer.ask(get("/fail/now", "X-Request-ID: abc-1"))
        assert (broken.status, json.loads(broken.body)) == (500, {"message": "Internal Server Error"})
        assert broken.headers["x-request-id"] == "abc-1"
        known = await peer.ask(get("/fail/known"))
        assert (known.status, json.loads(known.body)["message"]) == (418, "Short and stout.")
    assert [response[:4] for response in site.responses] == [
        ("GET", "/fail/now", "", 500),
        ("GET", "/fail/known", "", 418),
    ]


@on_uvloop
async def test_failure_after_the_first_byte_cuts_the_answer():
    incomplete = ("ASGI callable returned without completing response.",)
    async with serving(Site().app, expected_complaints=incomplete) as served, served.peer() as peer:
        peer.write(get("/fail/late"))
        answer = await peer.rest()
        assert answer.endswith(b"4\r\npart\r\n")


@on_uvloop
async def test_header_value_cannot_become_a_second_header():
    async def app(scope, receive, send) -> None:
        await json_response(send, 200, b"{}", [(b"location", b"/a\r\nset-cookie: b=c")])

    failed = "Exception in ASGI application\n"
    async with serving(app, expected_complaints=(failed,)) as served, served.peer() as peer:
        peer.write(get("/"))
        assert await peer.rest() == b""


@on_uvloop
async def test_request_that_takes_too_long_is_answered_503():
    site = Site(request_timeout_s=0.2)
    async with serving(site.app) as served, served.peer() as peer:
        response = await peer.ask(get("/slow"))
        assert (response.status, response.headers["retry-after"]) == (503, "1")
        assert (await peer.ask(get("/hello"))).status == 200


@on_uvloop
async def test_forwarded_address_is_believed_from_a_trusted_proxy_only():
    async with serving(Site(proxies=TrustedProxies(["127.0.0.0/8"])).app) as served:
        response = await served.ask(
            get("/peer", "X-Forwarded-For: 6.6.6.6, 203.0.113.7", "X-Real-IP: 1.1.1.1")
        )
        assert json.loads(response.body)[0] == "203.0.113.7"
    async with serving(Site().app) as served:
        response = await served.ask(get("/peer", "X-Forwarded-For: 203.0.113.7"))
        assert json.loads(response.body)[0] == "127.0.0.1"


@on_uvloop
async def test_drain_answers_every_request_in_flight():
    site = Site()
    async with serving(site.app) as served:
        peers = [served.peer() for _ in range(50)]
        opened = [await peer.__aenter__() for peer in peers]
        for peer in opened:
            peer.write(get("/slow"))
        async with asyncio.timeout(5):
            await site.entered.wait()
            await served.until_connections(50)
            await asyncio.sleep(0.1)
        draining = asyncio.create_task(served.server.drain(5))
        await asyncio.sleep(0.1)
        with pytest.raises(ConnectionRefusedError):
            await served.ask(get("/hello"))
        site.release.set()
        responses = [await peer.response() for peer in opened]
        assert {(r.status, r.headers["connection"]) for r in responses} == {(200, "close")}
        assert await asyncio.wait_for(draining, 5) == 0
        for peer in peers:
            await peer.__aexit__(None, None, None)


@on_uvloop
async def test_drain_under_load_answers_every_request_it_took():
    site = Site()
    answered: list[int] = []
    partial: list[bytes] = []

    async def client(served) -> None:
        async with served.peer() as peer:
            while True:
                peer.write(get("/hello"))
                try:
                    answered.append((await peer.response()).status)
                except (asyncio.IncompleteReadError, ConnectionError) as error:
                    partial.append(getattr(error, "partial", b""))
                    return

    async with serving(site.app) as served:
        clients = [asyncio.create_task(client(served)) for _ in range(20)]
        await asyncio.sleep(0.3)
        await served.server.drain(5)
        await asyncio.wait_for(asyncio.gather(*clients), 5)
    assert len(answered) == len(site.seen) > 100
    assert set(answered) == {200}
    # Nothing at all on a reused connection is what a client may retry; a part of an answer is not.
    assert set(partial) <= {b""}


@on_uvloop
async def test_request_half_sent_when_draining_starts_is_still_answered():
    async with serving(Site().app) as served, served.peer() as peer:
        request = get("/hello")
        peer.write(request[:20])
        await asyncio.sleep(0.1)
        draining = asyncio.create_task(served.server.drain(5))
        await asyncio.sleep(0.1)
        response = await peer.ask(request[20:])
        assert (response.status, response.headers["connection"]) == (200, "close")
        assert await draining == 0


@on_uvloop
async def test_request_that_arrived_just_before_draining_is_answered():
    """Its bytes are in the kernel, the event loop has not seen them, and the connection looks idle."""
    async with serving(Site().app) as served:
        with socket.create_connection(("127.0.0.1", served.port)) as client:
            await served.until_connections(1)
            client.sendall(get("/hello"))
            assert await served.server.drain(5) == 0
            answer = client.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"connection: close" in answer


@on_uvloop
async def test_drain_closes_idle_connections_at_once_and_cuts_off_what_never_ends():
    site = Site()
    async with serving(site.app) as served, served.peer() as idle, served.peer() as stuck:
        await idle.ask(get("/hello"))
        stuck.write(get("/slow"))
        await site.entered.wait()
        started = asyncio.get_running_loop().time()
        draining = asyncio.create_task(served.server.drain(2))
        assert await idle.rest() == b""
        assert asyncio.get_running_loop().time() - started < 1.5
        assert await asyncio.wait_for(draining, 5) == 1
        assert served.server.connections == 0


def test_bind_names_the_owner_of_a_taken_port():
    with bind("localhost", 0) as sock:
        host, port = sock.getsockname()
        assert host == "127.0.0.1"
        assert not sock.get_inheritable()
        with pytest.raises(AlreadyRunning) as caught:
            bind("127.0.0.1", port)
        assert str(port) in caught.value.detail
        assert f"process {os.getpid()}" in caught.value.detail
        assert "--port-offset" in caught.value.hint


def test_bind_refuses_an_address_that_is_not_here():
    with pytest.raises(ConfigurationError):
        bind("192.0.2.1", 0)
    with pytest.raises(ConfigurationError):
        bind("no-such-host.invalid", 0)


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6")
def test_bind_takes_an_ipv6_address():
    with bind("::1", 0) as sock:
        assert sock.family == socket.AF_INET6


CHILD = """
import asyncio, os, socket, sys
from lamina.kernel.settings.platform import HttpSettings
from lamina.kernel.web.limits import HttpLimits
from lamina.kernel.web.respond import Reply
from lamina.kernel.web.server import HttpServer

async def main():
    sock = socket.socket(fileno=int(sys.argv[1]))
    server = HttpServer([(Reply(200, b"%d" % os.getpid()), sock, HttpLimits.from_settings(HttpSettings()))])
    await server.start()
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await server.drain(1)

asyncio.run(main())
"""


def test_worker_processes_share_an_inherited_socket():
    with bind("127.0.0.1", 0) as sock:
        port = sock.getsockname()[1]
        command = [sys.executable, "-c", CHILD, str(sock.fileno())]
        workers = [
            subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=[sock.fileno()], text=True
            )
            for _ in range(2)
        ]
        try:
            for worker in workers:
                assert worker.stdout.readline() == "ready\n"
            first = _ask_pid(port)
            survivor = next(worker for worker in workers if worker.pid != first)
            ended = next(worker for worker in workers if worker.pid == first)
            ended.communicate(timeout=10)
            assert {_ask_pid(port) for _ in range(5)} == {survivor.pid}
        finally:
            for worker in workers:
                if worker.poll() is None:
                    worker.communicate(timeout=10)


def _ask_pid(port: int) -> int:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(b"GET / HTTP/1.0\r\n\r\n")
        return int(client.makefile("rb").read().rpartition(b"\r\n\r\n")[2])
