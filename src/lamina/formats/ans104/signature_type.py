"""The seven ways to sign a data item, and what each of them says about the layout (spec/scheduler.md 4)."""

from enum import IntEnum
from typing import Self


class SignatureType(IntEnum):
    """The number in an item's first two bytes; sizes are in bytes."""

    signature_bytes: int
    owner_bytes: int

    ARWEAVE = 1, 512, 512
    ED25519 = 2, 64, 32
    ETHEREUM = 3, 65, 65
    SOLANA = 4, 64, 32
    INJECTED_APTOS = 5, 64, 32
    MULTI_APTOS = 6, 2052, 1025
    TYPED_ETHEREUM = 7, 65, 42

    def __new__(cls, number: int, signature_bytes: int, owner_bytes: int) -> Self:
        """The member of a number, with its sizes."""
        member = int.__new__(cls, number)
        member._value_ = number
        member.signature_bytes = signature_bytes
        member.owner_bytes = owner_bytes
        return member
