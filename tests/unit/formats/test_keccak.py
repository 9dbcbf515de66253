from lamina.formats.keccak import keccak_256


def test_keccak_and_not_fips_202() -> None:
    """Hash of nothing, and the selector of a well-known contract method."""
    empty = "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
    assert keccak_256(b"").hex() == empty
    assert keccak_256(b"transfer(address,uint256)").hex()[:8] == "a9059cbb"
