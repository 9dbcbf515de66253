"""One hash for everything that can be spent: SHA3-256 over the unspent outputs, in 256 buckets.

A bucket holds the outputs whose transaction id begins with its byte, sorted, each as 32 bytes of id and 4 of
index; the hash of the state is the hash of the buckets' hashes (distribution-and-reliability 6.6).
"""

import hashlib
from collections.abc import Iterable

BUCKETS = 256


class StateHash:
    """Takes the buckets in order."""

    def __init__(self) -> None:
        self._root = hashlib.sha3_256()
        self._buckets = 0

    def add(self, entries: bytes) -> None:
        """Take the next bucket: its entries one behind the other, sorted."""
        self._root.update(hashlib.sha3_256(entries).digest())
        self._buckets += 1

    def hexdigest(self) -> str:
        """The state's hash, once every bucket was taken."""
        assert self._buckets == BUCKETS, f"{self._buckets} of {BUCKETS} buckets"
        return self._root.hexdigest()


def hash_outputs(outputs: Iterable[tuple[str, int]]) -> str:
    """The hash of unspent outputs given as (transaction id, index), in any order."""
    buckets: list[list[bytes]] = [[] for _ in range(BUCKETS)]
    for tx_id, index in outputs:
        raw = bytes.fromhex(tx_id)
        buckets[raw[0]].append(raw + index.to_bytes(4, "big"))
    state = StateHash()
    for entries in buckets:
        state.add(b"".join(sorted(entries)))
    return state.hexdigest()
