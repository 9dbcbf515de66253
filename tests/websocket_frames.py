"""Websocket frames by hand, well-formed or not (RFC 6455 5.2), and a blocking client that sends them."""

import base64
import contextlib
import os
import socket
import struct
from collections.abc import Iterable, Mapping
from typing import Self

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
TIMEOUT_S = 15.0
_MASK = b"\x01\x02\x03\x04"


def frame(opcode: int, payload: bytes, *, fin: bool = True, mask: bool = True, reserved: int = 0) -> bytes:
    """One frame."""
    return head(opcode, len(payload), fin=fin, mask=mask, reserved=reserved) + (
        _MASK + _masked(payload) if mask else payload
    )


def head(opcode: int, size: int, *, fin: bool = True, mask: bool = True, reserved: int = 0) -> bytes:
    """The begin of a frame, without mask and payload."""
    extended = b"" if size < 126 else struct.pack("!H", size) if size < 65536 else struct.pack("!Q", size)
    short = size if size < 126 else 126 if size < 65536 else 127
    return bytes([fin << 7 | reserved << 4 | opcode, mask << 7 | short]) + extended


def plain(opcode: int, payload: bytes) -> bytes:
    """A frame whose mask changes nothing: quick to make by the thousand."""
    return head(opcode, len(payload)) + bytes(4) + payload


def _masked(payload: bytes) -> bytes:
    size = len(payload)
    key = (_MASK * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big")


def handshake(path: str = "/", *headers: str, method: str = "GET", leave_out: Iterable[str] = ()) -> bytes:
    """A request for a websocket.

    Args:
        path: of the request line.
        headers: further ones, or others in place of the usual ones.
        method: of the request line.
        leave_out: names of usual headers that are missing.
    """
    usual = {
        "Host": "localhost",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        "Sec-WebSocket-Version": "13",
    }
    given = {line.partition(":")[0] for line in headers} | set(leave_out)
    lines = [f"{name}: {value}" for name, value in usual.items() if name not in given]
    return "\r\n".join([f"{method} {path} HTTP/1.1", *lines, *headers, "", ""]).encode()


class Refused(Exception):
    """The handshake was answered with something else than 101."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        super().__init__(f"{status} {body!r}")
        self.status, self.headers, self.body = status, headers, body


class WebSocket:
    """A connection to a websocket server, opened at once.

    Raises:
        Refused: the server wants none.
    """

    def __init__(
        self,
        port: int,
        path: str = "/",
        *headers: str,
        request: bytes | None = None,
        buffers: int | None = None,
        timeout_s: float = TIMEOUT_S,
        source: str = "",
    ) -> None:
        self.socket = socket.socket()
        if source:
            self.socket.bind((source, 0))
        if buffers is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffers)
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffers)
        self.socket.settimeout(timeout_s)
        self.socket.connect(("127.0.0.1", port))
        self._file = self.socket.makefile("rb")
        try:
            self.socket.sendall(handshake(path, *headers) if request is None else request)
            self.status, self.headers = self._read_head()
            if self.status != 101:
                size = int(self.headers.get("content-length", "0"))
                raise Refused(self.status, self.headers, self._file.read(size))
        except BaseException:
            self.abort()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.abort()

    def _read_head(self) -> tuple[int, dict[str, str]]:
        status = int(self._file.readline().split()[1])
        headers: dict[str, str] = {}
        while line := self._file.readline().strip():
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        return status, headers

    @property
    def address(self) -> str:
        """This end of the connection, as the server sees it."""
        host, port = self.socket.getsockname()
        return f"{host}:{port}"

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.socket.sendall(data)

    def say(self, payload: bytes, opcode: int = BINARY) -> None:
        """Send one data message."""
        self.send(frame(opcode, payload))

    def read_frame(self) -> tuple[int, bytes]:
        """The next frame.

        Raises:
            EOFError: the server ended the connection.
        """
        first, second = self._exactly(2)
        size = second & 127
        if size >= 126:
            kind, width = ("!H", 2) if size == 126 else ("!Q", 8)
            (size,) = struct.unpack(kind, self._exactly(width))
        return first & 15, self._exactly(size)

    def _exactly(self, size: int) -> bytes:
        try:
            data = self._file.read(size)
        except ConnectionResetError:
            data = b""
        if len(data) < size:
            raise EOFError
        return data

    def echo(self, payload: bytes = b"are you there") -> None:
        """Ping, and wait for the pong: everything sent before has been read, and the connection stands."""
        self.send(frame(PING, payload))
        while (answer := self.read_frame())[0] != PONG:
            if answer[0] == CLOSE:
                raise EOFError(answer[1])
            assert answer[0] == PING, "nodes are sent no data"
        assert answer[1] == payload

    def close_code(self) -> int | None:
        """The code with which the server ends the connection; None where it ended without a word."""
        try:
            while (answer := self.read_frame())[0] != CLOSE:
                assert answer[0] in {PING, PONG}, "nodes are sent no data"
        except EOFError:
            return None
        return struct.unpack("!H", answer[1][:2])[0]

    def is_ended(self) -> bool:
        """Whether the server closes the connection after its close frame."""
        try:
            return self._file.read(1) == b""
        except ConnectionResetError:
            return True

    def close(self) -> None:
        """Say goodbye, and wait for the echo."""
        self.send(frame(CLOSE, struct.pack("!H", 1000)))
        assert self.close_code() == 1000
        self.abort()

    def abort(self) -> None:
        """Let go without a word."""
        with contextlib.suppress(OSError):
            self._file.close()
        self.socket.close()
