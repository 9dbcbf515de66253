"""Clients of telemetry, blocking and async, with the same methods.

They also speak to Tetcore Analytics and Substrate Analytics, except for what those do not have: `series`, and
everything about chains.
"""

from lamina.sdk.telemetry.async_client import AsyncSender, AsyncTelemetryClient
from lamina.sdk.telemetry.client import Sender, TelemetryClient
from lamina.sdk.telemetry.documents import (
    Benchmark,
    BenchmarkEvent,
    Chain,
    HostSystem,
    LiveNode,
    Log,
    LogStat,
    NewHostSystem,
    Node,
    Relation,
    Reputation,
    Reputations,
)
from lamina.sdk.telemetry.errors import NotFound, NotRead, Refused, TelemetryError
from lamina.sdk.telemetry.messages import Identity

__all__ = [
    "AsyncSender",
    "AsyncTelemetryClient",
    "Benchmark",
    "BenchmarkEvent",
    "Chain",
    "HostSystem",
    "Identity",
    "LiveNode",
    "Log",
    "LogStat",
    "NewHostSystem",
    "Node",
    "NotFound",
    "NotRead",
    "Refused",
    "Relation",
    "Reputation",
    "Reputations",
    "Sender",
    "TelemetryClient",
    "TelemetryError",
]
