"""What a node says of itself when it connects."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, cast

from lamina.services.telemetry.live.address import host_of
from lamina.services.telemetry.live.fields import (
    HASH_BYTES,
    boolean,
    decimal,
    hash_text,
    natural,
    text,
)
from lamina.services.telemetry.live.version import Version, split_version

NETWORK_ID_CHARACTERS_MAX = 64


@dataclass(frozen=True, slots=True)
class SystemInformation:
    """The machine; `memory` in bytes."""

    cpu: str | None
    memory: int | None
    core_count: int | None
    linux_kernel: str | None
    linux_distro: str | None
    is_virtual_machine: bool | None


@dataclass(frozen=True, slots=True)
class NodeDetails:
    """The fields of `system.connected`; `startup_time` in milliseconds."""

    chain: str
    name: str
    implementation: str
    version: str
    network_id: str
    validator: str | None
    target_os: str | None
    target_arch: str | None
    target_env: str | None
    ip: str | None
    sysinfo: SystemInformation | None
    startup_time: int | None


def read_genesis_hash(document: Mapping[str, Any]) -> str | None:
    """The chain a node is of; nodes that send no genesis hash are told apart by the hash of the chain's name.

    Args:
        document: a `system.connected`.

    Returns:
        0x and 64 hexadecimal digits; None where there is neither.
    """
    if document.get("genesis_hash") is not None:
        return hash_text(document["genesis_hash"])
    name = document.get("chain")
    if not isinstance(name, str):
        return None
    return f"0x{blake2b(name.encode(errors='replace'), digest_size=HASH_BYTES).hexdigest()}"


def read_details(document: Mapping[str, Any], ip: str | None) -> NodeDetails | None:
    """What a node says of itself.

    Args:
        document: a `system.connected`.
        ip: where it connected from, with or without a port; None to believe what it says.

    Returns:
        None where something is missing without which a node cannot join.
    """
    chain, name = text(document.get("chain")), text(document.get("name"))
    implementation, network_id = text(document.get("implementation")), text(document.get("network_id"))
    version = _read_version(document)
    if chain is None or name is None or implementation is None or version is None or network_id is None:
        return None
    if len(network_id) > NETWORK_ID_CHARACTERS_MAX:
        return None
    return NodeDetails(
        chain=chain,
        name=name,
        implementation=implementation,
        version=version.version,
        network_id=network_id,
        validator=text(document.get("validator")),
        target_os=version.target_os,
        target_arch=version.target_arch,
        target_env=version.target_env,
        ip=text(document.get("ip")) if ip is None else host_of(ip),
        sysinfo=_read_system_information(document.get("sysinfo")),
        startup_time=decimal(document.get("startup_time")),
    )


def _read_version(document: Mapping[str, Any]) -> Version | None:
    version = text(document.get("version"))
    if version is None:
        return None
    arch, os, env = (text(document.get(f"target_{part}")) for part in ("arch", "os", "env"))
    if arch is None and os is None and env is None:
        return split_version(version)
    return Version(version, arch, os, env)


def _read_system_information(sysinfo: object) -> SystemInformation | None:
    if not isinstance(sysinfo, dict):
        return None
    given = cast("dict[str, Any]", sysinfo)
    return SystemInformation(
        cpu=text(given.get("cpu")),
        memory=natural(given.get("memory")),
        core_count=natural(given.get("core_count")),
        linux_kernel=text(given.get("linux_kernel")),
        linux_distro=text(given.get("linux_distro")),
        is_virtual_machine=boolean(given.get("is_virtual_machine")),
    )
