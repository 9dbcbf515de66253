import pytest

from lamina.sdk.ledger import NotValidInTime, StreamEnded
from lamina.sdk.ledger.errors import error_of


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"message": "Not found", "status": 404}', "Not found"),
        (b'{"message": {"asset_id": "Invalid hash"}}', "asset_id: Invalid hash"),
        (b"<h1>Bad gateway</h1>", "<h1>Bad gateway</h1>"),
        (b'{"error": 1}', '{"error": 1}'),
        (b"[1]", "[1]"),
        (b"\xff" + b"x" * 1000, "\ufffd" + "x" * 199),
        (b"", ""),
    ],
)
def test_the_message_is_what_the_server_said(content: bytes, message: str) -> None:
    assert error_of(502, content).message == message


def test_waiting_and_listening_fail_as_python_says_it() -> None:
    assert isinstance(NotValidInTime("ab", "backlog"), TimeoutError)
    assert str(NotValidInTime("ab", "backlog")) == "transaction ab is not valid yet: backlog"
    assert isinstance(StreamEnded(1013, ""), ConnectionError)
    assert str(StreamEnded(1013, "")) == "the event stream was closed: 1013"
