"""Messages as nodes write them: one JSON object each, in the flat shape (spec/telemetry.md 3.5). No I/O."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Identity:
    """Who sends: what a node says of itself when it connects.

    Attributes:
        network_id: the peer's id; everything it sends is found under it.
        name: for people.
        chain: what chain it follows.
        implementation: what program it is.
        version: of the program.
        authority: whether it takes part in making blocks.
        startup_time: when it started; now when absent.
        genesis_hash: 0x and 64 hexadecimal digits; the chain's name stands in for it when absent.
    """

    network_id: str
    name: str
    chain: str
    implementation: str = "lamina.sdk"
    version: str = "1"
    authority: bool = False
    startup_time: datetime | None = None
    genesis_hash: str | None = None

    def hello(self) -> dict[str, Any]:
        """The fields of `system.connected`."""
        startup = self.startup_time or datetime.now(UTC)
        fields: dict[str, Any] = {
            "network_id": self.network_id,
            "name": self.name,
            "chain": self.chain,
            "implementation": self.implementation,
            "version": self.version,
            "config": "",
            "authority": self.authority,
            "startup_time": str(int(startup.timestamp() * 1000)),
        }
        return fields if self.genesis_hash is None else {**fields, "genesis_hash": self.genesis_hash}


def message(msg: str, fields: dict[str, Any], at: datetime | None = None) -> bytes:
    """One message.

    Args:
        msg: its type.
        fields: what it says; any JSON.
        at: when; now when absent. A time without a zone is local.

    Raises:
        TypeError, ValueError: the fields are not JSON.
    """
    moment = datetime.now(UTC) if at is None else at.astimezone()
    document = {"msg": msg, "level": "INFO", "ts": moment.isoformat(), **fields}
    return json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
