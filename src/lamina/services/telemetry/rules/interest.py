"""Commands of a `/feed` client, with the original's words for what is wrong (spec/telemetry.md 7.1)."""

from datetime import datetime
from typing import Any, cast

import orjson

from lamina.services.telemetry.model.interest import Aggregate, Subscribe, Unsubscribe
from lamina.services.telemetry.rules.timestamp import parse_moment

KINDS = frozenset({"mean", "median", "min", "max", "percentile90"})
INTERVAL_S_MAX = 10**9
TEXT_CHARACTERS_MAX = 512


class BadInterest(Exception):
    """The text is what the client is told."""


def parse(payload: bytes) -> Subscribe | Unsubscribe | None:
    """Read a command.

    Args:
        payload: of a text message.

    Returns:
        None for what is no JSON object; it is ignored.

    Raises:
        BadInterest: something is missing or wrong.
    """
    try:
        command = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(command, dict):
        return None
    return _interest(cast("dict[str, Any]", command))


def _interest(command: dict[str, Any]) -> Subscribe | Unsubscribe:
    pair = _text(command, "peer_id"), _text(command, "msg")
    interest = _text(command, "interest")
    if interest == "unsubscribe":
        return Unsubscribe(pair)
    if interest != "subscribe":
        raise BadInterest("`interest` must be either `subscribe` or `unsubscribe`")
    return Subscribe(pair, _since(command), _aggregate(command))


def _text(command: dict[str, Any], name: str) -> str:
    value = command.get(name)
    if not isinstance(value, str) or len(value) > TEXT_CHARACTERS_MAX:
        raise BadInterest(f"`{name}` not found")
    return value.replace("\x00", "\ufffd")


def _since(command: dict[str, Any]) -> datetime:
    value = command.get("start_time")
    if not isinstance(value, str):
        raise BadInterest("`start_time` not found")
    moment = parse_moment(value)
    if moment is None:
        raise BadInterest("unable to parse `start_time`")
    return moment


def _aggregate(command: dict[str, Any]) -> Aggregate | None:
    kind = command.get("aggregate_type")
    if kind is None or kind == "":
        return None
    interval_s = command.get("aggregate_interval")
    if not isinstance(kind, str) or not _is_interval(interval_s):
        raise BadInterest("Unable to parse `aggregate_type` or `aggregate_interval`")
    if kind.lower() not in KINDS:
        raise BadInterest("Unable to parse AggregateType")
    return Aggregate(kind.lower(), cast("int", interval_s))


def _is_interval(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= INTERVAL_S_MAX
