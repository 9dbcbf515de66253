import json

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from tests.data_items import wallet

from lamina.formats import base64url, jwk
from lamina.formats.errors import FormatError


@pytest.fixture(scope="module")
def members() -> dict[str, str]:
    return json.loads(wallet().jwk())


def number(value: int) -> str:
    return base64url.encode(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def test_members_of_a_private_key(members: dict[str, str]) -> None:
    assert list(members) == ["kty", "n", "e", "d", "p", "q", "dp", "dq", "qi"]
    assert (members["kty"], members["e"], len(members["n"])) == ("RSA", "AQAB", 683)


def test_what_is_written_is_read_with_any_other_member(members: dict[str, str]) -> None:
    key = jwk.decode(json.dumps({"ext": True, **members, "key_ops": ["sign"]}))
    assert json.loads(jwk.encode(key)) == members


@pytest.mark.parametrize("name", ["kty", "n", "e", "d", "p", "q", "dp", "dq", "qi"])
@pytest.mark.parametrize("value", [None, "", "A", "AQ==", "*", "AQ", 7, "A" * 10_000])
def test_other_members_are_refused_without_being_repeated(
    members: dict[str, str], name: str, value: object
) -> None:
    with pytest.raises(FormatError) as refusal:
        jwk.decode(json.dumps({**members, name: value}))
    assert not any(secret in str(refusal.value) for secret in members.values() if len(secret) > 4)


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b"null", b'"RSA"', b"\xff", b'{"kty":"EC"}', b'{"x":' + b"[" * 100_000]
)
def test_other_texts_are_refused(text: bytes) -> None:
    with pytest.raises(FormatError):
        jwk.decode(text)


def test_a_missing_member_is_named(members: dict[str, str]) -> None:
    for name in members:
        if name != "kty":
            with pytest.raises(FormatError, match=f"`{name}`"):
                jwk.decode(json.dumps({key: value for key, value in members.items() if key != name}))


def test_other_sizes_and_exponents_are_refused() -> None:
    for exponent, bits in [(65537, 2048), (3, 1024)]:
        with pytest.raises(FormatError, match="512 bytes"):
            jwk.decode(jwk.encode(generate_private_key(exponent, bits)))


def test_an_exchanged_prime_is_refused(members: dict[str, str]) -> None:
    with pytest.raises(FormatError):
        jwk.decode(json.dumps({**members, "p": members["q"], "q": members["q"]}))
    with pytest.raises(FormatError):
        jwk.decode(json.dumps({**members, "p": number(3)}))
