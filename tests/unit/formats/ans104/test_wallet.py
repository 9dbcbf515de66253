from tests.data_items import wallet

from lamina.formats import ans104
from lamina.formats.ans104 import Draft, Wallet
from lamina.formats.hashes import sha256_base64url


def test_a_wallet_comes_back_from_its_jwk() -> None:
    again = Wallet.from_jwk(wallet().jwk())
    assert again == wallet()
    assert (len(again.owner), again.address) == (512, sha256_base64url(again.owner))
    assert ans104.verify(ans104.parse(ans104.sign(Draft(), again).to_bytes()))


def test_its_text_never_shows_the_secret() -> None:
    for text in (repr(wallet()), str(wallet())):
        assert "_key" not in text
        assert text.startswith("Wallet(owner=")
