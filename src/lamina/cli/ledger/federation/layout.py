"""Where a federation on one machine keeps what: one directory for each node, and one for the log.

```
DIR/start.sh   log.dsn
DIR/node1/     lamina.toml  ledger.key.json    the data directory of node 1
DIR/log/       lamina.toml                     that of the log, unless the log is somebody else's
```
"""

from dataclasses import dataclass
from pathlib import Path

LOG = "log"
CONFIG = "lamina.toml"
LOG_DSN = "log.dsn"
START = "start.sh"
PORT_STEP = 10
"""Between the offsets of two nodes; the default ports of one node fit in between those of the next."""

_HTTP, _STREAM, _ADMIN = 9984, 9985, 8088


@dataclass(frozen=True, slots=True)
class TrialNode:
    """One node.

    Attributes:
        name: of its directory.
        directory: its data directory, absolute.
        public_key: what it signs with.
        port_offset: as of `--port-offset`.
    """

    name: str
    directory: Path
    public_key: str
    port_offset: int

    @property
    def config(self) -> Path:
        """Its settings."""
        return self.directory / CONFIG

    @property
    def url(self) -> str:
        """Its HTTP API."""
        return f"http://localhost:{_HTTP + self.port_offset}/"

    @property
    def stream_url(self) -> str:
        """Its event stream."""
        return f"ws://localhost:{_STREAM + self.port_offset}/api/v1/streams/valid_transactions"

    @property
    def admin_url(self) -> str:
        """Its admin listener."""
        return f"http://127.0.0.1:{_ADMIN + self.port_offset}/"

    @property
    def arguments(self) -> list[str]:
        """What follows `lamina` to run it."""
        return ["--config", str(self.config), "up"]


@dataclass(frozen=True, slots=True)
class TrialFederation:
    """All of it; the log is this machine's, or somebody else's.

    Attributes:
        directory: absolute.
        nodes: at least one.
        has_log: whether the log's database is run here.
    """

    directory: Path
    nodes: tuple[TrialNode, ...]
    has_log: bool

    @property
    def log_dsn_file(self) -> Path:
        """Where every node reads where the log is."""
        return self.directory / LOG_DSN

    @property
    def log_directory(self) -> Path:
        """The data directory of the log's database."""
        return self.directory / LOG

    @property
    def log_arguments(self) -> list[str]:
        """What follows `lamina` to run the log's database."""
        return ["ledger", "federation", LOG, str(self.directory)]

    @property
    def start(self) -> Path:
        """The script that runs everything."""
        return self.directory / START

    @property
    def majority(self) -> int:
        """How many nodes must run for anything to be decided."""
        return len(self.nodes) // 2 + 1
