"""The scheduler's wallet in the simulator: the production's item format, a keyed hash for RSA, time from the seed."""

import asyncio
import contextlib
from hashlib import sha512

from tests.simulation.scheduler.misfortune import Misfortune

from lamina.formats import avro_tags
from lamina.formats.ans104.item import DataItem
from lamina.formats.ans104.message import signing_message
from lamina.formats.ans104.signature_type import SignatureType
from lamina.formats.deep_hash import blob_hash
from lamina.services.scheduler.rules import assignment
from lamina.services.scheduler.rules.assignment import Assigned, Stretch

SIGNATURE_S = 0.006
SLOW_SIGNATURE_S = 3.0


class KeyedHash:
    """Signs with a hash of a secret and the message: as long as ed25519's, and as hard to forge in here."""

    signature_type = SignatureType.ED25519
    owner = b"w" * 32

    def sign(self, message: bytes) -> bytes:
        return sha512(b"secret" + message).digest()

    def verify(self, item: DataItem) -> bool:
        """Whether an item is signed by this key as it stands."""
        fields = (item.owner, item.target, item.anchor, avro_tags.encode(item.tags))
        message = signing_message(item.signature_type, fields, blob_hash(item.data))
        return item.owner == self.owner and item.signature == self.sign(message)


SATURATED = 4


class SimulatedSigner:
    """Stands for `Signer`: as slow as RSA, and now and then much slower."""

    def __init__(self, misfortune: Misfortune) -> None:
        self.wallet = KeyedHash()
        self.clients = contextlib.nullcontext()
        self._misfortune = misfortune
        self._under_way = 0

    @property
    def is_saturated(self) -> bool:
        """Whether so many wait that real processes would be busy for a while."""
        return self._under_way >= SATURATED

    async def assign(self, stretch: Stretch) -> list[Assigned]:
        chance, profile = self._misfortune.loop.chance, self._misfortune.profile
        longest_s = (
            SLOW_SIGNATURE_S
            if self._misfortune.strikes("slow_signature", profile.slow_signature)
            else SIGNATURE_S
        )
        self._under_way += 1
        try:
            await asyncio.sleep(chance.random() * longest_s * len(stretch.orders))
        finally:
            self._under_way -= 1
        return assignment.assign(stretch, self.wallet)
