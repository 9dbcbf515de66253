"""Settings of the ledger, with the names the original gave them (spec/ledger.md 6.2)."""

from typing import Annotated, ClassVar, Literal

import pydantic

from lamina.kernel.errors import ConfigurationError
from lamina.kernel.settings.dsn import WriterDsn
from lamina.kernel.settings.load import Settings
from lamina.kernel.settings.platform import shifted
from lamina.kernel.settings.schema import Count, Port, Section, setting

Milliseconds = Annotated[int, pydantic.Field(ge=0)]
Size = Annotated[int, pydantic.Field(ge=0)]


class LedgerSettings(Section):
    """One node of the asset ledger."""

    section: ClassVar[str] = "ledger"

    keypair_public: str | None = setting(
        None,
        doc="This node's public key; a pair is made in <data-dir>/ledger.key.json when none is set.",
        legacy=("BIGCHAINDB_KEYPAIR_PUBLIC",),
        legacy_path="keypair.public",
    )
    keypair_private: pydantic.SecretStr | None = setting(
        None,
        secret=True,
        doc="This node's private key: base58 of the 32-byte seed.",
        legacy=("BIGCHAINDB_KEYPAIR_PRIVATE",),
        legacy_path="keypair.private",
    )
    keyring: tuple[str, ...] = setting(
        (),
        doc="Public keys of the federation's other nodes.",
        legacy=("BIGCHAINDB_KEYRING",),
        legacy_path="keyring",
    )
    log_dsn: WriterDsn | None = setting(
        None,
        secret=True,
        doc="PostgreSQL with the log that the nodes of a federation share; none for a node on its own.",
    )
    bind: str = setting(
        "localhost:9984",
        doc="Address of the HTTP API, host:port.",
        legacy=("BIGCHAINDB_SERVER_BIND",),
        legacy_path="server.bind",
    )
    workers: Count | None = setting(
        None,
        unit="processes",
        doc="Web workers; platform.workers when not set.",
        legacy=("BIGCHAINDB_SERVER_WORKERS",),
        legacy_path="server.workers",
    )
    ws_scheme: Literal["ws", "wss"] = setting(
        "ws",
        doc="Scheme of the event stream's advertised URL; wss when a proxy in front speaks TLS.",
        legacy=("BIGCHAINDB_WSSERVER_SCHEME",),
        legacy_path="wsserver.scheme",
    )
    ws_host: str = setting(
        "localhost",
        doc="Host of the event stream, advertised, and listened on unless ws_bind says otherwise.",
        legacy=("BIGCHAINDB_WSSERVER_HOST",),
        legacy_path="wsserver.host",
    )
    ws_port: Port = setting(
        9985,
        doc="Port of the event stream, advertised, and listened on unless ws_bind says otherwise.",
        legacy=("BIGCHAINDB_WSSERVER_PORT",),
        legacy_path="wsserver.port",
    )
    ws_bind: str | None = setting(
        None,
        doc="Where the event stream listens when a proxy stands at ws_host and ws_port, host:port.",
    )
    graphite_host: str = setting(
        "localhost",
        doc="Host of the statsd daemon (UDP 8125).",
        legacy=("BIGCHAINDB_GRAPHITE_HOST",),
        legacy_path="graphite.host",
    )
    backlog_reassign_delay_s: Count = setting(
        120,
        unit="s",
        doc="Age at which a waiting transaction is given to another node.",
        legacy=("BIGCHAINDB_BACKLOG_REASSIGN_DELAY",),
        legacy_path="backlog_reassign_delay",
    )
    strict_owners: bool = setting(
        True, doc="Refuse inputs whose owners_before are not those who own the output and sign."
    )
    strict_key_names: bool = setting(
        True, doc='Refuse payload keys with ".", NUL or a leading "$", as the original\'s storage did.'
    )
    body_bytes_max: Count = setting(1_048_576, unit="bytes", doc="Largest body of POST /transactions.")
    query_bytes_max: Count = setting(8192, unit="bytes", doc="Longest query string.")
    search_characters_max: Count = setting(
        256, unit="characters", doc="Longest text of a search that is looked at."
    )
    search_results_max: Count = setting(10_000, unit="assets", doc="Most assets one search answers.")
    page_rows: Count = setting(1000, unit="rows", doc="Rows read at a time while a long list is streamed.")
    read_cache_bytes_max: Size = setting(
        67_108_864,
        unit="bytes",
        doc="Valid transactions that one worker keeps in memory to answer GETs; 0 keeps none.",
    )
    stream_subscribers_max: Count = setting(
        4000, unit="clients", doc="Most clients on the event stream of one worker."
    )
    accept_batch_max: Count = setting(256, unit="transactions", doc="Most requests that share one commit.")
    accept_delay_ms: Milliseconds = setting(
        2, unit="ms", doc="How long a request waits for company before the commit."
    )
    accept_queue_max: Count = setting(
        4000, unit="transactions", doc="Requests that may wait in one worker; the next one is answered 503."
    )
    block_transactions_max: Count = setting(1000, unit="transactions", doc="Most transactions of a block.")
    block_bytes_max: Count = setting(
        8_388_608, unit="bytes", doc="Size at which a block is closed; one transaction always fits."
    )
    block_interval_min_ms: Milliseconds = setting(
        50, unit="ms", doc="How long a lone transaction waits for company in its block."
    )
    block_interval_max_ms: Milliseconds = setting(
        250, unit="ms", doc="The same under load: 1 ms per transaction of the last block, up to this."
    )
    poll_busy_ms: Count = setting(
        250, unit="ms", doc="Poll interval behind the wake-ups while there is work."
    )
    poll_idle_ms: Count = setting(2000, unit="ms", doc="Poll interval behind the wake-ups when idle.")
    watch_rows_max: Count = setting(
        400_000,
        unit="blocks",
        doc="Rows of the shared log that one look, every 2 s, asks for changes; three looks see all of a log "
        "of up to three times as many.",
    )
    rejected_retention_days: Count = setting(
        30, unit="days", doc="How long rejected transactions and their reasons are kept."
    )


SETTINGS = LedgerSettings


def split_bind(bind: str, key: str) -> tuple[str, int]:
    """Host and port of an address to listen on.

    Args:
        bind: host:port; an IPv6 address in brackets.
        key: the setting it stands in.

    Raises:
        ConfigurationError: it is not host:port.
    """
    host, colon, port = bind.rpartition(":")
    if not colon or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ConfigurationError(f"{key} is not host:port: {bind!r}", hint="Write it as localhost:9984")
    return host.strip("[]"), int(port)


def http_address(settings: Settings) -> tuple[str, int]:
    """Where the HTTP API listens, the platform's port offset included."""
    host, port = split_bind(settings.get(LedgerSettings).bind, "ledger.bind")
    return host, shifted(port, settings, origin=settings.origin("ledger", "bind"))


def stream_address(settings: Settings) -> tuple[str, int]:
    """Where the event stream listens."""
    bind = settings.get(LedgerSettings).ws_bind
    return _advertised(settings) if bind is None else split_bind(bind, "ledger.ws_bind")


def stream_url(settings: Settings) -> str:
    """The URL of the event stream that the API advertises (spec/ledger.md 3.2)."""
    host, port = _advertised(settings)
    shown = f"[{host}]" if ":" in host else host
    return f"{settings.get(LedgerSettings).ws_scheme}://{shown}:{port}/api/v1/streams/valid_transactions"


def _advertised(settings: Settings) -> tuple[str, int]:
    """Where clients find the event stream, the platform's port offset included."""
    ledger = settings.get(LedgerSettings)
    return ledger.ws_host, shifted(ledger.ws_port, settings, origin=settings.origin("ledger", "ws_port"))
