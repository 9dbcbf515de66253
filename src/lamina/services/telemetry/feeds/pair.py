"""What is kept of one peer and message type while somebody reads it (spec/telemetry.md 7.3)."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import orjson

from lamina.services.telemetry.model.element import Element

ELEMENTS_MAX = 100_000
"""Elements kept of one pair; a feed of a busier node begins later."""

_COMMON = ("ts", "id", "msg", "level", "line", "telemetry_id")

Deliver = Callable[[Sequence[Element]], None]


def element(created_at: datetime, logs: bytes | str) -> Element | None:
    """A stored document as a feed shows it; None for numbers that no reader could take."""
    try:
        fields = cast("dict[str, Any]", orjson.loads(logs))
    except orjson.JSONDecodeError:
        return None
    for name in _COMMON:
        fields.pop(name, None)
    return Element(created_at, fields)


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who is told of a pair's elements that are newer than a moment."""

    deliver: Deliver
    since: datetime

    def tell(self, elements: Iterable[Element]) -> None:
        """Hand over what is new to this reader, in order of time."""
        newer = sorted((each for each in elements if each.created_at > self.since), key=_time)
        if newer:
            self.deliver(newer)


class Pair:
    """A peer and type: its recent elements, and who is told of new ones."""

    def __init__(self, now_s: float) -> None:
        """Start without history.

        Args:
            now_s: loop time.
        """
        self.unread_since_s = now_s
        self._readers: dict[object, Reader] = {}
        self._elements: deque[Element] = deque(maxlen=ELEMENTS_MAX)
        self._position: int | None = None
        self._early: list[tuple[int, Sequence[Element]]] = []

    @property
    def is_read(self) -> bool:
        """Whether anybody reads it."""
        return bool(self._readers)

    def join(self, name: object, reader: Reader) -> None:
        """Tell a reader of everything; of what came before as soon as it is known."""
        self._readers[name] = reader
        if self._position is not None:
            reader.tell(self._elements)

    def leave(self, name: object, now_s: float) -> None:
        """Tell a reader no more."""
        if self._readers.pop(name, None) is not None and not self._readers:
            self.unread_since_s = now_s

    def fill(self, position: int, elements: Iterable[Element]) -> None:
        """Take the history up to a position; what was committed after it meanwhile follows."""
        self._position = position
        self._elements.extend(elements)
        for committed, said in self._early:
            if committed > position:
                self._elements.extend(said)
        self._early.clear()
        for reader in list(self._readers.values()):
            reader.tell(self._elements)

    def add(self, position: int, elements: Sequence[Element]) -> None:
        """Take newly committed elements."""
        if self._position is None:
            self._early.append((position, elements))
        elif position > self._position:
            self._elements.extend(elements)
            for reader in list(self._readers.values()):
                reader.tell(elements)

    def forget(self, before: datetime) -> None:
        """Drop elements that are too old to be asked for."""
        if any(each.created_at < before for each in self._elements):
            kept = [each for each in self._elements if each.created_at >= before]
            self._elements = deque(kept, maxlen=ELEMENTS_MAX)


def _time(element: Element) -> datetime:
    return element.created_at
