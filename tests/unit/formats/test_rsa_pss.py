import pytest
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from tests.data_items import wallet

from lamina.formats import jwk, rsa_pss

MESSAGE = bytes(48)


@pytest.fixture(scope="module")
def key() -> RSAPrivateKey:
    return jwk.decode(wallet().jwk())


@pytest.mark.parametrize("salt_bytes", [0, 32, 478])
def test_any_salt_is_read(key: RSAPrivateKey, salt_bytes: int) -> None:
    signature = key.sign(MESSAGE, PSS(MGF1(SHA256()), salt_bytes), SHA256())
    assert rsa_pss.verify(rsa_pss.modulus(key), MESSAGE, signature)


def test_the_longest_salt_is_written(key: RSAPrivateKey) -> None:
    signature = rsa_pss.sign(key, MESSAGE)
    key.public_key().verify(signature, MESSAGE, PSS(MGF1(SHA256()), 478), SHA256())
    assert signature != rsa_pss.sign(key, MESSAGE)


def test_anything_else_is_refused(key: RSAPrivateKey) -> None:
    modulus, signature = rsa_pss.modulus(key), rsa_pss.sign(key, MESSAGE)
    flipped = bytes((signature[0], signature[1] ^ 1)) + signature[2:]
    for others in [
        (modulus, MESSAGE + b"\0", signature),
        (modulus, MESSAGE, flipped),
        (modulus, MESSAGE, signature[1:]),
        (modulus, MESSAGE, signature + b"\0"),
        (modulus, MESSAGE, b""),
        (modulus, MESSAGE, bytes(512)),
        (modulus, MESSAGE, b"\xff" * 512),
        (modulus[1:], MESSAGE, signature),
        (b"\0" + modulus, MESSAGE, signature),
        (modulus[:-1] + bytes((modulus[-1] ^ 1,)), MESSAGE, signature),  # an even number
        (bytes(512), MESSAGE, signature),
        (bytes(511) + b"\1", MESSAGE, signature),
        (b"\x80" + bytes(511), MESSAGE, bytes(512)),
        (b"", MESSAGE, signature),
    ]:
        assert not rsa_pss.verify(*others)


def test_a_weaker_key_in_as_many_bytes_is_refused() -> None:
    weak = generate_private_key(65537, 1024)
    modulus = weak.public_key().public_numbers().n.to_bytes(512, "big")
    signature = weak.sign(MESSAGE, PSS(MGF1(SHA256()), 32), SHA256())
    assert not rsa_pss.verify(modulus, MESSAGE, signature)
    assert not rsa_pss.verify(modulus, MESSAGE, signature.rjust(512, b"\0"))
