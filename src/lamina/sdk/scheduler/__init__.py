"""Clients of the scheduler, blocking and async, with the same methods, and what proves what was read.

They also speak to the scheduler units and routers of ao.
"""

from lamina.formats.ans104 import Ed25519Signer, EthereumSigner, SignedItem, Signer, Wallet
from lamina.sdk.scheduler.async_client import AsyncSchedulerClient
from lamina.sdk.scheduler.chain import Chain, is_signed
from lamina.sdk.scheduler.client import SchedulerClient
from lamina.sdk.scheduler.documents import (
    Assignment,
    Edge,
    Message,
    Owner,
    Page,
    Process,
    Scheduled,
    Tag,
    Time,
    Unit,
)
from lamina.sdk.scheduler.errors import BrokenChain, NotFound, Refused, SchedulerError
from lamina.sdk.scheduler.items import signed_message, signed_spawn

__all__ = [
    "Assignment",
    "AsyncSchedulerClient",
    "BrokenChain",
    "Chain",
    "Ed25519Signer",
    "Edge",
    "EthereumSigner",
    "Message",
    "NotFound",
    "Owner",
    "Page",
    "Process",
    "Refused",
    "Scheduled",
    "SchedulerClient",
    "SchedulerError",
    "SignedItem",
    "Signer",
    "Tag",
    "Time",
    "Unit",
    "Wallet",
    "is_signed",
    "signed_message",
    "signed_spawn",
]
