import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.frames import Close

from lamina.formats.errors import FormatError
from lamina.sdk.ledger.events import ended, read_event


def test_an_event_is_read_from_text_and_bytes() -> None:
    text = '{"block_id": "b", "asset_id": "a", "transaction_id": "t"}'
    assert (
        read_event(text)
        == read_event(text.encode())
        == {"block_id": "b", "asset_id": "a", "transaction_id": "t"}
    )
    with pytest.raises(FormatError):
        read_event("hello")


def test_a_connection_that_was_cut_ends_without_a_word() -> None:
    assert ended(ConnectionClosedError(None, None)).code == 1006
    assert ended(ConnectionClosedError(Close(1001, "bye"), None)).reason == "bye"
