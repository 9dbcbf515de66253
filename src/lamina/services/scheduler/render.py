"""Stored items to the original's JSON (spec/scheduler.md 9): the only place with its field names."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import orjson

from lamina.formats import base64url
from lamina.formats.ans104.item import DataItem, owner_address, parse
from lamina.kernel.storage.database import Record
from lamina.services.scheduler.model.look import Look
from lamina.services.scheduler.model.unit import KnownUnit
from lamina.services.scheduler.rules.assignment import height_text


def dumps(document: object) -> bytes:
    """One JSON document."""
    return orjson.dumps(document)


def failure(text: str) -> bytes:
    """An error."""
    return orjson.dumps({"error": text})


def submitted(answer_id: bytes, now_ms: int) -> bytes:
    """The answer to `POST /`."""
    return orjson.dumps({"id": base64url.encode(answer_id), "timestamp": now_ms})


def root(address: str, now_ms: int) -> bytes:
    """The answer to `GET /`."""
    return orjson.dumps({"address": address, "timestamp": str(now_ms)})


def timestamp(height: int, now_ms: int) -> bytes:
    """The answer to `GET /timestamp`."""
    return orjson.dumps({"block_height": height_text(height), "timestamp": str(now_ms)})


def unit(known: KnownUnit, look: Look | None) -> dict[str, Any]:
    """A unit of a router; `up` is null before the first look at it."""
    return {
        "url": known.url,
        "up": None if look is None else look.reason is None,
        "latency_ms": None if look is None or look.latency_ms is None else round(look.latency_ms, 1),
        "reason": None if look is None else look.reason,
        "process_count": known.process_count,
        "no_route": known.no_route,
        "wallets_to_route": sorted(known.wallets),
        "wallets_only": known.wallets_only,
    }


def message_object(assignment: bytes, item: bytes | None, *, show_anchor: bool = False) -> dict[str, Any]:
    """A message with its assignment."""
    return {
        "message": None if item is None else _message(parse(item)),
        "assignment": _assignment(parse(assignment), show_anchor=show_anchor),
    }


def edge(row: Mapping[str, Any], *, by_nonce: bool, show_anchor: bool) -> bytes:
    """An element of a list."""
    return orjson.dumps(
        {
            "node": message_object(row["assignment"], row["item"], show_anchor=show_anchor),
            "cursor": str(row["nonce"] if by_nonce else row["ts"]),
        }
    )


def process_edge(row: Record, *, by_nonce: bool, show_anchor: bool) -> bytes:
    """A process as the first element of its list."""
    node = message_object(row["assignment"], row["item"], show_anchor=show_anchor)
    node["message"]["target"] = node["message"]["target"] or None
    return orjson.dumps({"node": node, "cursor": "0" if by_nonce else str(row["ts"])})


def list_head(*, has_next_page: bool) -> bytes:
    """What comes before a list's elements."""
    return b'{"page_info":{"has_next_page":%b},"edges":[' % (b"true" if has_next_page else b"false")


LIST_END = b"]}"


def process_object(row: Record) -> bytes:
    """The answer to `GET /processes/{id}`."""
    item = parse(row["item"])
    return orjson.dumps(
        {
            "process_id": base64url.encode(row["process_id"]),
            "block": height_text(row["block_height"]),
            "owner": _owner(item.owner),
            "tags": _tags(item),
            "timestamp": row["ts"],
            "data": _text_or_none(bytes(item.data)),
            "anchor": _text_or_none(item.anchor) if item.anchor else None,
            "signature": base64url.encode(item.signature),
            "target": base64url.encode(item.target) if item.target else None,
        }
    )


def _message(item: DataItem) -> dict[str, Any]:
    return {
        "id": item.id,
        "owner": _owner(item.owner),
        "data": bytes(item.data).decode("utf-8", "replace"),
        "tags": _tags(item),
        "signature": base64url.encode(item.signature),
        "anchor": _text_or_none(item.anchor) if item.anchor else None,
        "target": base64url.encode(item.target),
    }


def _assignment(item: DataItem, *, show_anchor: bool) -> dict[str, Any]:
    anchor = _text_or_none(item.anchor) if item.anchor else None
    if anchor is None and item.anchor and show_anchor:
        anchor = base64url.encode(item.anchor)
    return {
        "id": item.id,
        "owner": _owner(item.owner),
        "tags": _tags(item),
        "signature": base64url.encode(item.signature),
        "anchor": anchor,
        "target": base64url.encode(item.target),
    }


@lru_cache(maxsize=1024)
def _owner(owner: bytes) -> dict[str, str]:
    return {"address": owner_address(owner), "key": base64url.encode(owner)}


def _tags(item: DataItem) -> list[dict[str, str]]:
    return [{"name": tag.name, "value": tag.value} for tag in item.tags]


def _text_or_none(raw: bytes) -> str | None:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return None
