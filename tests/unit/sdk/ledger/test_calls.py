from typing import Any

import pytest

from lamina.formats.canonical_json import encode
from lamina.sdk.ledger import LedgerError, NotFound, Refused, calls


def test_a_post_is_the_canonical_bytes_and_json() -> None:
    call = calls.post({"b": 0.1 + 0.2, "a": "\x1f"})
    assert (call.method, call.path) == ("POST", "/api/v1/transactions")
    assert call.body == encode({"b": 0.1 + 0.2, "a": "\x1f"}) == b'{"a":"\\u001F","b":0.30000000000000007}'
    assert call.headers == {"Content-Type": "application/json"}


def test_absent_parameters_are_not_sent() -> None:
    assert calls.outputs("key").query == {"public_key": "key"}
    assert calls.outputs("key", spent=False).query == {"public_key": "key", "spent": "false"}
    assert calls.transactions("id").query == {"asset_id": "id"}
    assert calls.blocks("id", "valid").query == {"transaction_id": "id", "status": "valid"}
    assert calls.info().headers == calls.info().query == {}


def test_an_id_stays_one_segment_of_the_path() -> None:
    assert calls.get("a/../b?c#d").path == "/api/v1/transactions/a%2F..%2Fb%3Fc%23d"
    assert calls.block("a b").path == "/api/v1/blocks/a%20b"


def test_not_found_is_none_only_where_something_is_looked_up() -> None:
    missing = b'{"message": "Not found", "status": 404}'
    for call in (calls.get("x"), calls.status("x"), calls.block("x")):
        assert call.result(404, missing) is None
    with pytest.raises(NotFound):
        calls.votes("x").result(404, missing)


def test_numbers_of_an_answer_keep_their_kind_and_digits() -> None:
    document: Any = calls.get("x").result(200, b'{"n": 1.0, "i": 36893488147419103232}')
    assert document == {"n": 1.0, "i": 2**65}
    assert isinstance(document["n"], float)


def test_a_transaction_as_deep_as_the_ledger_takes_is_read_inside_its_block() -> None:
    depth = 226
    assert calls.block("x").result(200, b"[" * depth + b"]" * depth) is not None


@pytest.mark.parametrize("content", [b"<html>", b"[]", b'{"state": "valid"}', b"\xff", b""])
def test_an_answer_of_something_else_is_an_error(content: bytes) -> None:
    with pytest.raises(LedgerError, match="200: the answer is not a ledger's"):
        calls.status("x").result(200, content)


@pytest.mark.parametrize(
    ("status", "kind"), [(400, Refused), (404, NotFound), (503, LedgerError), (302, LedgerError)]
)
def test_an_error_has_its_type_status_and_message(status: int, kind: type[LedgerError]) -> None:
    with pytest.raises(LedgerError) as caught:
        calls.info().result(status, b'{"message": "why", "status": 0}')
    assert type(caught.value) is kind
    assert (caught.value.status, caught.value.message, str(caught.value)) == (status, "why", f"{status}: why")
