"""The address of an external PostgreSQL: checked when it is read, shown without its passwords."""

import re
from typing import Annotated
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

import pydantic

_DSN = re.compile(
    r"(?P<scheme>postgres(?:ql)?)://"
    r"(?:(?P<user>[^:@/?#\s]*)(?::(?P<password>[^@/?#\s]*))?@)?"
    r"(?P<hosts>[^@/?#\s]*)"
    r"(?:/(?P<database>[^@/?#\s]*))?"
    r"(?:\?(?P<query>[^@#\s]*))?"
)
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.%]+\]|[^:\[\]]*)(?::(?P<port>\d{1,5}))?")
_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
TLS_MODES = frozenset({"require", "verify-ca", "verify-full"})
"""Modes of `sslmode` that accept nothing but TLS."""
_ATTRIBUTES = ("any", "primary", "read-write", "standby", "prefer-standby", "read-only")
_WRITABLE = ("primary", "read-write")
# libpq knows these; the driver would send them to the server as settings, which refuses every connection.
_NOT_OURS = {
    "connect_timeout": "set postgres.connect_timeout_s",
    "load_balance_hosts": "hosts are asked in the order they have here",
    **dict.fromkeys(
        (
            "channel_binding", "gssencmode", "keepalives", "keepalives_count", "keepalives_idle",
            "keepalives_interval", "requirepeer", "tcp_user_timeout",
        ),
        "leave it out",
    ),
}  # fmt: skip
_MASK = "**********"
_SECRET_PARAMETERS = frozenset({"password", "sslpassword"})
_PORT = 5432

Place = tuple[str, int]
"""A host or the directory of a UNIX socket, and a port."""


class Dsn(pydantic.SecretStr):
    """A DSN that shows itself without passwords; `get_secret_value()` has them."""

    def _display(self) -> str:
        return redacted(self.get_secret_value())


def check(dsn: Dsn) -> Dsn:
    """Hold a DSN to the form `postgresql://user:password@host:5432,host2:5432/database?sslmode=…`.

    Raises:
        ValueError: it has another form; the text holds nothing of the DSN.
    """
    match = _DSN.fullmatch(dsn.get_secret_value())
    if match is None:
        raise ValueError(
            "should look like postgresql://user:password@host:5432/database, with / @ ? # encoded as %2F…"
        )
    query = _pairs(match["query"])
    if not match["hosts"] and not query.get("host"):
        raise ValueError("should name a host")
    if not all(_is_host(host) for host in match["hosts"].split(",")):
        raise ValueError("should have hosts of the form host:port, with ports up to 65535")
    _check_parameters(query)
    try:
        found = places(dsn.get_secret_value())
    except (IndexError, ValueError):
        raise ValueError("should have one port, or as many as hosts") from None
    _check_sockets(found, query)
    return dsn


def check_writer(dsn: Dsn) -> Dsn:
    """Hold the address of what is written to, to hosts that take writes.

    Raises:
        ValueError: it asks for standbys; the text holds nothing of the DSN.
    """
    match = _DSN.fullmatch(dsn.get_secret_value())
    assert match is not None, "check comes first"
    asked = _pairs(match["query"]).get("target_session_attrs")
    several = len(places(dsn.get_secret_value())) > 1
    allowed = _WRITABLE if several else (*_WRITABLE, "any")
    if asked is not None and asked not in allowed:
        raise ValueError("should have target_session_attrs=read-write: Lamina writes to what it finds there")
    return dsn


def places(text: str) -> list[Place]:
    """The hosts of a DSN that `check` let pass, in its order."""
    match = _DSN.fullmatch(text)
    if match is None:
        return []
    query = _pairs(match["query"])
    if match["hosts"]:
        return [_place(host) for host in match["hosts"].split(",")]
    hosts = unquote(query.get("host", "")).split(",")
    ports = unquote(query.get("port", "")).split(",")
    if len(ports) == 1:
        ports *= len(hosts)
    return [(host, int(ports[at] or _PORT)) for at, host in enumerate(hosts)]


def _place(host: str) -> Place:
    match = _HOST.fullmatch(host)
    assert match is not None, "check let it pass"
    name = host if match["port"] is None else host.removesuffix(f":{match['port']}")
    return unquote(name.strip("[]")), int(match["port"] or _PORT)


def _check_parameters(query: dict[str, str]) -> None:
    if query.get("sslmode", "prefer") not in _SSL_MODES:
        raise ValueError(f"should have an sslmode among {', '.join(_SSL_MODES)}")
    if query.get("target_session_attrs", "any") not in _ATTRIBUTES:
        raise ValueError(f"should have a target_session_attrs among {', '.join(_ATTRIBUTES)}")
    for name in query:
        if name in _NOT_OURS:
            raise ValueError(f"should not have the parameter {name}: {_NOT_OURS[name]}")


def _check_sockets(found: list[Place], query: dict[str, str]) -> None:
    """The embedded server, like every UNIX socket, has no TLS: the driver would leave it out unsaid."""
    if query.get("sslmode") in TLS_MODES and any(host.startswith("/") for host, _ in found):
        raise ValueError(
            "should not ask for TLS on a UNIX socket, nor of the embedded PostgreSQL: "
            "neither has it; leave sslmode out, or name a TCP host of an external server"
        )


def redacted(text: str) -> str:
    """A DSN without its passwords; a mask alone where it is not clear which part is the password."""
    match = _DSN.fullmatch(text)
    if match is None:
        return _MASK
    shown = match[0] if match["password"] is None else _without(match, "password")
    head, mark, _ = shown.partition("?")
    return head + mark + "&".join(_redacted_pair(pair) for pair in (match["query"] or "").split("&"))


def without_password(dsn: str) -> tuple[str, str | None]:
    """A DSN for an argument list, and its password for the environment, which other accounts cannot read.

    A passphrase of a client key has no variable; the programs ask for it where there is a terminal.
    """
    parts = urlsplit(dsn)
    user, _, hosts = parts.netloc.rpartition("@")
    name, colon, written = user.partition(":")
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    password = unquote(written) if colon else dict(pairs).get("password")
    query = urlencode([pair for pair in pairs if pair[0] not in _SECRET_PARAMETERS], quote_via=quote)
    netloc = f"{name}@{hosts}" if user else hosts
    return urlunsplit(parts._replace(netloc=netloc, query=query)), password


def wants_tls(dsn: str) -> bool:
    """Whether a connection must be encrypted."""
    return dict(parse_qsl(urlsplit(dsn).query)).get("sslmode") in TLS_MODES


def _without(match: re.Match[str], group: str) -> str:
    return match[0][: match.start(group)] + "***" + match[0][match.end(group) :]


def _redacted_pair(pair: str) -> str:
    name, _, _ = pair.partition("=")
    return f"{name}=***" if "pass" in name.lower() else pair


def _pairs(query: str | None) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in (query or "").split("&")]
    return {name: value for name, _, value in pairs}


def _is_host(host: str) -> bool:
    match = _HOST.fullmatch(host)
    return match is not None and int(match["port"] or 0) <= 65535


CheckedDsn = Annotated[Dsn, pydantic.AfterValidator(check)]
WriterDsn = Annotated[CheckedDsn, pydantic.AfterValidator(check_writer)]
