"""spec/telemetry.md 3.1 to 3.4: who may connect, which frames are taken, and how a connection ends."""

import asyncio
import base64
import hashlib
import itertools
import socket
import struct
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import asyncpg
import pytest
from tests.postgres_server import in_thread
from tests.telemetry_messages import Node
from tests.telemetry_service import Telemetry, connected, database_dsn, packed, telemetry_running, wait_until
from tests.websocket_frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Refused,
    WebSocket,
    frame,
    handshake,
    head,
)

T = TypeVar("T")
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
FORMS = ("/", "//", "/audit", "/audit/", "//audit//", "/submit", "/submit/", "/telemetry", "/telemetry/", "/telemetry/audit",
         "//telemetry//submit//", "/?a=b", "/audit?x")  # fmt: skip
_peers = (f"handshake {time.time_ns()} {number}" for number in itertools.count())


def rows(telemetry: Telemetry) -> int:
    """How many connections were recorded ever."""
    return telemetry.query("SELECT count(*) AS count FROM peer_connections")[0]["count"]


# --- the handshake ---


@pytest.mark.parametrize("path", FORMS)
def test_every_form_of_a_path(telemetry: Telemetry, path: str) -> None:
    peer = next(_peers)
    with telemetry.node(path) as node:
        node.say(packed(connected(peer)))
        telemetry.wait_stored(peer, 1)
        assert telemetry.nodes()[peer]["audit"] is ("audit" in path)


def test_the_answer_is_the_standard_one_and_chooses_nothing(telemetry: Telemetry) -> None:
    key = base64.b64encode(b"0123456789abcdef").decode()
    with telemetry.node(
        "/",
        f"Sec-WebSocket-Key: {key}",
        "Origin: https://evil.example",
        "Connection: keep-alive, uPGRADE",
        "Upgrade: WebSocket",
        "Sec-WebSocket-Protocol: chat, superchat",
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
    ) as node:
        assert node.headers["upgrade"].lower() == "websocket"
        assert node.headers["connection"].lower() == "upgrade"
        expected = base64.b64encode(hashlib.sha1(key.encode() + GUID).digest()).decode()
        assert node.headers["sec-websocket-accept"] == expected
        assert "sec-websocket-protocol" not in node.headers
        assert "sec-websocket-extensions" not in node.headers
        node.echo()


REFUSED = {
    "no upgrade": (handshake(leave_out=["Upgrade"]), {400}),
    "another upgrade": (handshake("/", "Upgrade: h2c"), {400, 426}),
    "no connection": (handshake(leave_out=["Connection"]), {400}),
    "connection without upgrade": (handshake("/", "Connection: keep-alive"), {400}),
    "no version": (handshake(leave_out=["Sec-WebSocket-Version"]), {400, 426}),
    "version 12": (handshake("/", "Sec-WebSocket-Version: 12"), {400, 426}),
    "version 99": (handshake("/", "Sec-WebSocket-Version: 99"), {400, 426}),
    "no key": (handshake(leave_out=["Sec-WebSocket-Key"]), {400}),
    "short key": (handshake("/", "Sec-WebSocket-Key: c2hvcnQ="), {400}),
    "key that is no base64": (handshake("/", "Sec-WebSocket-Key: !!!"), {400}),
    "POST": (handshake(method="POST"), {400, 404, 405}),
    "POST to audit": (handshake("/audit", method="POST"), {400, 404, 405}),
    "PUT to submit": (handshake("/submit", method="PUT"), {400, 404, 405}),
    "unknown path": (handshake("/nowhere"), {404}),
    "a path of the API": (handshake("/nodes"), {400, 404, 426}),
    "plain GET": (handshake("/audit", leave_out=["Upgrade", "Connection"]), {400}),
}


@pytest.mark.parametrize(("request_", "statuses"), REFUSED.values(), ids=REFUSED)
def test_bad_handshakes_are_refused_and_not_recorded(
    telemetry: Telemetry, request_: bytes, statuses: set[int]
) -> None:
    before = rows(telemetry)
    with pytest.raises(Refused) as refused:
        telemetry.node(request=request_)
    assert refused.value.status in statuses
    if refused.value.status == 426:
        assert refused.value.headers["sec-websocket-version"] == "13"
    assert b"<" not in refused.value.body
    assert len(refused.value.body) < 300
    assert rows(telemetry) == before


def test_a_browser_is_shown_the_page(telemetry: Telemetry) -> None:
    answer = telemetry.http.get("/", headers={"Accept": "text/html,*/*"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/dashboard/live")
    plain = telemetry.http.get("/", headers={"Accept": "*/*"})
    assert (plain.status_code, plain.headers["content-type"]) == (400, "text/plain; charset=utf-8")


def test_an_impatient_node_loses_nothing(telemetry: Telemetry) -> None:
    """One that sends before it is accepted, which it may not."""
    peer = next(_peers)
    node = socket.create_connection(("127.0.0.1", telemetry.platform.telemetry_port))
    in_thread(locked_meanwhile(telemetry, lambda: node.sendall(handshake()), lambda: node.sendall(
        b"".join(frame(BINARY, packed(connected(peer))) for _ in range(3)))))  # fmt: skip
    telemetry.wait_stored(peer, 3)
    node.close()


# --- where from ---


@pytest.fixture(scope="module")
def guarded(postgres: str) -> Iterator[Telemetry]:
    with telemetry_running(
        postgres, trust_forwarded="127.0.0.0/8", allowed_cidrs="203.0.113.0/24,2001:db8::/32", connections_max=4,
        heartbeat_interval_s=1, client_timeout_s=2,
    ) as running:  # fmt: skip
        yield running


@pytest.mark.parametrize(
    ("headers", "address"),
    [
        (["X-Forwarded-For: 203.0.113.7"], "203.0.113.7"),
        (["X-Real-IP: 203.0.113.8"], "203.0.113.8"),
        (['Forwarded: for="[2001:db8::1]"'], "[2001:db8::1]"),
        (["X-Forwarded-For: 198.51.100.7, 203.0.113.9"], "198.51.100.7"),
    ],
)
def test_nodes_of_allowed_networks(guarded: Telemetry, headers: list[str], address: str) -> None:
    peer = next(_peers)
    with guarded.node("/", *headers) as node:
        node.say(packed(connected(peer)))
        guarded.wait_stored(peer, 1)
        node.close()
    assert guarded.nodes()[peer]["ip_addr"] == address


@pytest.mark.parametrize("path", ["/", "/audit", "/submit"])
@pytest.mark.parametrize(
    "headers",
    [
        [],
        ["X-Forwarded-For: 198.51.100.7"],
        ["X-Forwarded-For: nonsense"],
        ["X-Forwarded-For: 203.0.113.7, 198.51.100.7"],
    ],
)
def test_nodes_of_other_networks(guarded: Telemetry, path: str, headers: list[str]) -> None:
    before = rows(guarded)
    with pytest.raises(Refused) as refused:
        guarded.node(path, *headers)
    assert refused.value.status == 403
    assert refused.value.body
    assert rows(guarded) == before
    assert guarded.http.get("/nodes").status_code == 200


def allowed(telemetry: Telemetry) -> WebSocket:
    return telemetry.node("/", "X-Forwarded-For: 203.0.113.7")


def test_the_limit_of_connections_holds_for_a_herd(guarded: Telemetry) -> None:
    wait_until(lambda: guarded.metrics()["current_tetcore_connections"] == 0)
    opened = []

    def open_one(_number: int) -> WebSocket | int:
        try:
            return allowed(guarded)
        except Refused as refused:
            return refused.status if "retry-after" in refused.headers else 0

    with ThreadPoolExecutor(12) as threads:
        opening = in_thread(
            locked_meanwhile(guarded, lambda: [threads.submit(open_one, each) for each in range(12)])
        )
        results = [each.result() for each in opening]
    opened = [each for each in results if isinstance(each, WebSocket)]
    try:
        assert len(opened) == 4
        assert results.count(503) == 8
    finally:
        for each in opened:
            each.close()
    wait_until(lambda: guarded.metrics()["current_tetcore_connections"] == 0)
    allowed(guarded).close()


async def locked_meanwhile(telemetry: Telemetry, act: Callable[[], T], then: Callable[[], object] = int) -> T:
    """Do something while no connection can be recorded, and more once it waits for that."""
    connection = await asyncpg.connect(database_dsn(telemetry.platform))
    try:
        async with connection.transaction():
            await connection.execute("LOCK TABLE telemetry.peer_connections IN ACCESS EXCLUSIVE MODE")
            begun = act()
            while not await connection.fetchval(
                "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'telemetry.peer_connections'::regclass"
            ):
                await asyncio.sleep(0.02)
            then()
            await asyncio.sleep(0.3)
        return begun
    finally:
        await connection.close()


# --- heartbeat ---


def test_pings_without_payload_and_silence_is_the_end(guarded: Telemetry) -> None:
    with allowed(guarded) as node:
        started = time.monotonic()
        pings = 0
        while True:
            opcode, payload = node.read_frame()
            if opcode == CLOSE:
                break
            assert (opcode, payload) == (PING, b"")
            pings += 1
        assert struct.unpack("!H", payload[:2])[0] == 1011
        assert node.is_ended()
        assert 2 <= time.monotonic() - started <= 6
        assert pings >= 1
    wait_until(lambda: guarded.metrics()["current_tetcore_connections"] == 0)


SIGNS = {
    "pong": (frame(PONG, b""), frame(PONG, b"")),
    "ping": (frame(PING, b"x"), frame(PING, b"x")),
    "message": (frame(TEXT, b"hello"), frame(TEXT, b"hello")),
    "fragment": (frame(TEXT, b"a", fin=False), frame(CONTINUATION, b"a", fin=False)),
}


def test_any_frame_is_a_sign_of_life(guarded: Telemetry) -> None:
    with ThreadPoolExecutor(len(SIGNS)) as threads:
        lives = {name: threads.submit(lives_on, guarded, *signs) for name, signs in SIGNS.items()}
        assert {name for name, life in lives.items() if life.result()} == SIGNS.keys()


def lives_on(telemetry: Telemetry, first: bytes, later: bytes) -> bool:
    """Whether a node that says no more than this, whenever it is pinged, outlives the timeout twice."""
    with allowed(telemetry) as node:
        node.send(first)
        deadline = time.monotonic() + 4
        while time.monotonic() < deadline:
            opcode, _ = node.read_frame()
            if opcode == CLOSE:
                return False
            if opcode == PING:
                node.send(later)
        node.abort()
        return True


# --- frames ---


def test_a_ping_is_answered_with_its_payload(telemetry: Telemetry) -> None:
    with telemetry.node() as node:
        for payload in (b"", b"x", b"\x00" * 125):
            node.send(frame(PING, payload))
            assert node.read_frame() == (PONG, payload)


def test_a_flood_of_pings_ends_nothing(telemetry: Telemetry) -> None:
    peer = next(_peers)
    with telemetry.node() as node:
        node.send(frame(PING, b"flood") * 5000)
        node.say(packed(connected(peer)))
        telemetry.wait_stored(peer, 1)
    with telemetry.node() as other:
        other.echo()


def test_one_byte_fragments_with_a_ping_between(telemetry: Telemetry) -> None:
    peer = next(_peers)
    payload = packed(connected(peer))
    pieces = [frame(TEXT, payload[:1], fin=False)]
    pieces += [frame(CONTINUATION, bytes([byte]), fin=False) for byte in payload[1:]]
    pieces += [frame(PING, b"between"), frame(CONTINUATION, b"")]
    with telemetry.node() as node:
        node.send(b"".join(pieces))
        assert node.read_frame() == (PONG, b"between")
        telemetry.wait_stored(peer, 1)


def test_frames_cut_anywhere(telemetry: Telemetry) -> None:
    node = Node(time.time_ns())
    data = b"".join(frame(BINARY, packed(message)) for message in node.talk(20))
    with telemetry.node() as socket:
        for at in range(0, len(data), 7):
            socket.send(data[at : at + 7])
        socket.echo()
        telemetry.wait_stored(node.peer_id, 20)


@pytest.fixture(scope="module")
def small(postgres: str) -> Iterator[Telemetry]:
    with telemetry_running(postgres, ws_payload_bytes_max=1000, batch_messages_max=1) as running:
        yield running


def of_size(peer: str, size: int) -> bytes:
    message = {**connected(peer), "p": ""}
    data = packed({**message, "p": "x" * (size - len(packed(message)))})
    assert len(data) == size
    return data


def test_the_largest_message(small: Telemetry) -> None:
    peer = next(_peers)
    data = of_size(peer, 1000)
    with small.node() as node:
        node.say(data)
        node.send(frame(BINARY, data[:600], fin=False) + frame(CONTINUATION, data[600:]))
        small.wait_stored(peer, 2)
        node.echo()


HOSTILE = {
    "message beyond the limit": (frame(BINARY, b"x" * 1001), {1009}),
    "fragments beyond the limit": (
        frame(TEXT, b"x" * 600, fin=False) + frame(CONTINUATION, b"x" * 401),
        {1009},
    ),
    "only the head of a huge message": (head(BINARY, 2**40) + b"\x00" * 4, {1009}),
    "length with the top bit set": (b"\x82\xff" + b"\xff" * 8 + b"\x00" * 4, {1002, 1009}),
    "5000 empty fragments": (
        frame(TEXT, b"", fin=False) + frame(CONTINUATION, b"", fin=False) * 5000,
        {1002, 1009},
    ),
    "unmasked": (frame(TEXT, b"{}", mask=False), {1002}),
    "long control frame": (frame(PING, b"x" * 126), {1002}),
    "fragmented control frame": (frame(PING, b"x", fin=False), {1002}),
    "reserved bit": (frame(TEXT, b"{}", reserved=4), {1002}),
    "reserved opcode": (frame(3, b"{}"), {1002}),
    "reserved control opcode": (frame(11, b""), {1002}),
    "continuation of nothing": (frame(CONTINUATION, b"{}"), {1002}),
    "message within a message": (frame(TEXT, b"{", fin=False) + frame(TEXT, b"}"), {1002}),
    "close with one byte": (frame(CLOSE, b"x"), {1002}),
    "close code that is none": (frame(CLOSE, struct.pack("!H", 1005)), {1002}),
}


@pytest.mark.parametrize(("sent", "codes"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_frames_end_their_own_connection(small: Telemetry, sent: bytes, codes: set[int]) -> None:
    peer = next(_peers)
    with small.node() as bystander, small.node() as node:
        node.send(frame(BINARY, packed(connected(peer))) + sent + frame(BINARY, packed(connected(peer))))
        assert node.close_code() in codes
        assert node.is_ended()
        bystander.echo()
    small.wait_stored(peer, 1)


@pytest.mark.parametrize(
    "payload", [b"", struct.pack("!H", 1000), struct.pack("!H", 1001) + b"bye", struct.pack("!H", 4999)]
)
def test_a_close_is_echoed(telemetry: Telemetry, payload: bytes) -> None:
    with telemetry.node() as node:
        node.send(frame(CLOSE, payload))
        opcode, echoed = node.read_frame()
        assert (opcode, echoed[:2]) == (CLOSE, payload[:2])
        assert node.is_ended()


def test_invalid_text_is_no_protocol_error(telemetry: Telemetry) -> None:
    peer = next(_peers)
    with telemetry.node() as node:
        node.say(b"\xff\xfe\xfd", TEXT)
        node.say(b'{"msg":"\xed\xa0\x80","ts":"2021-03-01T12:00:00Z"}', TEXT)
        node.say(packed(connected(peer)))
        telemetry.wait_stored(peer, 1)


def test_the_end_of_a_connection_is_recorded(telemetry: Telemetry) -> None:
    peers = [next(_peers) for _ in range(2)]
    with telemetry.node() as orderly:
        orderly.say(packed(connected(peers[0])))
        orderly.close()
    with telemetry.node() as cut:
        cut.say(packed(connected(peers[1])))
        cut.echo()
        cut.abort()
    for peer in peers:
        telemetry.wait_stored(peer, 1)
        wait_until(lambda peer=peer: telemetry.query(
            "SELECT closed_at FROM peer_connections WHERE peer_id = $1", peer)[0]["closed_at"])  # fmt: skip
