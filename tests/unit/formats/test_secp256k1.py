import subprocess
import sys

import pytest

from lamina.formats import secp256k1
from lamina.formats.errors import FormatError

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
SECRET = bytes(range(1, 33))
KEY = secp256k1.public_key(SECRET)
DIGEST = bytes(range(32))
SIGNATURE, RECOVERY_ID = secp256k1.sign(SECRET, DIGEST)


def other_s(signature: bytes) -> bytes:
    """The second signature that everybody can make of one."""
    return signature[:32] + (ORDER - int.from_bytes(signature[32:], "big")).to_bytes(32, "big")


def test_the_generator() -> None:
    """SEC 2, section 2.4.1: the key of secret one."""
    x = "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
    y = "483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8"
    assert secp256k1.public_key(bytes(31) + b"\1").hex() == "04" + x + y


def test_a_signature_is_good_and_names_its_key() -> None:
    assert secp256k1.verify(KEY, DIGEST, SIGNATURE)
    assert secp256k1.recover(DIGEST, SIGNATURE, RECOVERY_ID) == KEY
    assert secp256k1.sign(SECRET, DIGEST) == (SIGNATURE, RECOVERY_ID)


def test_another_recovery_id_names_another_key() -> None:
    assert secp256k1.recover(DIGEST, SIGNATURE, RECOVERY_ID ^ 1) not in (KEY, None)
    assert secp256k1.recover(DIGEST, SIGNATURE, 4) is None
    assert secp256k1.recover(DIGEST, SIGNATURE, -1) is None


def test_the_second_signature_is_refused() -> None:
    assert not secp256k1.verify(KEY, DIGEST, other_s(SIGNATURE))
    assert secp256k1.recover(DIGEST, other_s(SIGNATURE), RECOVERY_ID ^ 1) is None


def test_a_point_off_the_curve_is_no_key() -> None:
    """Its first coordinate and the parity of its second are those of the true key."""
    off = KEY[:33] + bytes((KEY[33] ^ 1,)) + KEY[34:]
    assert not secp256k1.verify(off, DIGEST, SIGNATURE)


@pytest.mark.parametrize(
    "key", [b"", KEY[1:], KEY + b"\0", b"\x05" + KEY[1:], bytes(65), b"\x04" + b"\xff" * 64]
)
def test_other_keys_are_refused(key: bytes) -> None:
    assert not secp256k1.verify(key, DIGEST, SIGNATURE)


@pytest.mark.parametrize(
    "signature", [b"", SIGNATURE[1:], SIGNATURE + b"\0", bytes(64), b"\xff" * 64, SIGNATURE[:32] + bytes(32)]
)
def test_other_signatures_are_refused(signature: bytes) -> None:
    assert not secp256k1.verify(KEY, DIGEST, signature)
    assert secp256k1.recover(DIGEST, signature, RECOVERY_ID) is None


@pytest.mark.parametrize("digest", [b"", DIGEST[1:], DIGEST + b"\0", bytes(32)])
def test_other_digests_are_refused(digest: bytes) -> None:
    assert not secp256k1.verify(KEY, digest, SIGNATURE)
    assert secp256k1.recover(digest, SIGNATURE, RECOVERY_ID) != KEY


@pytest.mark.parametrize("secret", [b"", SECRET[1:], SECRET + b"\0", bytes(32), b"\xff" * 32])
def test_other_secrets_are_refused(secret: bytes) -> None:
    with pytest.raises(FormatError):
        secp256k1.public_key(secret)
    with pytest.raises(FormatError):
        secp256k1.sign(secret, DIGEST)


def test_a_process_that_used_it_ends_well() -> None:
    """Whatever else it imported: a test run of its own is what crashed at its end."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", __file__]
    done = subprocess.run([*command, "-k", "the_generator"], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
