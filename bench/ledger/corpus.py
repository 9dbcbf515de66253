"""Signed transactions made ahead of a measurement, by a pool of processes.

A CREATE has one signature and about 1.2 kB; half of them bring a key of their own, the others share five
hundred. Bodies are written as clients write them, in no canonical order.
"""

import itertools
import os
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any, NamedTuple, TypeVar

import orjson

from lamina.formats import transaction as build
from lamina.formats.canonical_json import encode
from lamina.formats.hashes import sha3_256_hex
from lamina.formats.signatures import KeyPair

T = TypeVar("T")

SHARED_KEYS = 1000
"""Numbers a shared key is taken modulo of; those that have a key of their own leave gaps."""
OWN_KEYS_PER_HUNDRED = 50
CHUNK = 500
AHEAD = 8
NOTE_WORDS = 30
MANY_EVERY = 100
"""Of a stored corpus every so manieth output belongs to one key."""

_TEXT = """
valve pump gauge flange bearing gasket rotor stator housing spindle bracket lever piston cylinder filter
sensor cable relay motor gear shaft sealed tested inspected certified shipped stored assembled repaired
painted welded steel copper brass ceramic rubber polymer titanium north south east west plant depot
harbour warehouse
"""
_WORDS = tuple(_TEXT.split())


class Signed(NamedTuple):
    """A transaction ready to post; `after` is the id of the one that must be valid before it, or ""."""

    tx_id: str
    body: bytes
    after: str = ""


def key_of(seed: str) -> KeyPair:
    """The key pair that belongs to a seed's text, the same in every process."""
    return KeyPair.from_seed(bytes.fromhex(sha3_256_hex(seed.encode())))


def creates(label: str, count: int) -> Iterator[Signed]:
    """Signed CREATE transactions in the clients' form, none of them in a corpus of another label."""
    return _pooled(_creates, label, count)


def chains(label: str, count: int, *, transfers: int) -> Iterator[Signed]:
    """`count` CREATEs, each followed by `transfers` TRANSFERs that hand its only output on."""
    return _pooled(_chains, label, count, transfers)


def stored(label: str, count: int) -> Iterator[bytes]:
    """Canonical bytes of signed CREATEs of which every hundredth goes to `key_of_many`."""
    return _pooled(_stored, label, count)


def own_keys(label: str, numbers: Iterable[int]) -> list[str]:
    """Public keys that own one output each, of those CREATEs of a corpus that have such a key."""
    return [key_of(f"{label}/{number}").public for number in numbers if _has_own_key(number)]


def key_of_many() -> str:
    """The public key that owns many outputs of a stored corpus."""
    return key_of("many").public


def shared_keys() -> list[str]:
    """Public keys that share the other outputs of every corpus."""
    return [_shared_keys[number].public for number in range(SHARED_KEYS) if not _has_own_key(number)]


def _pooled(make: Callable[..., list[T]], label: str, count: int, *more: int) -> Iterator[T]:
    """Chunks from all cores in order, never far ahead of the reader."""
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        starts = iter(range(0, count, CHUNK))

        def submit(at: int) -> Future[list[T]]:
            return pool.submit(make, label, at, min(CHUNK, count - at), *more)

        ahead = [submit(at) for at in itertools.islice(starts, AHEAD)]
        while ahead:
            yield from ahead.pop(0).result()
            ahead.extend(submit(at) for at in itertools.islice(starts, 1))


def _creates(label: str, start: int, count: int) -> list[Signed]:
    return [_client_form(document) for document in _documents(label, start, count)]


def _stored(label: str, start: int, count: int) -> list[bytes]:
    return [encode(document) for document in _documents(label, start, count, many=key_of_many())]


def _chains(label: str, start: int, count: int, transfers: int) -> list[Signed]:
    made: list[Signed] = []
    for number, first in enumerate(_documents(label, start, count), start):
        made.append(_client_form(first))
        made += _transfers(
            first, _signer(label, number), [key_of(f"{label}/{number}/{n}") for n in range(transfers)]
        )
    return made


def _transfers(first: dict[str, Any], owner: KeyPair, owners: Sequence[KeyPair]) -> Iterator[Signed]:
    """The only output of a CREATE handed from owner to owner."""
    document = first
    for step, following in enumerate(owners):
        inputs, metadata = build.inputs_of(document), {"step": step, "note": _note(step)}
        unsigned = build.transfer(inputs, [(following.public, 1)], first["id"], metadata)
        spent, document, owner = document["id"], build.sign(unsigned, [owner]), following
        yield _client_form(document)._replace(after=spent)


def _documents(label: str, start: int, count: int, *, many: str | None = None) -> Iterator[dict[str, Any]]:
    """CREATEs; every `MANY_EVERY`-th goes to the key `many` if there is one, the rest to its signer."""
    for number in range(start, start + count):
        signer = _signer(label, number)
        owner = many if many is not None and number % MANY_EVERY == MANY_EVERY - 1 else signer.public
        unsigned = build.create(
            signer.public, [(owner, 1)], _asset(f"{label}-{number:09d}"), {"batch": number // 100}
        )
        yield build.sign(unsigned, [signer])


def _signer(label: str, number: int) -> KeyPair:
    if _has_own_key(number):
        return key_of(f"{label}/{number}")
    return _shared_keys[number % SHARED_KEYS]


def _has_own_key(number: int) -> bool:
    return number % 100 < OWN_KEYS_PER_HUNDRED


def _asset(serial: str) -> dict[str, Any]:
    """What a client might register: a serial number, digests of two papers, a line of words."""
    return {
        "serial": serial,
        "certificate": sha3_256_hex(serial.encode()),
        "drawing": {"sha3": sha3_256_hex(serial[:-2].encode()), "pages": len(serial)},
        "description": _note(serial),
    }


def _note(seed: object) -> str:
    return " ".join(random.Random(str(seed)).choices(_WORDS, k=NOTE_WORDS))


def _client_form(document: dict[str, Any]) -> Signed:
    return Signed(document["id"], orjson.dumps(document))


class _SharedKeys(dict[int, KeyPair]):
    def __missing__(self, number: int) -> KeyPair:
        return self.setdefault(number, key_of(f"shared/{number}"))


_shared_keys = _SharedKeys()
