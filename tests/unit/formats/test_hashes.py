from lamina.formats.hashes import sha3_256_hex, sha256_base64url


def test_fips_202_and_not_keccak() -> None:
    """Both texts are public: the first from FIPS-202, the second from the original's documentation."""
    assert sha3_256_hex(b"") == "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a"
    expected = "644bcc7e564373040999aac89e7622f3ca71fba1d972fd94a31c3bfbf24e3938"
    assert sha3_256_hex(b"hello world") == expected


def test_sha256_as_an_address() -> None:
    assert sha256_base64url(b"") == "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"
