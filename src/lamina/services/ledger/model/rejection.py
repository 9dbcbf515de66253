"""The recorded end of a transaction that was accepted and did not become valid."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why and when; `reason` is the class of the rule that was broken."""

    tx_id: str
    reason: str
    detail: str
    accepted_at: datetime
    rejected_at: datetime
