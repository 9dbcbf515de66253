import pytest

from lamina.sdk.address import is_local


@pytest.mark.parametrize(
    "url", ["http://localhost:9984", "http://127.0.0.1", "ws://[::1]:9985/x", "http://127.9.9.9"]
)
def test_this_machine(url: str) -> None:
    assert is_local(url)


@pytest.mark.parametrize(
    "url", ["https://ledger.example", "http://10.0.0.1:9984", "http://localhost.example", "x"]
)
def test_elsewhere(url: str) -> None:
    assert not is_local(url)
