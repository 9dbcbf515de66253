"""The kernel's own sections: platform, postgres, http, log and admin."""

import os
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import pydantic

from lamina.kernel.errors import ConfigurationError
from lamina.kernel.settings.dsn import CheckedDsn, WriterDsn
from lamina.kernel.settings.layer import Origin
from lamina.kernel.settings.load import Settings
from lamina.kernel.settings.schema import Count, Port, Seconds, Section, setting


def _lowered(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


LogLevel = Annotated[
    Literal["debug", "info", "warning", "error", "critical"], pydantic.BeforeValidator(_lowered)
]


class PlatformSettings(Section):
    """What runs, and where it keeps its data."""

    section: ClassVar[str] = "platform"

    data_dir: Path = setting(
        Path("lamina-data"), doc="Directory of everything Lamina keeps; made when missing."
    )
    config: Path | None = setting(
        None, doc="The TOML file that was read; set by --config or LAMINA_CONFIG only."
    )
    port_offset: Annotated[int, pydantic.Field(ge=0, le=50000)] = setting(
        0, doc="Added to every port that nobody set, so that several platforms can live side by side."
    )
    services: tuple[str, ...] = setting(
        ("ledger", "telemetry", "scheduler", "gateway"),
        doc="The services `lamina up` runs; gateway is a stand-in for trials, to leave out in production.",
    )
    report_to: str = setting(
        "auto",
        doc="Telemetry receiver that the platform's own services report to: auto is this platform's own, "
        "where it runs one; off; or a URL such as ws://telemetry.example.org:8080/.",
    )
    workers: Count | None = setting(
        None,
        unit="processes",
        doc="Worker processes per service; as many as there are CPUs, at most 4, when not set.",
    )
    drain_timeout_s: Seconds = setting(
        10.0, unit="s", doc="How long running requests may take to end once the platform stops."
    )
    profile: Literal["dev", "production"] = setting(
        "dev", doc="production refuses what is only fit for a trial, such as fault injection."
    )
    allow_readable_secrets: bool = setting(
        False, doc="Accept secret files that other accounts may read; meant for read-only container mounts."
    )

    @property
    def worker_count(self) -> int:
        """Worker processes of a service that does not say otherwise."""
        return self.workers or min(4, os.cpu_count() or 1)


class PostgresSettings(Section):
    """The database: the embedded one when there is no DSN."""

    section: ClassVar[str] = "postgres"

    dsn: WriterDsn | None = setting(
        None,
        secret=True,
        doc="External PostgreSQL 15+, several hosts allowed; the embedded one when not set.",
    )
    read_dsn: CheckedDsn | None = setting(
        None, secret=True, doc="Replicas for reads that may lag a little; the main database when not set."
    )
    read_only: bool = setting(
        False,
        doc="Nothing is written, so that dsn may name a standby; for services that are read only themselves.",
    )
    run_as: str | None = setting(
        None, doc="Account that the embedded server runs under when Lamina is started as root."
    )
    programs_dir: Path | None = setting(
        None,
        doc="Directory of the external server's own client programs, for backups and `lamina db shell`; "
        "the bundled ones, which speak no TLS, when not set.",
    )
    shared_buffers_mb: Count | None = setting(
        None,
        unit="MiB",
        doc="Page cache of the embedded server; an eighth of the memory, 128 to 2048, when not set.",
    )
    max_connections: Count = setting(100, unit="connections", doc="Limit of the embedded server.")
    pool_connections_max: Count = setting(8, unit="connections", doc="Most connections one process opens.")
    connect_timeout_s: Seconds = setting(5.0, unit="s", doc="How long to try one connection.")
    acquire_timeout_s: Seconds = setting(
        4.0, unit="s", doc="How long work may wait for a free connection before it is refused."
    )
    statement_timeout_s: Seconds = setting(
        30.0, unit="s", doc="Longest that one statement of a request may run."
    )


class HttpSettings(Section):
    """Limits that every listener holds its clients to."""

    section: ClassVar[str] = "http"

    header_timeout_s: Seconds = setting(10.0, unit="s", doc="How long a client may take to send its headers.")
    body_timeout_s: Seconds = setting(5.0, unit="s", doc="How long a body may stand still.")
    write_timeout_s: Seconds = setting(30.0, unit="s", doc="How long a client may leave an answer unread.")
    request_timeout_s: Seconds = setting(30.0, unit="s", doc="How long the answer to a request may take.")
    keep_alive_s: Seconds = setting(75.0, unit="s", doc="How long an idle connection stays open.")
    connections_per_address_max: Count = setting(
        256, unit="connections", doc="Open connections from one client address."
    )
    header_bytes_max: Count = setting(65536, unit="bytes", doc="Request line and headers together.")
    trusted_proxies: tuple[str, ...] = setting(
        (), doc="Addresses or networks whose X-Forwarded-For is believed; nobody's when empty."
    )
    ws_frame_bytes_max: Count = setting(
        65536, unit="bytes", doc="Largest websocket message a client may send."
    )
    ws_queue_events_max: Count = setting(
        10000, unit="events", doc="Events that may wait for one websocket client before it is dropped."
    )
    ws_ping_interval_s: Seconds = setting(30.0, unit="s", doc="Time between pings to a websocket client.")
    pending_connections_max: Count = setting(
        2048, unit="connections", doc="Connections that may wait to be accepted."
    )


class LogSettings(Section):
    """What is logged, how it looks, where it goes."""

    section: ClassVar[str] = "log"

    level: LogLevel = setting("info", doc="The least severe event that is logged.")
    format: Literal["auto", "console", "json"] = setting(
        "auto", doc="console for people, json for collectors; auto is console on a terminal."
    )
    access: bool = setting(True, doc="Whether every request writes a line to the access log.")
    file: Path | None = setting(None, doc="A file that gets the log as JSON lines beside the terminal.")
    file_level: LogLevel | None = setting(
        None, doc="The least severe event that is written to the file, where it is not log.level."
    )
    error_file: Path | None = setting(
        None, doc="A second file, as JSON lines, that gets only events of level error and above."
    )
    rotate_bytes: Count = setting(209_715_200, unit="bytes", doc="Size at which a log file is set aside.")
    rotate_keep: Annotated[int, pydantic.Field(ge=0)] = setting(5, unit="files", doc="Log files kept aside.")
    levels: dict[str, LogLevel] = setting(
        {}, doc="Levels of single loggers, as in uvicorn=warning,asyncpg=debug."
    )


class AdminSettings(Section):
    """The listener of the console and of the operator's commands."""

    section: ClassVar[str] = "admin"

    host: str = setting("127.0.0.1", doc="Address of the admin listener; keep it off public networks.")
    port: Port = setting(8088, doc="Port of the admin listener.")
    token: pydantic.SecretStr | None = setting(
        None, secret=True, doc="Bearer token of the admin API; made in <data-dir>/admin.token when not set."
    )


KERNEL_SECTIONS: tuple[type[Section], ...] = (
    PlatformSettings,
    PostgresSettings,
    HttpSettings,
    LogSettings,
    AdminSettings,
)


def shifted(port: int, settings: Settings, *, origin: Origin) -> int:
    """The port to listen on: a default moves by the offset, a port that somebody set stays.

    Args:
        port: the setting's value.
        settings: where the offset is.
        origin: of that value: `settings.origin("admin", "port")`.

    Raises:
        ConfigurationError: the offset takes the port past 65535.
    """
    if origin.kind != "default":
        return port
    moved = port + settings.get(PlatformSettings).port_offset
    if moved > 65535:
        raise ConfigurationError(
            f"port {port} with the offset {moved - port} is past 65535", hint="Choose a smaller --port-offset"
        )
    return moved
