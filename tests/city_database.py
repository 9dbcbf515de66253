"""City databases of our own in MaxMind's format, version 2.0 (https://maxmind.github.io/MaxMind-DB/)."""

import ipaddress
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

RECORD_BITS = 24
SEPARATOR = bytes(16)
MARKER = b"\xab\xcd\xefMaxMind.com"
TEXT, DOUBLE, UINT16, UINT32, MAP, UINT64, ARRAY = 2, 3, 5, 6, 7, 9, 11
Node = list[Any]


def city(latitude: float, longitude: float, name: str | None) -> dict[str, Any]:
    """A record as city databases have them."""
    names = {} if name is None else {"city": {"names": {"en": name, "fr": "ailleurs"}}}
    return {**names, "location": {"latitude": latitude, "longitude": longitude, "accuracy_radius": 5}}


def write_database(path: Path, records: Mapping[str, object]) -> Path:
    """Write a database of these networks."""
    tree: Node = [None, None]
    nodes = [tree]
    data, places = b"", list[int]()
    for record in records.values():
        places.append(len(data))
        data += _encode(record)
    for network, place in zip(records, places, strict=True):
        _insert(nodes, network, place)
    numbers = {id(node): number for number, node in enumerate(nodes)}

    def pointer(side: Node | int | None) -> int:
        if side is None:
            return len(nodes)
        return numbers[id(side)] if isinstance(side, list) else len(nodes) + len(SEPARATOR) + side

    search = b"".join(pointer(side).to_bytes(RECORD_BITS // 8, "big") for node in nodes for side in node)
    path.write_bytes(search + SEPARATOR + data + MARKER + _encode(_metadata(len(nodes))))
    return path


def _insert(nodes: list[Node], network: str, place: int) -> None:
    parsed = ipaddress.ip_network(network)
    # Addresses of IPv4 are the last 32 bits of a tree of IPv6.
    depth = parsed.prefixlen + (96 if parsed.version == 4 else 0)
    bits = f"{int(parsed.network_address):0128b}"[:depth]
    node = nodes[0]
    for bit in map(int, bits[:-1]):
        if node[bit] is None:
            node[bit] = [None, None]
            nodes.append(node[bit])
        node = node[bit]
    node[int(bits[-1])] = place


def _metadata(node_count: int) -> dict[str, Any]:
    return {
        "node_count": _number(UINT32, node_count), "record_size": _number(UINT16, RECORD_BITS),
        "ip_version": _number(UINT16, 6), "database_type": "Test-City", "languages": ["en"],
        "binary_format_major_version": _number(UINT16, 2),
        "binary_format_minor_version": _number(UINT16, 0),
        "build_epoch": _number(UINT64, 1_700_000_000), "description": {"en": "made by a test"},
    }  # fmt: skip


def _number(kind: int, value: int) -> bytes:
    raw = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return _head(kind, len(raw)) + raw


def _encode(value: object) -> bytes:
    if isinstance(value, str):
        return _head(TEXT, len(value.encode())) + value.encode()
    if isinstance(value, float):
        return _head(DOUBLE, 8) + struct.pack("!d", value)
    if isinstance(value, bytes):
        return value  # encoded already
    if isinstance(value, int):
        return _number(UINT32, value)
    if isinstance(value, list):
        return _head(ARRAY, len(value)) + b"".join(map(_encode, value))
    assert isinstance(value, dict)
    return _head(MAP, len(value)) + b"".join(_encode(part) for pair in value.items() for part in pair)


def _head(kind: int, size: int) -> bytes:
    assert size < 29
    return bytes((kind << 5 | size,)) if kind < 8 else bytes((size, kind - 7))
