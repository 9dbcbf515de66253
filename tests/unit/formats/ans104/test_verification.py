import pytest
from tests.data_items import DRAFT, SECRET, MultiSigner, TypedEthereumSigner, signed, signer

from lamina.formats import ans104
from lamina.formats.ans104 import SignatureType, Signer

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
ETHEREUM = [SignatureType.ETHEREUM, SignatureType.TYPED_ETHEREUM]


def is_valid(raw: bytes) -> bool:
    return ans104.verify(ans104.parse(raw))


def with_signature(raw: bytes, signature: bytes) -> bytes:
    return raw[:2] + signature + raw[2 + len(signature) :]


def signed_by(by: Signer) -> bytes:
    return ans104.sign(DRAFT, by).to_bytes()


@pytest.mark.parametrize("signature_type", SignatureType)
def test_every_field_is_covered(signature_type: SignatureType) -> None:
    raw = signed(signature_type).to_bytes()
    assert is_valid(raw)
    owner = 2 + signature_type.signature_bytes
    target = owner + signature_type.owner_bytes
    data = len(raw) - len(DRAFT.data[0])
    for position in (2, owner, owner + 31, target + 1, target + 34, data - 2, data, len(raw) - 1):
        flipped = raw[:position] + bytes((raw[position] ^ 1,)) + raw[position + 1 :]
        assert not is_valid(flipped), position
    assert not is_valid(raw + b"\0")
    assert not is_valid(raw[:-1])


@pytest.mark.parametrize("signature_type", SignatureType)
@pytest.mark.parametrize("octet", [b"\0", b"\xff"])
def test_signatures_and_owners_of_one_octet(signature_type: SignatureType, octet: bytes) -> None:
    raw = signed(signature_type).to_bytes()
    owner = 2 + signature_type.signature_bytes
    assert not is_valid(with_signature(raw, octet * signature_type.signature_bytes))
    assert not is_valid(
        raw[:owner] + octet * signature_type.owner_bytes + raw[owner + signature_type.owner_bytes :]
    )


@pytest.mark.parametrize(
    ("named", "actual"),
    [
        (SignatureType.ED25519, SignatureType.SOLANA),
        (SignatureType.SOLANA, SignatureType.INJECTED_APTOS),
        (SignatureType.INJECTED_APTOS, SignatureType.ED25519),
    ],
)
def test_a_type_is_not_taken_for_another(named: SignatureType, actual: SignatureType) -> None:
    raw = signed(actual).to_bytes()
    assert not is_valid(named.to_bytes(2, "little") + raw[2:])


def test_last_byte_of_ethereum_signatures() -> None:
    """Type 3 does not use it, as the original library; type 7 recovers the key with it."""
    raw = signed(SignatureType.ETHEREUM).to_bytes()
    accepted = [v for v in range(256) if is_valid(raw[:66] + bytes((v,)) + raw[67:])]
    assert accepted == [0, 1, 27, 28]
    raw = signed(SignatureType.TYPED_ETHEREUM).to_bytes()
    accepted = [v for v in range(256) if is_valid(raw[:66] + bytes((v,)) + raw[67:])]
    assert accepted == [raw[66] - 27, raw[66]]


@pytest.mark.parametrize("signature_type", ETHEREUM)
def test_the_other_s_is_refused(signature_type: SignatureType) -> None:
    raw = signed(signature_type).to_bytes()
    other = (ORDER - int.from_bytes(raw[34:66], "big")).to_bytes(32, "big")
    for v in (0, 1, 27, 28):
        assert not is_valid(with_signature(raw, raw[2:34] + other + bytes((v,))))


def test_ethereum_owners_start_with_four() -> None:
    raw = signed(SignatureType.ETHEREUM).to_bytes()
    for first in (0, 2, 3, 5, 6, 7):
        assert not is_valid(raw[:67] + bytes((first,)) + raw[68:])


class WrittenAddress(TypedEthereumSigner):
    """Signs for an address as it is written."""

    def __init__(self, owner: bytes) -> None:
        self._owner = owner

    @property
    def owner(self) -> bytes:
        return self._owner


def test_addresses_in_either_case() -> None:
    address = signer(SignatureType.TYPED_ETHEREUM).owner
    for written in (address, b"0x" + address[2:].upper()):
        assert is_valid(signed_by(WrittenAddress(written)))
    raw = signed_by(WrittenAddress(address))
    for written in (b"0X" + address[2:], address[:-1] + b"g", address[:-1] + b"\n", address[2:] + b"0x"):
        assert not is_valid(raw[:67] + written + raw[109:])
    assert SECRET not in address


@pytest.mark.parametrize(
    ("signers", "threshold", "accepted"),
    [
        ([0, 2], 2, True),
        ([0, 1, 2], 2, True),
        ([1], 1, True),
        ([1], 0, True),
        ([1], 2, False),
        ([], 0, False),
        ([], 2, False),
        ([0, 1, 2], 33, False),
    ],
)
def test_thresholds_of_several_keys(signers: list[int], threshold: int, accepted: bool) -> None:
    assert is_valid(signed_by(MultiSigner(signers, threshold))) is accepted


def test_every_named_signature_must_be_good() -> None:
    raw = signed_by(MultiSigner([0, 2], 2))
    bitmap = 2 + 2048
    for named in (b"\xb0", b"\xe0", b"\xff", b"\xa1"):
        assert not is_valid(raw[:bitmap] + named + raw[bitmap + 1 :])
    assert not is_valid(raw[: bitmap + 3] + b"\1" + raw[bitmap + 4 :])
