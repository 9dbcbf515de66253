import socket
import time
from collections.abc import Iterator

import pytest

from lamina.kernel.observability.statsd import Statsd


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.bind(("127.0.0.1", 0))
        opened.settimeout(5)
        yield opened


def counted(statsd: Statsd, server: socket.socket, name: str, n: int) -> bytes:
    """Count until the name is looked up and a packet arrives."""
    server.settimeout(0.05)
    for _ in range(100):
        statsd.count(name, n)
        try:
            return server.recv(1024)
        except TimeoutError:
            continue
    raise AssertionError("no packet arrived")


def test_a_count_is_one_packet(server: socket.socket) -> None:
    statsd = Statsd("localhost", server.getsockname()[1])
    assert counted(statsd, server, "web.tx.post", 1) == b"web.tx.post:1|c"
    assert counted(statsd, server, "pipelines.block.throughput", 12) == b"pipelines.block.throughput:12|c"
    statsd.close()


def test_nobody_listening_harms_nobody(server: socket.socket) -> None:
    port = server.getsockname()[1]
    statsd = Statsd("127.0.0.1", port)
    counted(statsd, server, "x", 1)
    server.close()
    for _ in range(100):
        statsd.count("x")
    statsd.close()
    statsd.count("x")


@pytest.mark.parametrize("host", ["host.invalid", "", "a" * 300, "bad..name"])
def test_a_host_that_does_not_exist_harms_nobody(host: str) -> None:
    began = time.monotonic()
    statsd = Statsd(host)
    for _ in range(1000):
        statsd.count("x")
    assert time.monotonic() - began < 1
    statsd.close()
