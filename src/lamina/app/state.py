"""What the running platform is and how it is: for `/readyz`, `lamina status` and the ready message."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lamina.kernel.storage.database import Database
from lamina.kernel.supervision.children import ChildState

_EVERY_ADDRESS = {"0.0.0.0": "localhost", "::": "localhost", "": "localhost"}  # noqa: S104 - shown, not bound


@dataclass(frozen=True, slots=True)
class Address:
    """Where something listens."""

    name: str
    scheme: str
    host: str
    port: int
    path: str

    @property
    def url(self) -> str:
        """The URL a person opens."""
        named = _EVERY_ADDRESS.get(self.host, self.host)
        host = f"[{named}]" if ":" in named else named
        return f"{self.scheme}://{host}:{self.port}{self.path}"


@dataclass(frozen=True, slots=True)
class PlatformState:
    """Facts fixed at the start, and the children's changing states."""

    version: str
    data_dir: str
    database_kind: str
    database: Database
    admin: Address
    addresses: Sequence[Address]
    services: Sequence[str]
    children: Sequence[ChildState]
    started_at: float

    def reasons(self) -> dict[str, list[str]]:
        """Why the platform is not ready: process name to sentences; empty when it is."""
        return {child.name: list(child.reasons) for child in self.children if not child.is_ready}

    def document(self) -> dict[str, Any]:
        """The state as JSON, for `/status` and `lamina status --json`."""
        reasons = self.reasons()
        return {
            "ready": not reasons,
            "reasons": reasons,
            "version": self.version,
            "uptime_s": round(time.time() - self.started_at, 1),
            "data_dir": self.data_dir,
            "database": self.database_kind,
            "services": list(self.services),
            "addresses": {address.name: address.url for address in (*self.addresses, self.admin)},
            "processes": [
                {
                    "name": child.name,
                    "pid": child.pid,
                    "ready": child.is_ready,
                    "restarts": child.restarts,
                    "reasons": list(child.reasons),
                }
                for child in self.children
            ],
        }
