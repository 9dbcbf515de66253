"""Settings of telemetry, with the names the original gave them (spec/telemetry.md 10)."""

import ipaddress
from pathlib import Path
from typing import Annotated, ClassVar

import pydantic
import structlog

from lamina.kernel.settings.load import Settings
from lamina.kernel.settings.platform import LogSettings, PostgresSettings, shifted
from lamina.kernel.settings.schema import Count, Elsewhere, Port, Seconds, Section, setting
from lamina.services.telemetry.environment import log_level, pool_size

_log = structlog.get_logger("lamina.telemetry")

Amount = Annotated[int, pydantic.Field(ge=0)]


def _checked_networks(text: str) -> str:
    for part in filter(None, map(str.strip, text.split(","))):
        try:
            ipaddress.ip_network(part, strict=False)
        except ValueError:
            raise ValueError(
                f"should have networks such as 192.0.2.0/24 between commas, not {part!r}"
            ) from None
    return text


def _checked_trust(text: str) -> str:
    return text if text.strip().lower() in _TRUTHS else _checked_networks(text)


_TRUTHS = frozenset({"", "false", "0", "no", "off", "true", "1", "yes", "on"})
Networks = Annotated[str, pydantic.AfterValidator(_checked_networks)]
Trust = Annotated[str, pydantic.AfterValidator(_checked_trust)]


class TelemetrySettings(Section):
    """One receiver of node telemetry, and the API over what all receivers stored."""

    section: ClassVar[str] = "telemetry"
    legacy_is_lenient: ClassVar[bool] = True
    legacy_separator: ClassVar[str] = ","
    legacy_elsewhere: ClassVar[tuple[Elsewhere, ...]] = (
        # Another database than the one that was meant would be worse than none.
        Elsewhere("postgres.dsn", ("DATABASE_URL",), is_strict=True),
        Elsewhere(
            "postgres.pool_connections_max", ("DB_POOL_SIZE", "DATABASE_POOL_SIZE", "NUM_THREADS"), pool_size
        ),
        Elsewhere("log.level", ("RUST_LOG",), log_level),
    )

    host: str = setting("0.0.0.0", doc="Address that nodes and readers connect to.")  # noqa: S104
    port: Port = setting(8080, doc="Port of intake, API and pages.", legacy=("PORT",))
    live_port: Port | None = setting(
        None,
        doc="A further port with the live feed at /feed, where exporters look for it; none when not set.",
        legacy=("LIVE_PORT",),
    )
    workers: Count = setting(
        1,
        unit="processes",
        doc="Receivers of this platform; each keeps a live view of its own, so one is best until it is full.",
    )
    heartbeat_interval_s: Seconds = setting(
        5.0, unit="s", doc="Time between pings to a node.", legacy=("HEARTBEAT_INTERVAL",)
    )
    client_timeout_s: Seconds = setting(
        10.0,
        unit="s",
        doc="Silence after which a node is disconnected.",
        legacy=("CLIENT_TIMEOUT_S", "CLIENT_TIMEOUT"),
    )
    pending_connections_max: Count = setting(
        8192, unit="connections", doc="TCP listen backlog.", legacy=("MAX_PENDING_CONNECTIONS",)
    )
    connections_max: Count = setting(
        20_000, unit="connections", doc="Open intake sockets of one receiver; the next one is answered 503."
    )
    connections_per_address_max: Count = setting(
        20_000, unit="connections", doc="Open connections from one address; a proxy in front is one address."
    )
    ws_payload_bytes_max: Annotated[int, pydantic.Field(ge=1, le=268_435_456)] = setting(
        524_288, unit="bytes", doc="Largest message of a node, inclusive.", legacy=("WS_MAX_PAYLOAD",)
    )
    nodes_per_connection_max: Amount = setting(
        20,
        unit="nodes",
        doc="Nodes on one socket that get a connection record of their own.",
        legacy=("MAX_NODES_PER_CONNECTION",),
    )
    trust_forwarded: Trust = setting(
        "false",
        doc="Whose Forwarded, X-Forwarded-For and X-Real-IP name the node: false, true (anybody's), "
        "or networks separated by commas.",
        legacy=("TELEMETRY_TRUST_FORWARDED",),
        legacy_strict=True,
    )
    allowed_cidrs: Networks = setting(
        "",
        doc="Networks that may connect nodes, separated by commas; all when empty.",
        legacy=("TELEMETRY_ALLOWED_CIDRS",),
        legacy_strict=True,
    )
    batch_messages_max: Count = setting(
        1024, unit="messages", doc="Messages at which a batch is written.", legacy=("DB_BATCH_SIZE",)
    )
    batch_bytes_max: Count = setting(
        8_388_608, unit="bytes", doc="Size at which a batch is written; one message always fits."
    )
    batch_latency_ms: Amount = setting(
        100,
        unit="ms",
        doc="How long the oldest message waits for company in its batch.",
        legacy=("DB_SAVE_LATENCY_MS",),
    )
    buffer_mb: Count = setting(
        256,
        unit="MiB",
        doc="Messages waiting for the database; beyond it sockets are not read.",
        legacy=("TELEMETRY_BUFFER_MB",),
    )
    sync_commit: bool = setting(
        True,
        doc="Whether a batch is on disk before it counts as stored; batches with audit messages always are.",
        legacy=("TELEMETRY_SYNC_COMMIT",),
    )
    flush_timeout_s: Seconds = setting(
        30.0, unit="s", doc="How long a stopping receiver tries to store what it holds."
    )
    purge_interval_s: Seconds = setting(
        600.0, unit="s", doc="Time between purges.", legacy=("PURGE_INTERVAL_S", "PURGE_FREQUENCY")
    )
    log_expiry_h: Amount = setting(
        280_320,
        unit="h",
        doc="Age at which messages are purged; audit messages stay.",
        legacy=("LOG_EXPIRY_H", "LOG_EXPIRY_HOURS"),
    )
    purge_slice_rows: Count = setting(
        50_000, unit="rows", doc="Most rows that one statement of a purge deletes."
    )
    cache_update_timeout_s: Seconds = setting(
        15.0,
        unit="s",
        doc="A feed's query that runs longer is warned about, and given up after four times this.",
        legacy=("CACHE_UPDATE_TIMEOUT_S",),
    )
    cache_update_interval_ms: Count = setting(
        1000,
        unit="ms",
        doc="Time between looks at what other receivers stored.",
        legacy=("CACHE_UPDATE_INTERVAL_MS",),
    )
    cache_expiry_s: Amount = setting(
        3600, unit="s", doc="How far back a feed begins.", legacy=("CACHE_EXPIRY_S",)
    )
    cache_timeout_s: Amount = setting(
        60, unit="s", doc="How long a feed without readers is kept.", legacy=("CACHE_TIMEOUT_S",)
    )
    feed_clients_max: Count = setting(4000, unit="clients", doc="Most clients on the feeds of one receiver.")
    feed_timeout_s: Seconds = setting(
        10.0,
        unit="s",
        doc="How long a client of the live feed may take for its updates.",
        legacy=("FEED_TIMEOUT",),
    )
    node_data_per_second_max: Amount = setting(
        0,
        unit="bytes/s",
        doc="What a node may send in the mean of ten seconds before it is blocked; 0 is no limit.",
        legacy=("MAX_NODE_DATA_PER_SECOND",),
    )
    node_block_s: Count = setting(
        600, unit="s", doc="How long a blocked address is refused.", legacy=("NODE_BLOCK_SECONDS",)
    )
    stale_node_timeout_s: Amount = setting(
        0,
        unit="s",
        doc="Silence after which a node leaves the live view, and its socket is closed; 0 is never.",
        legacy=("STALE_NODE_TIMEOUT",),
    )
    denylist: tuple[str, ...] = setting(
        (), doc="Names of chains that the live view does not show.", legacy=("DENYLIST",)
    )
    third_party_nodes_max: Amount = setting(
        0,
        unit="nodes",
        doc="Nodes that the live view shows of a chain that is not of ours; 0 is no limit.",
        legacy=("MAX_THIRD_PARTY_NODES",),
    )
    first_party_chains: tuple[str, ...] = setting(
        (), doc="Genesis hashes of our own chains: 0x and 64 hexadecimal digits."
    )
    expose_node_details: bool = setting(
        False,
        doc="Whether the live view shows addresses and hardware benchmarks of nodes.",
        legacy=("EXPOSE_NODE_DETAILS",),
    )
    history_window_s: Count = setting(
        180, unit="s", doc="How much before a moment of the past is read to show the live view of then."
    )
    history_messages_max: Count = setting(200_000, unit="messages", doc="Most messages that are read for it.")
    city_database: Path | None = setting(
        None,
        doc="City database in MaxMind's format (.mmdb) that says where nodes are; no places when not set.",
    )
    assets_path: str = setting(
        "",
        doc="Directory with pages of your own: benchmarks, profiling, reputation, live; built in when empty.",
        legacy=("ASSETS_PATH",),
    )
    body_bytes_max: Count = setting(1_048_576, unit="bytes", doc="Largest body of a POST.")
    query_bytes_max: Count = setting(8192, unit="bytes", doc="Longest query string.")
    rows_max: Count = setting(
        1_000_000, unit="rows", doc="Most rows that one answer has, whatever was asked."
    )
    page_rows: Count = setting(1000, unit="rows", doc="Rows read at a time while a long list is streamed.")
    query_timeout_s: Seconds = setting(60.0, unit="s", doc="Longest that one query of a request may run.")


def address(settings: Settings) -> tuple[str, int]:
    """Where the service listens, the platform's port offset included."""
    telemetry = settings.get(TelemetrySettings)
    return telemetry.host, shifted(telemetry.port, settings, origin=settings.origin("telemetry", "port"))


def log_effective(settings: Settings) -> None:
    """Say in the log what is in force (spec/telemetry.md 10); of the database nothing but its pool."""
    _log.info(
        "settings in force",
        **settings.get(TelemetrySettings).model_dump(mode="json"),
        pool_connections_max=settings.get(PostgresSettings).pool_connections_max,
        log_level=settings.get(LogSettings).level,
    )


SETTINGS = TelemetrySettings
"""Found by this name when settings are loaded."""
