import dataclasses
import os

import pytest

from lamina.formats import base58, signatures
from lamina.formats.errors import FormatError
from lamina.formats.signatures import KeyPair

# RFC 8032 section 7.1, tests 1 and 2.
RFC_8032 = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555"
            "fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
        ),
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        ),
    ),
]


@pytest.mark.parametrize(("seed", "public", "message", "signature"), RFC_8032)
def test_rfc_8032(seed: str, public: str, message: str, signature: str) -> None:
    raw = bytes.fromhex(seed)
    assert signatures.public_key(raw).hex() == public
    assert signatures.sign(raw, bytes.fromhex(message)).hex() == signature
    assert signatures.verify(bytes.fromhex(public), bytes.fromhex(message), bytes.fromhex(signature))


def test_any_changed_bit_is_noticed() -> None:
    seed = bytes(range(32))
    public, message = signatures.public_key(seed), b"message"
    good = signatures.sign(seed, message)
    for at in range(64):
        changed = good[:at] + bytes((good[at] ^ 1,)) + good[at + 1 :]
        assert not signatures.verify(public, message, changed)
    assert not signatures.verify(public, message + b"x", good)
    assert not signatures.verify(signatures.public_key(bytes(32)), message, good)


@pytest.mark.parametrize(
    ("key_bytes", "signature_bytes"), [(0, 64), (31, 64), (33, 64), (32, 0), (32, 63), (32, 65)]
)
def test_wrong_lengths_are_false(key_bytes: int, signature_bytes: int) -> None:
    assert signatures.verify(bytes(key_bytes), b"message", bytes(signature_bytes)) is False


def test_scalar_that_is_not_canonical_is_refused() -> None:
    """S + L signs the same equation; accepting it would let anybody alter a signature."""
    order = 2**252 + 27742317777372353535851937790883648493
    seed = bytes(range(32))
    good = signatures.sign(seed, b"m")
    scalar = int.from_bytes(good[32:], "little") + order
    altered = good[:32] + scalar.to_bytes(32, "little")
    assert signatures.verify(signatures.public_key(seed), b"m", altered) is False


def test_small_order_key_is_refused() -> None:
    identity = b"\1" + bytes(31)
    assert signatures.verify(identity, b"anything", identity + bytes(32)) is False
    assert signatures.verify(bytes(32), b"anything", bytes(64)) is False


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_seed_has_32_bytes(size: int) -> None:
    for refused in (signatures.public_key, KeyPair.from_seed, lambda seed: signatures.sign(seed, b"")):
        with pytest.raises(FormatError):
            refused(bytes(size))


def test_new_seeds_differ() -> None:
    seeds = {signatures.new_seed() for _ in range(10)}
    assert len(seeds) == 10
    assert {len(seed) for seed in seeds} == {32}


def test_a_new_seed_has_a_key_that_the_schemas_admit(monkeypatch: pytest.MonkeyPatch) -> None:
    short = bytes.fromhex("47d58fa3c55018300372555fd235f11829fb388c22e44cb637f01210c3707a90")
    assert len(KeyPair.from_seed(short).public) == 42
    long = bytes(32)
    drawn = iter((short, long))
    monkeypatch.setattr(signatures, "randombytes", lambda size: next(drawn))
    assert signatures.new_seed() == long


def test_key_pair_of_base58_seed() -> None:
    seed = os.urandom(32)
    pair = KeyPair.from_seed_base58(base58.encode(seed))
    assert base58.decode_key(pair.public) == signatures.public_key(seed)
    assert pair.sign(b"m") == signatures.sign(seed, b"m")
    assert pair == KeyPair.from_seed(seed)
    assert pair != KeyPair.generate()


def test_key_pair_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        KeyPair.generate().public = "other"  # pyright: ignore[reportAttributeAccessIssue]


def test_no_text_of_a_key_pair_shows_the_secret() -> None:
    seed = bytes(range(100, 132))
    pair = KeyPair.from_seed(seed)
    shown = f"{pair} {pair!r} {[pair]}"
    assert pair.public in shown
    for secret in (base58.encode(seed), seed.hex(), repr(seed)[2:10]):
        assert secret not in shown


def test_bad_seed_text_is_not_repeated() -> None:
    text = base58.encode(bytes(range(33)))
    with pytest.raises(FormatError) as caught:
        KeyPair.from_seed_base58(text)
    assert text not in str(caught.value)
