"""What a node says of itself."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Identity:
    """The columns of `peer_connections` that a node fills; None where it said nothing usable."""

    peer_id: str | None = None
    name: str | None = None
    chain: str | None = None
    version: str | None = None
    authority: bool | None = None
    startup_time: int | None = None
    implementation: str | None = None
    genesis_hash: str | None = None
    target_os: str | None = None
    target_arch: str | None = None
    target_env: str | None = None
    sysinfo: str | None = None
