"""Whatever bytes a node sends: they are refused with a reason, or PostgreSQL stores them and gives them back equal."""

import asyncio
import json
from decimal import Decimal
from typing import Any

import asyncpg
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.postgres_server import drop_database, new_database

from lamina.services.telemetry.model.identity import Identity
from lamina.services.telemetry.rules import document, sender

TS = '"ts":"2021-03-01T12:00:00Z"'
REASONS = {"no_json", "no_object", "no_ts", "ts_type", "ts_format", "number", "depth"}

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
numbers = st.one_of(
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0, -0.0, 2**64, 10**400, 5e-324]),
)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
names = st.one_of(
    texts, st.sampled_from(["msg", "ts", "id", "payload", "state", "network_id", "telemetry_id", ""])
)
objects = st.dictionaries(names, values, max_size=5)
spellings = st.sampled_from([(None, True), (None, False), (2, True)])
# JSON as text, with whatever may stand in the place of a value.
odd = st.sampled_from(
    ["1e5", "-1E-5", "1e999", "1E+0999", "1e1000", "-0", "0.10", "1.0e0", '"\\u0000"', '"\\\\u0000"', '"\\ud83d\\ude00"', '"\\ud83d"',
     '"\\/"', "[]", "{}", '{"":""}', "NaN", "01", '"\\x"', '"\t"', "[" * 50 + "]" * 50, "9" * 500, '{"a":1,"a":2}', "tru", ""]
)  # fmt: skip


def of_document(spelling: tuple[int | None, bool], body: dict[str, Any]) -> bytes:
    indent, is_ascii = spelling
    return json.dumps(body, indent=indent, ensure_ascii=is_ascii).encode("utf-8", "surrogatepass")


documents = st.builds(
    of_document, spellings, objects.map(lambda body: {"ts": "2021-03-01T12:00:00Z", **body})
)
envelopes = st.builds(
    of_document, spellings,
    st.builds(lambda number, payload: {"id": number, "ts": "2021-03-01T12:00:00.5+01:00", "payload": {"msg": "x", **payload}}, values, objects),
)  # fmt: skip
spliced = st.builds(
    lambda value, key: f'{{{TS},"{key}":{value}}}'.encode(),
    odd,
    st.sampled_from(["a", "msg", "payload", "id", "ts", "\\u0000"]),
)
payloads = st.one_of(st.binary(max_size=60), documents, envelopes, spliced)


def read(payload: bytes) -> document.Document | None:
    try:
        found = document.read(payload)
    except document.Unstorable as refused:
        if refused.reason not in REASONS:
            raise AssertionError(refused.reason) from refused
        return None
    learned = sender.learn(Identity(), found)
    assert learned.peer_id is None or len(learned.peer_id) <= sender.PEER_ID_CHARACTERS_MAX
    return found


def exact(text: bytes | str) -> Any:
    """JSON with every number exact and NUL replaced, as jsonb has it."""
    parsed = json.loads(text, parse_float=Decimal, parse_int=Decimal)
    return _without_nul(parsed)


def _without_nul(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", "\ufffd")
    if isinstance(value, list):
        return [_without_nul(entry) for entry in value]
    if isinstance(value, dict):
        return {_without_nul(name): _without_nul(entry) for name, entry in value.items()}
    return value


@settings(max_examples=400, deadline=None)
@given(payloads)
@example(b"[" * 100_000)
@example(b'{"ts":"' + b"\\" * 99_999)
@example(b'{"a":' + b"1" * 300_000)
@example(b",".join([b"[1"] * 50_000))
def test_reading_refuses_with_a_reason_or_not_at_all(payload: bytes) -> None:
    found = read(payload)
    if found is None:
        return
    sent, kept = exact(payload), exact(found.logs)
    inner = sent.get("payload")
    if "msg" not in sent and isinstance(inner, dict) and isinstance(inner.get("msg"), str):
        expected = {"ts": sent.get("ts"), **inner}
        if "id" in sent:
            expected["telemetry_id"] = sent["id"]
        assert kept == expected
    else:
        assert kept == sent


@pytest.fixture(scope="module")
def database_dsn(postgres: str):
    dsn = new_database(postgres)
    yield dsn
    drop_database(postgres, dsn)


def test_what_is_read_is_stored_and_given_back_equal(database_dsn: str) -> None:
    """Many examples, and one question to the database for all of them."""
    accepted: list[bytes] = []

    @settings(max_examples=600, deadline=None)
    @given(payloads)
    def collect(payload: bytes) -> None:
        found = read(payload)
        if found is not None:
            accepted.append(found.logs)

    collect()
    assert len(accepted) > 200
    given_back = asyncio.run(through_jsonb(database_dsn, accepted))
    for logs, back in zip(accepted, given_back, strict=True):
        assert exact(back) == exact(logs), logs
        assert len(back) <= 1200 * len(logs)


async def through_jsonb(dsn: str, documents: list[bytes]) -> list[str]:
    """All of them to jsonb and back, in one query."""
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(
            "SELECT (logs::jsonb)::text AS back FROM unnest($1::text[]) WITH ORDINALITY AS given(logs, number) ORDER BY number",
            [logs.decode() for logs in documents],
        )
        return [row["back"] for row in rows]
    finally:
        await connection.close()
