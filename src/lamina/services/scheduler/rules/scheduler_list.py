"""The scheduler list: which units there are (spec/scheduler.md 17.1)."""

import re
from collections.abc import Sequence
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

import msgspec

from lamina.services.scheduler.errors import BadSchedulerList
from lamina.services.scheduler.model.unit import ListedUnit

URL_CHARACTERS_MAX = 2048
_PRINTABLE = re.compile(r"[!-~]+", re.ASCII)


class _Entry(msgspec.Struct, frozen=True):
    url: str
    no_route: bool | None = None
    wallets_to_route: str | None = None
    wallets_only: bool | None = None


def parse_list(raw: bytes) -> Sequence[ListedUnit]:
    """The units of a list, in its order; fields it does not know are passed over.

    Raises:
        BadSchedulerList: it is no list, a url is none a client can be sent to, or stands there twice.
    """
    try:
        entries = msgspec.json.decode(raw, type=list[_Entry])
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise BadSchedulerList(f"The scheduler list is not what it should be: {fault}") from None
    units = [_listed(number, entry) for number, entry in enumerate(entries)]
    seen: set[str] = set()
    for unit in units:
        if unit.url in seen:
            raise BadSchedulerList(f"The scheduler list has {unit.url} twice")
        seen.add(unit.url)
    return units


def wallets(text: str | None) -> frozenset[str]:
    """The addresses of a comma-separated text."""
    return frozenset(part.strip() for part in (text or "").split(",") if part.strip())


def _listed(number: int, entry: _Entry) -> ListedUnit:
    flaw = _flaw(entry.url)
    if flaw is not None:
        raise BadSchedulerList(f"The scheduler list's url at $[{number}] {flaw}: {entry.url[:200]!r}")
    url = entry.url.rstrip("/")
    return ListedUnit(url, entry.no_route, entry.wallets_to_route, entry.wallets_only)


def _flaw(url: str) -> str | None:
    """Why clients cannot be sent to a url, or the router must not go there."""
    if not _PRINTABLE.fullmatch(url) or len(url) > URL_CHARACTERS_MAX:
        return f"is not 1 to {URL_CHARACTERS_MAX} printable ASCII characters without spaces"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as fault:
        return f"cannot be read ({fault})"
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        return "does not begin with http:// or https:// and a host"
    if parts.username is not None or parts.password is not None:
        return "has a user name or a password, which every client would be told"
    if "?" in url or "#" in url:
        return "has a query or a fragment"
    return _address_flaw(parts)


def _address_flaw(parts: SplitResult) -> str | None:
    """No machine's own services, such as a cloud's metadata (distribution-and-reliability 14)."""
    try:
        address = ip_address(parts.hostname or "")
    except ValueError:
        return None  # a name; whoever keeps the list vouches for it
    if address.is_link_local or address.is_multicast or address.is_unspecified:
        return "is an address no unit can have"
    return None
