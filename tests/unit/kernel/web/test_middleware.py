"""What the middleware adds to every exchange, without a server."""

import asyncio
import json

import pytest
import structlog
from structlog.testing import capture_logs

from lamina.kernel.errors import LaminaError, Overloaded
from lamina.kernel.web.body import BodyTooLarge, ClientGone
from lamina.kernel.web.middleware import HttpMiddleware
from lamina.kernel.web.peer import TrustedProxies
from lamina.kernel.web.respond import Reply, json_response

OK = Reply(200, b"{}")


def scope_of(*headers: tuple[bytes, bytes], kind: str = "http", **fields: object) -> dict:
    scope = {
        "type": kind,
        "path": "/a b",
        "raw_path": b"/a%20b",
        "query_string": b"q=1",
        "headers": list(headers),
    }
    scope["client"] = ("192.0.2.1", 5000)
    return {**scope, "method": "GET", **fields} if kind == "http" else scope


async def run(middleware: HttpMiddleware, scope: dict, send=None) -> list[dict]:
    messages: list[dict] = []

    async def keep(message: dict) -> None:
        messages.append(message)

    await middleware(scope, None, send or keep)
    return messages


async def headers_of(middleware: HttpMiddleware, scope: dict) -> dict[bytes, bytes]:
    return dict((await run(middleware, scope))[0]["headers"])


def wrap(app, **options: object) -> HttpMiddleware:
    return HttpMiddleware(app, **{"request_timeout_s": 5.0, **options})


def raising(error: BaseException):
    async def app(scope, receive, send) -> None:
        raise error

    return app


@pytest.mark.parametrize("asked", [b"abc", b"A-1_2.3", b"x" * 64])
async def test_sane_request_id_is_kept(asked: bytes):
    assert (await headers_of(wrap(OK), scope_of((b"x-request-id", asked))))[b"x-request-id"] == asked


@pytest.mark.parametrize("asked", [b"", b"a b", b"x" * 65, b'"><script>', b"\xff", b"a\n"])
async def test_odd_request_id_is_replaced(asked: bytes):
    given = (await headers_of(wrap(OK), scope_of((b"x-request-id", asked))))[b"x-request-id"]
    assert given != asked
    assert 5 < len(given) < 30


async def test_generated_ids_differ():
    middleware = wrap(OK)
    ids = {(await headers_of(middleware, scope_of()))[b"x-request-id"] for _ in range(100)}
    assert len(ids) == 100


async def test_log_lines_of_a_request_carry_its_id():
    seen: dict[str, object] = {}

    async def app(scope, receive, send) -> None:
        seen.update(structlog.contextvars.get_contextvars())
        await OK(scope, receive, send)

    await asyncio.create_task(run(wrap(app), scope_of((b"x-request-id", b"id-7"))))
    assert seen == {"request_id": "id-7"}
    assert structlog.contextvars.get_contextvars() == {}


async def test_cors_headers():
    plain = await headers_of(wrap(OK), scope_of())
    assert plain[b"access-control-allow-origin"] == b"*"
    assert b"vary" not in plain
    named = await headers_of(wrap(OK), scope_of((b"origin", b"https://a.example")))
    assert named[b"access-control-allow-origin"] == b"https://a.example"
    assert named[b"vary"] == b"Origin"
    assert b"access-control-allow-credentials" not in named
    off = await headers_of(wrap(OK, cors=False), scope_of((b"origin", b"https://a.example")))
    assert b"access-control-allow-origin" not in off


async def test_shared_header_lists_do_not_grow():
    middleware = wrap(OK)
    before = list(OK.headers)
    for _ in range(3):
        await run(middleware, scope_of())
    assert OK.headers == before


async def test_unknown_error_is_logged_and_hidden():
    with capture_logs() as lines:
        start, body = await run(
            wrap(raising(ValueError("secret detail"))), scope_of((b"origin", b"https://o"))
        )
    assert (start["status"], json.loads(body["body"])) == (500, {"message": "Internal Server Error"})
    assert dict(start["headers"])[b"access-control-allow-origin"] == b"https://o"
    assert lines[0]["log_level"] == "error"
    assert isinstance(lines[0]["exc_info"], ValueError)
    assert lines[0]["path"] == "/a%20b"


async def test_known_error_is_rendered_by_the_service():
    class Odd(LaminaError):
        """Odd."""

        http_status = 409

    def render(error: LaminaError):
        return error.http_status, b"odd:" + error.detail.encode(), [(b"content-language", b"en")]

    with capture_logs() as lines:
        start, body = await run(wrap(raising(Odd()), render_error=render), scope_of())
    assert (start["status"], body["body"]) == (409, b"odd:Odd.")
    assert dict(start["headers"])[b"content-language"] == b"en"
    assert lines == []


@pytest.mark.parametrize(
    ("error", "header"),
    [(Overloaded("full"), (b"retry-after", b"1")), (BodyTooLarge(), (b"connection", b"close"))],
)
async def test_some_statuses_bring_a_header(error: LaminaError, header: tuple[bytes, bytes]):
    start, body = await run(wrap(raising(error)), scope_of())
    assert start["status"] == error.http_status
    assert header in start["headers"]
    assert json.loads(body["body"]) == {"message": error.detail, "status": error.http_status}


async def test_late_answer_is_a_503():
    async def app(scope, receive, send) -> None:
        await asyncio.sleep(5)

    start, body = await run(wrap(app, request_timeout_s=0.1), scope_of())
    assert start["status"] == 503
    assert (b"retry-after", b"1") in start["headers"]
    assert json.loads(body["body"])["status"] == 503


async def test_own_timeout_of_the_application_is_its_own_failure():
    start, _ = await run(wrap(raising(TimeoutError())), scope_of())
    assert start["status"] == 500


async def test_cancellation_from_outside_passes():
    async def app(scope, receive, send) -> None:
        await asyncio.sleep(5)

    task = asyncio.create_task(run(wrap(app), scope_of()))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_hooks_see_the_exchange():
    responses: list[tuple] = []
    measures: list[tuple] = []

    async def app(scope, receive, send) -> None:
        scope["lamina.route"] = "/{x}"
        await json_response(send, 201, b"12345")

    middleware = wrap(
        app,
        proxies=TrustedProxies(["192.0.2.1"]),
        on_response=lambda *fields: responses.append(fields),
        on_measure=lambda *fields: measures.append(fields),
    )
    await run(middleware, scope_of((b"x-request-id", b"i"), (b"x-forwarded-for", b"203.0.113.5")))
    ((method, path, query, status, size, duration_s, request_id, peer),) = responses
    assert (method, path, query, status, size) == ("GET", "/a%20b", "q=1", 201, 5)
    assert (request_id, peer) == ("i", "203.0.113.5")
    assert 0 < duration_s < 5
    assert [fields[:4] for fields in measures] == [("GET", "/{x}", 201, 5)]


@pytest.mark.parametrize(("error", "status"), [(ClientGone(), 499), (ValueError(), 500), (Overloaded(), 503)])
async def test_hooks_see_failures(error: Exception, status: int):
    seen: list[tuple] = []
    middleware = wrap(raising(error), on_measure=lambda *fields: seen.append(fields))
    await run(middleware, scope_of())
    assert [fields[1:3] for fields in seen] == [("unrouted", status)]


async def test_forged_forwarding_header_is_ignored():
    peers: list[str] = []
    middleware = wrap(OK, on_response=lambda *fields: peers.append(fields[-1]))
    await run(middleware, scope_of((b"x-forwarded-for", b"203.0.113.5")))
    await run(middleware, scope_of((b"x-forwarded-for", b"203.0.113.5"), client=None))
    assert peers == ["192.0.2.1", ""]


async def test_websocket_whose_peer_left_is_no_failure():
    async def app(scope, receive, send) -> None:
        await send({"type": "websocket.accept"})

    async def send(message: dict) -> None:
        raise BrokenPipeError

    with capture_logs() as lines:
        await run(wrap(app), scope_of(kind="websocket"), send)
    assert lines == []


async def test_failure_after_the_peer_left_is_logged_and_ends_there():
    async def app(scope, receive, send) -> None:
        await send({"type": "websocket.accept"})
        raise ValueError("late")

    async def send(message: dict) -> None:
        if message["type"] == "websocket.close":
            raise BrokenPipeError

    with capture_logs() as lines:
        await run(wrap(app), scope_of(kind="websocket"), send)
    assert [line["event"] for line in lines] == ["request failed"]


async def test_websocket_is_reported_when_it_ends_and_not_measured():
    responses: list[tuple] = []
    measures: list[tuple] = []

    async def app(scope, receive, send) -> None:
        await send({"type": "websocket.accept"})

    hooks = {
        "on_response": lambda *fields: responses.append(fields),
        "on_measure": lambda *fields: measures.append(fields),
    }
    await run(wrap(app, **hooks), scope_of(kind="websocket"))
    assert [fields[:4] for fields in responses] == [("GET", "/a%20b", "q=1", 101)]
    assert measures == []
    await run(wrap(Reply(503, b"full"), **hooks), scope_of(kind="websocket"))
    assert [fields[2] for fields in measures] == [503]
