import hashlib

import pytest
from tests.data_items import DRAFT, SEED, signed, signer

from lamina.formats import ans104, base64url
from lamina.formats.ans104 import Draft, Ed25519Signer, EthereumSigner, SignatureType
from lamina.formats.avro_tags import Tag
from lamina.formats.errors import FormatError


@pytest.mark.parametrize("signature_type", SignatureType)
def test_every_type_comes_back_as_it_was_signed(signature_type: SignatureType) -> None:
    item = ans104.parse(signed(signature_type).to_bytes())
    assert ans104.verify(item)
    assert item.signature_type is signature_type
    assert (len(item.signature), len(item.owner)) == (
        signature_type.signature_bytes,
        signature_type.owner_bytes,
    )
    assert item.owner == signer(signature_type).owner
    assert (item.tags, item.target, item.anchor) == (tuple(DRAFT.tags), DRAFT.target, DRAFT.anchor)
    assert bytes(item.data) == b"".join(DRAFT.data)


def test_ids_and_sizes() -> None:
    fresh = signed(SignatureType.ED25519)
    read = ans104.parse(fresh.to_bytes())
    assert fresh.id == read.id == base64url.encode(hashlib.sha256(read.signature).digest())
    assert fresh.id_bytes == read.id_bytes
    assert fresh.size == read.size == len(fresh.to_bytes())


def test_data_in_parts_are_neither_copied_nor_joined() -> None:
    parts = [b"one", memoryview(b"two"), b"", b"three"]
    item = ans104.sign(Draft(data=parts), signer(SignatureType.ED25519))
    assert all(kept is given for kept, given in zip(item.parts[1:], parts, strict=True))
    whole = ans104.sign(Draft(data=[b"onetwothree"]), signer(SignatureType.ED25519))
    assert item.to_bytes() == whole.to_bytes()


@pytest.mark.parametrize(
    "draft",
    [
        Draft(target=b"x" * 31),
        Draft(target=b"x" * 33),
        Draft(anchor=b"x"),
        Draft(anchor=b"x" * 64),
        Draft(tags=[Tag("a", "\udfff")]),
    ],
)
def test_what_no_item_can_say_is_refused(draft: Draft) -> None:
    with pytest.raises(FormatError):
        ans104.sign(draft, signer(SignatureType.ED25519))


def test_signers_refuse_other_secrets_and_never_show_theirs() -> None:
    with pytest.raises(FormatError):
        Ed25519Signer.from_seed(SEED[1:])
    with pytest.raises(FormatError):
        EthereumSigner.from_secret(bytes(32))
    for shown in (Ed25519Signer.from_seed(SEED), EthereumSigner.from_secret(SEED)):
        assert repr(SEED)[2:-1] not in repr(shown)
        assert "_se" not in repr(shown)
