"""How the embedded PostgreSQL is set up; rendered as `-c name=value`, which beats any file in the cluster."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lamina.kernel.errors import ConfigurationError
from lamina.kernel.storage.embedded.sockets import PORT

# design/stack-measurements 2.1; wal_level stays `replica` so that base backups and standbys are possible.
_TUNING = {
    "wal_level": "replica",
    "fsync": "on",
    "full_page_writes": "on",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "wal_buffers": "16MB",
    "jit": "off",
    "random_page_cost": "1.1",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_destination": "stderr",
    "logging_collector": "off",
}
# What decides who can reach the server and which files it is; the supervisor alone sets these.
_FIXED = frozenset(
    {
        "config_file",
        "data_directory",
        "external_pid_file",
        "hba_file",
        "ident_file",
        "listen_addresses",
        "log_destination",
        "logging_collector",
        "port",
        "unix_socket_directories",
        "unix_socket_group",
        "unix_socket_permissions",
    }
)
_NAME = re.compile(r"[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class EmbeddedOptions:
    """What the operator may choose.

    Attributes:
        data_dir: the platform's data directory; the cluster lives in it if its account can get there.
        run_as: the account PostgreSQL runs as when we are root; None takes a usual one.
        shared_buffers_mb: PostgreSQL's own page cache, MiB.
        max_connections: connections the server accepts.
        parameters: further server parameters; they win over ours.
        start_timeout_s: seconds for a start; None waits as long as the server says it is starting.

    Raises:
        ConfigurationError: `parameters` names no parameter, or one that only the supervisor may set.
    """

    data_dir: Path
    run_as: str | None = None
    shared_buffers_mb: int = 256
    max_connections: int = 100
    parameters: Mapping[str, str] = field(default_factory=dict[str, str])
    start_timeout_s: float | None = None

    def __post_init__(self) -> None:
        for name in self.parameters:
            _check(name)


def server_arguments(options: EmbeddedOptions, socket_dir: Path) -> list[str]:
    """Render the server's parameters as command-line arguments."""
    parameters = {
        **_TUNING,
        "shared_buffers": f"{options.shared_buffers_mb}MB",
        "max_connections": str(options.max_connections),
        **options.parameters,
        "listen_addresses": "",
        "unix_socket_directories": str(socket_dir),
        "unix_socket_permissions": "0700",
        "port": str(PORT),
    }
    return [part for name, value in parameters.items() for part in ("-c", f"{name}={value}")]


def _check(name: str) -> None:
    if name in _FIXED:
        raise ConfigurationError(
            f"The embedded PostgreSQL sets {name} itself", hint="Remove it from postgres.parameters"
        )
    if _NAME.fullmatch(name) is None:
        raise ConfigurationError(
            f"{name!r} is not the name of a PostgreSQL parameter", hint="Correct it in postgres.parameters"
        )
