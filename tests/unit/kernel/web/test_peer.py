"""Whose address a request is charged to."""

import pytest

from lamina.kernel.errors import ConfigurationError
from lamina.kernel.web.peer import TrustedProxies

PROXIES = TrustedProxies(["10.0.0.0/8", "192.0.2.7", "2001:db8::/32"])


@pytest.mark.parametrize(
    ("peer", "headers", "client"),
    [
        ("203.0.113.1", [b"198.51.100.9"], "203.0.113.1"),
        ("10.1.2.3", [b"198.51.100.9"], "198.51.100.9"),
        ("10.1.2.3", [b"6.6.6.6, 198.51.100.9"], "198.51.100.9"),
        ("10.1.2.3", [b"6.6.6.6, 198.51.100.9, 192.0.2.7"], "198.51.100.9"),
        ("10.1.2.3", [b"6.6.6.6", b"198.51.100.9"], "198.51.100.9"),
        ("10.1.2.3", [b"10.9.9.9, 10.8.8.8"], "10.9.9.9"),
        ("10.1.2.3", [b"198.51.100.9, nonsense"], "10.1.2.3"),
        ("10.1.2.3", [b"198.51.100.9, nonsense, 10.4.4.4"], "10.4.4.4"),
        ("10.1.2.3", [b""], "10.1.2.3"),
        ("10.1.2.3", [], "10.1.2.3"),
        ("10.1.2.3", [b"\xff\xfe"], "10.1.2.3"),
        ("::ffff:10.1.2.3", [b"198.51.100.9"], "198.51.100.9"),
        ("2001:db8::1", [b"2001:DB8:1::2, 2a00::5"], "2a00::5"),
    ],
)
def test_client_address(peer: str, headers: list[bytes], client: str):
    assert PROXIES.client_address(peer, headers) == client


def test_nobody_is_trusted_by_default():
    assert not TrustedProxies().trusts("127.0.0.1")
    assert TrustedProxies().client_address("127.0.0.1", [b"1.2.3.4"]) == "127.0.0.1"
    assert not PROXIES.trusts("not an address")


def test_bad_network_is_a_configuration_error():
    with pytest.raises(ConfigurationError, match="trusted_proxies"):
        TrustedProxies(["10.0.0.0/33"])
