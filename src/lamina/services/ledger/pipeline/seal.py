"""This node's own mark on bytes whose signatures it has verified.

The mark is a keyed hash: another worker of the same node can trust it without verifying again
(architecture 4, "reuses its own first signature check"), and nobody without the node's key can forge it.
"""

import hashlib
import hmac

from lamina.formats.signatures import KeyPair


class Seal:
    """Seals and recognises canonical transaction bytes."""

    def __init__(self, node: KeyPair) -> None:
        self._key = hashlib.sha256(node.sign(b"lamina ledger: seal of checked transactions, 1")).digest()

    def of(self, body: bytes) -> bytes:
        """32 bytes that only this node can make."""
        return hashlib.blake2b(body, key=self._key, digest_size=32).digest()

    def fits(self, body: bytes, seal: bytes) -> bool:
        """Whether this node sealed these very bytes."""
        return hmac.compare_digest(self.of(body), seal)
