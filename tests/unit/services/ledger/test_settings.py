import pytest

from lamina.kernel.errors import ConfigurationError
from lamina.kernel.settings.load import Settings, load
from lamina.kernel.settings.platform import KERNEL_SECTIONS
from lamina.services.ledger.settings import LedgerSettings, http_address, stream_address, stream_url


def loaded(**environ: str) -> Settings:
    return load((*KERNEL_SECTIONS, LedgerSettings), environ=environ)


def test_the_event_stream_listens_where_it_is_advertised() -> None:
    settings = loaded(LAMINA_PORT_OFFSET="10")
    assert stream_address(settings) == ("localhost", 9995)
    assert stream_url(settings) == "ws://localhost:9995/api/v1/streams/valid_transactions"


def test_behind_a_proxy_it_listens_elsewhere() -> None:
    settings = loaded(
        LAMINA_LEDGER__WS_BIND="[::]:9985",
        LAMINA_LEDGER__WS_SCHEME="wss",
        LAMINA_LEDGER__WS_HOST="ledger.example.org",
        LAMINA_LEDGER__WS_PORT="443",
        LAMINA_PORT_OFFSET="10",
    )
    assert stream_address(settings) == ("::", 9985)
    assert stream_url(settings) == "wss://ledger.example.org:443/api/v1/streams/valid_transactions"


@pytest.mark.parametrize("bind", ["9985", "localhost", "localhost:0", "localhost:65536", "localhost:x"])
def test_an_address_without_a_port_names_its_setting(bind: str) -> None:
    with pytest.raises(ConfigurationError, match=r"ledger\.ws_bind is not host:port"):
        stream_address(loaded(LAMINA_LEDGER__WS_BIND=bind))
    with pytest.raises(ConfigurationError, match=r"ledger\.bind is not host:port"):
        http_address(loaded(LAMINA_LEDGER__BIND=bind))
