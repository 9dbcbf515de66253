"""A stored message as `/feed` shows it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Element:
    """A message's time, and its fields without those that every message has."""

    created_at: datetime
    fields: dict[str, Any]
