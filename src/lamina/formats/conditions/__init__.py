"""Crypto-conditions as far as the ledger admits them: ed25519 and threshold (spec/ledger.md 1.4).

A *condition* says who may spend, a *fulfillment* proves it; `details` is the JSON form of a condition.
"""

from lamina.formats.conditions.condition import (
    Details,
    ThresholdTooDeep,
    condition_cost,
    condition_der,
    condition_uri,
    details_keys,
    fingerprint_contents,
)
from lamina.formats.conditions.fulfillment import (
    Fulfillment,
    UnsupportedFulfillment,
    fulfill,
    parse_fulfillment,
)

__all__ = [
    "Details",
    "Fulfillment",
    "ThresholdTooDeep",
    "UnsupportedFulfillment",
    "condition_cost",
    "condition_der",
    "condition_uri",
    "details_keys",
    "fingerprint_contents",
    "fulfill",
    "parse_fulfillment",
]
