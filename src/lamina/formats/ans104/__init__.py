"""ANS-104: signed data items, and bundles of them (spec/scheduler.md 4 to 6).

Bytes are never written anew: an item that was read is passed on as it came. Everything here is bounded by the
bytes at hand, whatever they claim.
"""

from lamina.formats.ans104.bundle import BUNDLE_TAGS, Bundled, Entry, bundle_parts, entries, is_bundle, items
from lamina.formats.ans104.errors import ItemPart, MalformedBundle, MalformedItem
from lamina.formats.ans104.item import DataItem, owner_address, parse
from lamina.formats.ans104.signature_type import SignatureType
from lamina.formats.ans104.signed_item import Draft, SignedItem, sign
from lamina.formats.ans104.signers import Ed25519Signer, EthereumSigner, Signer
from lamina.formats.ans104.verification import verify
from lamina.formats.ans104.wallet import Wallet

__all__ = [
    "BUNDLE_TAGS",
    "Bundled",
    "DataItem",
    "Draft",
    "Ed25519Signer",
    "Entry",
    "EthereumSigner",
    "ItemPart",
    "MalformedBundle",
    "MalformedItem",
    "SignatureType",
    "SignedItem",
    "Signer",
    "Wallet",
    "bundle_parts",
    "entries",
    "is_bundle",
    "items",
    "owner_address",
    "parse",
    "sign",
    "verify",
]
