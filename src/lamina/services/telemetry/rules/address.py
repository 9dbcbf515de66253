"""Which address a node is recorded under (spec/telemetry.md 3.2), and whether it may connect (section 11)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lamina.kernel.errors import ConfigurationError
from lamina.kernel.web.peer import TrustedProxies

UNKNOWN = "Unable to decode remote IP"
ADDRESS_CHARACTERS_MAX = 256

Header = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class AddressRule:
    """Who may name another address than his own."""

    anybody: bool
    proxies: TrustedProxies

    @classmethod
    def parse(cls, text: str) -> "AddressRule":
        """Read `TELEMETRY_TRUST_FORWARDED`: a truth value, or networks between commas.

        Raises:
            ConfigurationError: it is neither.
        """
        word = text.strip().lower()
        if word in {"", "false", "0", "no", "off"}:
            return cls(anybody=False, proxies=TrustedProxies())
        if word in {"true", "1", "yes", "on"}:
            return cls(anybody=True, proxies=TrustedProxies())
        return cls(anybody=False, proxies=TrustedProxies(_split(text)))

    def address(self, client: Sequence[object] | None, headers: Iterable[Header]) -> str:
        """The text of `ip_addr`.

        Args:
            client: host and port of the socket's other end.
            headers: of the handshake.
        """
        host = "" if client is None else str(client[0])
        if self.anybody or self.proxies.trusts(host):
            named = _forwarded(headers)
            if named:
                return named[:ADDRESS_CHARACTERS_MAX]
        if client is None or not host:
            return UNKNOWN
        shown = f"[{host}]" if ":" in host else host
        return f"{shown}:{client[1]}" if client[1] else shown

    def vouched(self, client: Sequence[object] | None, headers: Iterable[Header]) -> str:
        """The address that decides whether a node may connect: nobody can choose it.

        It is the socket's; behind a proxy that is named, the last address that proxy itself wrote down. A
        client can put what it likes before that one.
        """
        host = "" if client is None else str(client[0])
        if not self.proxies.trusts(host):
            return host
        said = list(headers)
        hops = [value for name, value in said if name == b"x-forwarded-for"]
        if hops:
            return self.proxies.client_address(host, hops)
        return _forwarded((name, value.rpartition(b",")[2]) for name, value in said) or host


class AllowList:
    """The networks that nodes may connect from."""

    def __init__(self, text: str) -> None:
        """Read `TELEMETRY_ALLOWED_CIDRS`: networks between commas; all when empty.

        Raises:
            ConfigurationError: one of them is no network.
        """
        networks = _split(text)
        try:
            self._networks = TrustedProxies(networks) if networks else None
        except ConfigurationError as error:
            raise ConfigurationError(
                f"telemetry.allowed_cidrs: {error.detail}", hint="Write networks as 10.0.0.0/8,192.168.1.7"
            ) from error

    def allows(self, address: str) -> bool:
        """Whether a node may connect from this address, with or without a port."""
        return self._networks is None or self._networks.trusts(bare(address))


def bare(address: str) -> str:
    """An address without brackets and port."""
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address.partition(":")[0] if address.count(":") == 1 else address


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _forwarded(headers: Iterable[Header]) -> str:
    """What the headers say, the most specific first; empty when nothing usable is there."""
    said = {name: value.decode("latin-1") for name, value in reversed(list(headers))}
    first = said.get(b"forwarded", "").partition(",")[0]
    for pair in first.split(";"):
        name, _, value = pair.strip().partition("=")
        if name.lower() == "for" and value.strip('"'):
            return value.strip().strip('"')
    hop = said.get(b"x-forwarded-for", "").partition(",")[0].strip()
    return hop or said.get(b"x-real-ip", "").strip()
