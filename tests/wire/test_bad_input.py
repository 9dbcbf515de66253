"""Hostile requests over a real platform (distribution-and-reliability 14): a documented refusal, never a 5xx.

Where spec/ledger.md or architecture.md say otherwise than that table, they win: integers past 64 bits are
accepted and kept, conditions may nest 99 deep, NUL is allowed in string values, and of duplicate members the
last one counts. Members of an object are bounded by the size of the body alone.
"""

import asyncio
import contextlib
import copy
import json
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests import plain_http
from tests.ledger_transactions import Document, Wallet, id_of, signed_again
from tests.postgres_server import in_thread
from tests.running_platform import RunningPlatform
from tests.wire.ledger_client import post, wait_until_valid

from lamina.formats import base64url
from lamina.formats import transaction as build
from lamina.formats.conditions.fulfillment import Ed25519Fulfillment, ThresholdFulfillment
from lamina.formats.signatures import KeyPair

NEXT_REQUEST_WITHIN_S = 1.0
ANSWER_WITHIN_S = 5.0
RSS_RISE_MAX = 64 * 1024 * 1024
BODY_BYTES_MAX = 1_048_576
GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493
FUZZED_REQUESTS = 2000
BAD = {400}
GOOD = {202}


@pytest.fixture(scope="module")
def client(platform: RunningPlatform) -> Iterator[httpx.Client]:
    with plain_http.Client(base_url=platform.url, timeout=15) as client:
        yield client


@pytest.fixture(scope="module", autouse=True)
def memory(platform: RunningPlatform) -> Iterator[None]:
    """All of this together must not make the web workers grow."""
    before = web_rss(platform)
    yield
    assert web_rss(platform) - before < RSS_RISE_MAX


@pytest.fixture(autouse=True)
def stays_up(platform: RunningPlatform) -> Iterator[None]:
    """Whatever a test sends: the next normal requests are served in time, by the same processes."""
    pids = [process["pid"] for process in platform.status()["processes"]]
    yield
    with plain_http.Client(base_url=platform.url, timeout=15) as client:
        for _ in range(4):  # the workers take turns
            started = time.monotonic()
            assert post(client, Wallet().create()).status_code == 202
            assert client.get("/").status_code == 200
            assert time.monotonic() - started < NEXT_REQUEST_WITHIN_S
    assert [process["pid"] for process in platform.status()["processes"]] == pids


def web_rss(platform: RunningPlatform) -> int:
    """Resident bytes of all web workers."""
    pids = [each["pid"] for each in platform.status()["processes"] if ".web." in each["name"]]
    pages = [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids]
    return sum(pages) * os.sysconf("SC_PAGE_SIZE")


def check(client: httpx.Client, name: str, body: bytes | Document, expected: set[int]) -> str | None:
    """Post a body; returns what is wrong with the answer."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    started = time.monotonic()
    answer = client.post("/api/v1/transactions", content=content)
    duration_s = time.monotonic() - started
    if answer.status_code not in expected:
        return f"{name}: {answer.status_code} {answer.text[:200]}"
    if answer.status_code >= 400 and "message" not in answer.json():
        return f"{name}: {answer.text[:200]}"
    return f"{name}: took {duration_s:.1f} s" if duration_s > ANSWER_WITHIN_S else None


def check_all(client: httpx.Client, cases: Mapping[str, bytes | Document], expected: set[int]) -> None:
    """Post every body and report all wrong answers together."""
    wrong = [problem for name, body in cases.items() if (problem := check(client, name, body, expected))]
    assert not wrong, "\n".join(wrong)


def as_text(document: Document) -> bytes:
    """The document's JSON."""
    return json.dumps(document).encode()


def with_metadata(metadata: Any) -> Document:
    """A well-signed CREATE with this metadata."""
    return Wallet().create(metadata=metadata)


def with_raw_metadata(text: bytes) -> bytes:
    """A CREATE whose metadata is spliced in as text; its id cannot fit."""
    return as_text(with_metadata({"k": "SPLICE"})).replace(b'{"k": "SPLICE"}', text)


# --- JSON ---


def test_bodies_that_are_no_json(client: httpx.Client) -> None:
    whole = as_text(Wallet().create())
    cases: dict[str, Any] = {
        "empty": b"",
        "space": b"  \n",
        "word": b"transaction",
        "truncated": whole[:-1],
        "trailing": whole + b"x",
        "two documents": whole + whole,
        "byte order mark": b"\xef\xbb\xbf" + whole,
        "utf-16": whole.decode().encode("utf-16"),
        "not utf-8": whole.replace(b"CREATE", b"\xff\xfe\xfa"),
        "overlong utf-8": whole.replace(b"CREATE", b"\xc0\x80"),
        "raw control character": whole.replace(b"CREATE", b"CRE\x00ATE"),
        "single quotes": whole.replace(b'"', b"'"),
        "comment": b"/* */" + whole,
        "form": b"id=1&operation=CREATE",
        "nested 100 000 deep": b"[" * 100_000,
        "nested and closed": b"[" * 100_000 + b"]" * 100_000,
        "objects nested": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
        "NaN": with_raw_metadata(b'{"k": NaN}'),
        "Infinity": with_raw_metadata(b'{"k": -Infinity}'),
        "too large float": with_raw_metadata(b'{"k": 1e999}'),
        "lone surrogate": with_raw_metadata(b'{"k": "\\ud800"}'),
        "lone surrogate in a key": with_raw_metadata(b'{"\\udfff": 1}'),
        "reversed surrogates": with_raw_metadata(b'{"k": "\\udc00\\ud800"}'),
        "number of a million digits": with_raw_metadata(b'{"k": ' + b"9" * 1_000_000 + b"}"),
        "number of 4301 digits": with_raw_metadata(b'{"k": ' + b"9" * 4301 + b"}"),
        "metadata nested 300 deep": with_raw_metadata(b'{"k": ' + b"[" * 300 + b"]" * 300 + b"}"),
        "leading zero": with_raw_metadata(b'{"k": 01}'),
        "bad escape": with_raw_metadata(b'{"k": "\\x41"}'),
    }
    check_all(client, cases, BAD)


@pytest.mark.parametrize("body", [b"[]", b"null", b"1", b'"x"', b"true", b"{}", b"[{}]", b'{"id": {}}'])
def test_documents_that_are_no_transaction(client: httpx.Client, body: bytes) -> None:
    answer = client.post("/api/v1/transactions", content=body)
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("Invalid transaction schema: ")


def test_unusual_values_are_kept_exactly(client: httpx.Client) -> None:
    """architecture.md 4, spec/ledger.md 1.2 and 1.3: accepted and preserved, not normalised."""
    metadata = {
        "2^53+1": 2**53 + 1,
        "beyond 64 bits": [2**64, -(2**63) - 1, 10**300],
        "zeros": [0, -0.0, 0.0, 1.0, 1e20],
        "NUL in a value": "a\u0000b",
        "not normalised": ["e\u0301", "\u00e9", "\u212b"],
        "bidi": "\u202e\u2066abc\u2069",
        "separators": "\u2028\u2029\u007f\u001f",
        "astral": "\U0001f600\U0010ffff",
        "deep": nested(180),
    }
    document = with_metadata(metadata)
    assert post(client, document).status_code == 202
    wait_until_valid(client, id_of(document))
    kept = client.get(f"/api/v1/transactions/{id_of(document)}").json()
    assert json.dumps(kept, sort_keys=True) == json.dumps(document, sort_keys=True)


def nested(depth: int) -> Any:
    """Lists inside one another."""
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def test_of_duplicate_members_the_last_counts(client: httpx.Client) -> None:
    document = Wallet().create()
    text = as_text(document)
    assert client.post("/api/v1/transactions", content=b'{"id": "0", ' + text[1:]).status_code == 202
    assert client.post("/api/v1/transactions", content=text[:-1] + b', "id": "0"}').status_code == 400
    many = b'{"k": 1, ' + b'"a": 1, ' * 20_000 + b'"a": 1}'
    assert client.post("/api/v1/transactions", content=with_raw_metadata(many)).status_code == 400


def test_very_many_members(client: httpx.Client) -> None:
    document = with_metadata({f"k{number}": number for number in range(40_000)})
    assert check(client, "40 000 members", document, GOOD) is None
    wait_until_valid(client, id_of(document))


def test_large_texts_are_stored_and_searchable(client: httpx.Client) -> None:
    """A tsvector holds 1 MiB of words: the payload may not keep its transaction out of a block."""
    payloads = {
        "one word": "x" * 900_000,
        "many words": " ".join(f"w{number}" for number in range(120_000)),
        "wide letters": "\U00020000 " * 150_000,
        "no words": "\u0000\u202e!? " * 60_000,
    }
    for name, text in payloads.items():
        document = Wallet().create(data={"text": text})
        content = json.dumps(document, ensure_ascii=False).encode()
        assert client.post("/api/v1/transactions", content=content).status_code == 202, name
        wait_until_valid(client, id_of(document))


@pytest.mark.parametrize("key", ["$set", "a.b", ".", "a\u0000b", "\u0000", "$"])
@pytest.mark.parametrize("part", ["asset", "metadata"])
def test_key_names_the_originals_storage_refused(client: httpx.Client, key: str, part: str) -> None:
    payload = {"a": [{"b": {key: 1}}]}
    document = Wallet().create(data=payload) if part == "asset" else with_metadata(payload)
    answer = post(client, document)
    assert answer.status_code == 400
    assert answer.json()["message"] == (
        f'Invalid transaction (ValidationError): Invalid key name "{key}" in {part} object. '
        'The key name cannot contain characters ".", "$" or null characters'
    )


# --- amounts, indices, conditions, fulfillments: each signed anew, so that only the value itself is wrong ---


def signed_with(change: Callable[[Document], None]) -> Document:
    """A CREATE changed before signing."""
    wallet = Wallet()
    document = copy.deepcopy(wallet.create())
    change(document)
    return signed_again(document, wallet.key)


AMOUNTS: list[Any] = [
    "0", "00", "-1", "+1", "01", "1.0", "1e3", "0x1", " 1", "1 ", "1\n", "", "9000000000000000001",
    "9" * 20, "9" * 40, "\u0661", "\uff11", "1_0", "NaN", None, 1, 1.0, True, [], {},
]  # fmt: skip


def test_amounts(client: httpx.Client) -> None:
    def amount(value: object) -> Callable[[Document], None]:
        return lambda document: document["outputs"][0].update(amount=value)

    check_all(client, {repr(value): signed_with(amount(value)) for value in AMOUNTS}, BAD)
    check_all(client, {"largest": signed_with(amount("9000000000000000000"))}, GOOD)


INDICES: list[Any] = [
    -1, 1, 2, 2**31 - 1, 2**31, 2**32, 2**63, 2**64, 10**30, 10**4000, True, False, 0.0, 1.0, 1e300, "0",
    None, [], {},
]  # fmt: skip


def test_output_indices(client: httpx.Client) -> None:
    wallet = Wallet()
    source = wallet.create()
    assert post(client, source).status_code == 202
    wait_until_valid(client, id_of(source))
    cases: dict[str, Any] = {}
    for value in INDICES:
        document = copy.deepcopy(wallet.transfer(source))
        document["inputs"][0]["fulfills"]["output_index"] = value
        cases[repr(value)[:40]] = signed_again(document, wallet.key)
    check_all(client, cases, BAD)


def test_sources_that_are_no_id(client: httpx.Client) -> None:
    wallet = Wallet()
    source = wallet.create()
    cases: dict[str, Any] = {}
    for value in [
        "",
        "0",
        "0" * 63,
        "0" * 65,
        "F" * 64,
        "g" * 64,
        "0" * 64 + "\n",
        "x" * 100_000,
        None,
        1,
        [],
    ]:
        for name in ("transaction_id", "asset"):
            document = copy.deepcopy(wallet.transfer(source))
            place = document["inputs"][0]["fulfills"] if name == "transaction_id" else document["asset"]
            place["transaction_id" if name == "transaction_id" else "id"] = value
            cases[f"{name} {value!r:.40}"] = signed_again(document, wallet.key)
    check_all(client, cases, BAD)


KEY = Wallet().key.public
ONE = build.ed25519(KEY)


def chain_of_thresholds(levels: int) -> Document:
    """Thresholds nested in one another, one key inside."""
    details = ONE
    for _ in range(levels):
        details = build.threshold(1, [details])
    return details


def wrong_conditions() -> dict[str, Any]:
    """Details that are no condition of the ledger."""
    return {
        "threshold 0": build.threshold(0, [ONE]),
        "negative threshold": build.threshold(-1, [ONE]),
        "threshold past its members": build.threshold(2, [ONE]),
        "threshold 101": build.threshold(101, [ONE] * 101),
        "huge threshold": build.threshold(10**30, [ONE]),
        "no members": build.threshold(1, []),
        "threshold is true": {**build.threshold(1, [ONE]), "threshold": True},
        "threshold is a float": {**build.threshold(1, [ONE]), "threshold": 1.0},
        "threshold is a text": {**build.threshold(1, [ONE]), "threshold": "1"},
        "members are no list": {**build.threshold(1, [ONE]), "subconditions": ONE},
        "member is a key": build.threshold(1, [KEY]),  # type: ignore[list-item]
        "member is nothing": build.threshold(1, [None]),  # type: ignore[list-item]
        "10 000 members": build.threshold(1, [ONE] * 10_000),
        "1001 members": build.threshold(1, [ONE] * 1001),
        "nested 100 deep": chain_of_thresholds(100),
        "nested 105 deep": chain_of_thresholds(105),
        "wide and deep": build.threshold(1, [chain_of_thresholds(90)] * 20),
        "preimage": {"type": "preimage-sha-256", "preimage": ""},
        "type with a line break": {**ONE, "type": "ed25519-sha-256\n"},
        "no type": {"public_key": KEY},
        "more members": {**ONE, "x": 1},
        "key of 31 bytes": build.ed25519("1" * 43),
        "key is no base58": build.ed25519("0OIl" * 11),
        "key of a megabyte": build.ed25519("z" * 900_000),
        "key is nothing": {"type": "ed25519-sha-256", "public_key": None},
        "nothing": None,
        "list": [],
        "text": "ed25519",
    }


def with_details(details: Any, *, version: str = "1.0") -> Document:
    """A CREATE whose output carries these details."""

    def change(document: Document) -> None:
        document["outputs"][0]["condition"]["details"] = details
        document["version"] = version

    return signed_with(change)


def test_conditions(client: httpx.Client) -> None:
    check_all(client, {name: with_details(details) for name, details in wrong_conditions().items()}, BAD)


def test_conditions_beside_another_error(client: httpx.Client) -> None:
    """The slow path that words schema errors must stand the same trees."""
    cases = {name: with_details(each, version="2.0") for name, each in wrong_conditions().items()}
    check_all(client, cases, BAD)


def test_the_deepest_condition_that_is_allowed(client: httpx.Client) -> None:
    wallet = Wallet()
    deepest: Any = build.ed25519(wallet.key.public)
    for _ in range(98):
        deepest = build.threshold(1, [deepest])
    unsigned = build.create(wallet.key.public, [(deepest, 1)], {"deep": True}, None)
    document = build.sign(unsigned, [wallet.key])
    check_all(client, {"98 levels": document}, GOOD)
    wait_until_valid(client, id_of(document))
    moved = build.transfer(build.inputs_of(document), [(wallet.key.public, 1)], id_of(document), None)
    check_all(client, {"spent": build.sign(moved, [wallet.key])}, GOOD)


def der(tag: int, content: bytes) -> bytes:
    """Tag, length, content; lengths as they come."""
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def der_bomb(levels: int) -> bytes:
    """Threshold fulfillments inside one another."""
    inner = b""
    for _ in range(levels):
        inner = der(0xA2, der(0xA0, inner) + der(0xA1, b""))
    return inner


def wrong_fulfillments(good: bytes) -> dict[str, bytes]:
    """Bytes that must not pass for a fulfillment, made from one that does."""
    key, signature = good[4:36], good[38:]
    scalar = int.from_bytes(signature[32:], "little") + GROUP_ORDER
    zero_key = bytes(32)
    return {
        "empty": b"",
        "one byte": b"\xa4",
        "truncated": good[:-1],
        "trailing byte": good + b"\x00",
        "twice": good + good,
        "indefinite length": b"\xa4\x80" + good[2:] + b"\x00\x00",
        "length not minimal": b"\xa4\x81" + good[1:],
        "length past the end": b"\xa4\x65" + good[2:],
        "length of 4 GiB": b"\xa4\x84\xff\xff\xff\xff" + good[2:],
        "length of 127 bytes": b"\xa4\xff" + b"\xff" * 127,
        "another type": b"\xa9" + good[1:],
        "preimage": bytes.fromhex("a003800100"),
        "prefix": der(0xA1, der(0x80, b"") + der(0x81, b"\x00") + der(0xA2, good)),
        "rsa": der(0xA3, der(0x80, bytes(256)) + der(0x81, bytes(256))),
        "short key": der(0xA4, der(0x80, key[:-1]) + der(0x81, signature)),
        "short signature": der(0xA4, der(0x80, key) + der(0x81, signature[:-1])),
        "fields swapped": der(0xA4, der(0x81, signature) + der(0x80, key)),
        "scalar not reduced": good[:38] + signature[:32] + scalar.to_bytes(32, "little"),
        "zero signature": good[:38] + bytes(64),
        "zero key": der(0xA4, der(0x80, zero_key) + der(0x81, bytes(64))),
        "small-order key": der(0xA4, der(0x80, b"\x01" + bytes(31)) + der(0x81, b"\x01" + bytes(63))),
        "threshold of nothing": der(0xA2, der(0xA0, b"") + der(0xA1, b"")),
        "nested 50 deep": der_bomb(50),
        "nested 1000 deep": der_bomb(1000),
        "wide": der(0xA2, der(0xA0, good * 2000) + der(0xA1, b"")),
        "large": der(0xA4, bytes(700_000)),
    }


def test_fulfillments(client: httpx.Client) -> None:
    document = Wallet().create()
    good = base64url.decode(document["inputs"][0]["fulfillment"])
    assert check(client, "untouched", document, GOOD) is None
    texts = {name: base64url.encode(raw) for name, raw in wrong_fulfillments(good).items()}
    texts |= {
        "padding": texts["short key"] + "=",
        "impossible length": "A",
        "other alphabet": "+/+/",
        "line break": "pGSA\n",
    }
    cases: dict[str, Any] = {}
    for name, text in texts.items():
        cases[name] = {**document, "inputs": [{**document["inputs"][0], "fulfillment": text}]}
    check_all(client, cases, BAD)


def test_a_threshold_takes_exactly_as_many_signatures_as_it_asks_for(client: httpx.Client) -> None:
    keys = [KeyPair.generate() for _ in range(3)]
    owners = build.threshold(2, [build.ed25519(key.public) for key in keys])
    source = build.sign(build.create(keys[0].public, [(owners, 1)], {"n": keys[0].public}, None), keys)
    assert check(client, "source", source, GOOD) is None
    wait_until_valid(client, id_of(source))
    moved = build.sign(
        build.transfer(build.inputs_of(source), [(keys[0].public, 1)], id_of(source), None), keys
    )
    parts = [Ed25519Fulfillment(raw_key(key), key.sign(build.signed_message(moved))) for key in keys]
    for count, expected in ((0, BAD), (1, BAD), (3, BAD), (2, GOOD)):
        signed = sorted(parts[:count], key=lambda part: part.der())
        others = sorted((part.condition for part in parts[count:]), key=lambda each: each.der())
        text = ThresholdFulfillment(tuple(signed), tuple(others)).encode()
        candidate = {**moved, "inputs": [{**moved["inputs"][0], "fulfillment": text}]}
        assert check(client, f"{count} signatures", candidate, expected) is None


def raw_key(key: KeyPair) -> bytes:
    """A key's 32 bytes."""
    text = build.sign(build.create(key.public, [(key.public, 1)], None, None), [key])
    return base64url.decode(text["inputs"][0]["fulfillment"])[4:36]


# --- addresses and parameters ---

HOSTILE_TEXTS = [
    "'", '"', "' OR '1'='1", "'; DROP TABLE ledger.log; --", "\\", "%", "_", "%25", "$1", "${7*7}", "{{7*7}}",
    "../../etc/passwd", "..%2f..%2f", "\u0000", "\ud7ff\u202e", "%00", "%ff", "%zz", "%", "\U0001f600",
    "a" * 4000, "-1", "0", "1e9", "9" * 5000, "NaN", "null", "true", "[]", "{}", "0" * 64, "A" * 44, "1" * 44, "z" * 44,
    "!", "!!!!", "& | ! <-> ( )", ":*", "a:*", "'a' <-> 'b'", '"', '"" -', "-", "--", "-a", '"-a"',
    "a & b | !c", "((((((((((", "a " * 1500, "the of and", "\u0301\u0301", "\u0661\u0662",
]  # fmt: skip
PARAMETERS = {
    "/api/v1/transactions": ["asset_id", "operation"],
    "/api/v1/outputs": ["public_key", "spent"],
    "/api/v1/statuses": ["transaction_id", "block_id"],
    "/api/v1/assets": ["search", "limit"],
    "/api/v1/blocks": ["transaction_id", "status"],
    "/api/v1/votes": ["block_id"],
}


def test_parameters(client: httpx.Client) -> None:
    wrong: list[str] = []
    for path, names in PARAMETERS.items():
        for name in names:
            others = {each: "0" * 64 for each in names if each != name and each != "block_id"}
            for text in HOSTILE_TEXTS:
                for parameters in ({name: text}, {**others, name: text}):
                    answer = client.get(path, params=parameters)
                    if answer.status_code not in {200, 400, 404}:
                        wrong.append(f"{path} {parameters!r:.80}: {answer.status_code} {answer.text[:100]}")
    assert not wrong, "\n".join(wrong)
    assert client.get("/api/v1/assets", params={"search": "lamina"}).status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        "", "&", "=", "&&==&", "search", "search=&search=", "%73earch=a", "search=%", "search=%ff%fe",
        "search=%00", "search=" + "a" * 8000, "search=" + "a" * 60_000, "&".join(f"p{n}=1" for n in range(1000)),
        "search=a&limit=999999999999999999999", "search=a&limit=-999", "search=a&limit=" + "9" * 5000,
        "search=a;limit=1", "search=a&limit=1&limit=x",
    ],
)  # fmt: skip
def test_query_strings(client: httpx.Client, query: str) -> None:
    answer = client.get(f"/api/v1/assets?{query}")
    assert answer.status_code in {200, 400, 414, 431}


@pytest.mark.parametrize("prefix", ["/api/v1/transactions/", "/api/v1/blocks/"])
@pytest.mark.parametrize(
    "segment",
    [
        "%00", "0" * 63 + "%00", "%ff", "%f0%9f%98%80", "%ed%a0%80", "%", "%zz", "%2e%2e%2f", "%2e%2e", "%2F",
        "0" * 64, "F" * 64, "x" * 5000, "'%20OR%201=1", "*", "%25%30%30",
    ],
)  # fmt: skip
def test_paths(client: httpx.Client, prefix: str, segment: str) -> None:
    answer = client.get(prefix + segment)
    assert answer.status_code in {400, 404}, answer.text


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "PROPFIND"])
def test_other_methods(client: httpx.Client, method: str) -> None:
    answer = client.request(method, "/api/v1/transactions", content=b"x" * 1000)
    assert answer.status_code == 405
    assert "POST" in answer.headers["allow"]


def test_bodies_over_the_limit(client: httpx.Client) -> None:
    filler = b" " * BODY_BYTES_MAX
    document = as_text(Wallet().create())
    exact = document + b" " * (BODY_BYTES_MAX - len(document))
    assert client.post("/api/v1/transactions", content=exact).status_code == 202

    def chunks() -> Iterator[bytes]:
        for _ in range(200):
            yield filler[:65536]

    for body in (exact + b" ", filler * 10, chunks()):
        with contextlib.suppress(httpx.WriteError):  # it may close before we have sent everything
            assert client.post("/api/v1/transactions", content=body).status_code == 413


def test_headers_that_claim_another_address_or_origin_are_not_believed(
    client: httpx.Client, platform: RunningPlatform
) -> None:
    claimed = dict.fromkeys(("X-Forwarded-For", "X-Real-IP", "Forwarded", "X-Client-IP"), "203.0.113.7")
    path = f"/api/v1/transactions/{'e' * 64}"
    answer = client.get(path, headers={**claimed, "Origin": "https://evil.example"})
    assert "access-control-allow-credentials" not in answer.headers
    access = platform.data_dir / "log" / "access.log"
    deadline = time.monotonic() + 5
    while path not in (text := access.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert "203.0.113.7" not in text


# --- raw connections ---


async def exchange(
    address: tuple[str, int], request: bytes, *, first: bytes = b"", wait_s: float = 5
) -> bytes:
    """Send bytes on a connection of their own; returns what came until the server closed or the time was up.

    Args:
        address: host and port.
        request: what is sent.
        first: a request whose head of an answer is awaited before.
        wait_s: how long to read.
    """
    reader, writer = await asyncio.open_connection(*address)
    received = b""
    with contextlib.suppress(TimeoutError, ConnectionError):
        async with asyncio.timeout(wait_s):
            if first:
                writer.write(first)
                received = await reader.readuntil(b"\r\n\r\n")
            writer.write(request)
            while data := await reader.read(65536):
                received += data
    writer.transport.abort()
    return received


def http_address(platform: RunningPlatform) -> tuple[str, int]:
    """Host and port of the API."""
    url = httpx.URL(platform.url)
    return url.host, url.port or 80


AMBIGUOUS = {
    "both lengths": b"POST /api/v1/transactions HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "two lengths": b"POST /api/v1/transactions HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n"
    b"Content-Length: 5\r\n\r\nabcde",
    "chunked then identity": b"POST /api/v1/transactions HTTP/1.1\r\nHost: a\r\n"
    b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "folded header": b"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n",
    "space before colon": b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
    "negative length": b"POST /api/v1/transactions HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    "huge chunk": b"POST /api/v1/transactions HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"fffffffffffffffff\r\n",
    "no request": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20,
}


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_ambiguous_requests_are_refused_and_the_connection_closed(
    platform: RunningPlatform, name: str
) -> None:
    received = in_thread(exchange(http_address(platform), AMBIGUOUS[name]))
    assert received.startswith(b"HTTP/1.1 400")
    assert received.count(b"HTTP/1.1 ") == 1


def test_clients_that_never_finish_are_cut_off(platform: RunningPlatform) -> None:
    """Headers within 10 s, no more than 5 s of silence in a body; other clients do not notice."""
    head = b"POST /api/v1/transactions HTTP/1.1\r\nHost: a\r\n"

    async def drip(request: bytes) -> float:
        reader, writer = await asyncio.open_connection(*http_address(platform))
        started = time.monotonic()
        writer.write(request)
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(20):
                while not reader.at_eof():
                    if request == head:
                        writer.write(b"X: y\r\n")
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(reader.read(1000), 1)
        writer.transport.abort()
        return time.monotonic() - started

    async def all_of_them() -> list[float]:
        body = head + b"Content-Length: 1000\r\n\r\n{"
        return await asyncio.gather(*(drip(request) for request in [head] * 20 + [body] * 20))

    times = in_thread(all_of_them())
    assert max(times[:20]) < 13
    assert max(times[20:]) < 8


HANDSHAKE = (
    b"GET /api/v1/streams/valid_transactions HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
MASK = b"\x00\x00\x00\x00"  # a mask of zeros leaves the payload as it is


def frame(opcode: int, payload: bytes, *, fin: bool = True, reserved: int = 0) -> bytes:
    """A masked client frame."""
    first = (0x80 if fin else 0) | reserved | opcode
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big") if size < 65536 else (
        b"\xff" + size.to_bytes(8, "big")
    )  # fmt: skip
    return bytes([first]) + length + MASK + payload


VIOLATIONS = {
    "unmasked frame": (b"\x81\x01a", 1002),
    "reserved bit": (frame(1, b"a", reserved=0x40), 1002),
    "reserved opcode": (frame(3, b"a"), 1002),
    "control frame of 126 bytes": (frame(9, b"a" * 126), 1002),
    "fragmented control frame": (frame(9, b"a", fin=False), 1002),
    "continuation of nothing": (frame(0, b"a"), 1002),
    "length with the top bit": (b"\x81\xff" + b"\xff" * 8 + MASK, 1009),
    "message over the limit": (frame(1, b"a" * 70_000), 1009),
    "fragments over the limit": (frame(1, b"a" * 40_000, fin=False) + frame(0, b"a" * 40_000), 1009),
    "not utf-8": (frame(1, b"\xff\xfe"), 1007),
}


def stream_address(platform: RunningPlatform) -> tuple[str, int]:
    """Host and port of the event stream."""
    url = httpx.URL(platform.stream_url.replace("ws://", "http://"))
    return url.host, url.port or 80


@pytest.mark.parametrize("name", VIOLATIONS)
def test_websocket_violations_are_closed_with_their_code(platform: RunningPlatform, name: str) -> None:
    data, code = VIOLATIONS[name]
    received = in_thread(exchange(stream_address(platform), data, first=HANDSHAKE))
    head, _, frames = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101")
    assert frames[:1] == b"\x88"
    assert int.from_bytes(frames[2:4], "big") == code


def test_websocket_floods_are_ignored_and_events_still_come(
    platform: RunningPlatform, client: httpx.Client
) -> None:
    async def flood() -> bytes:
        reader, writer = await asyncio.open_connection(*stream_address(platform))
        writer.write(HANDSHAKE)
        await reader.readuntil(b"\r\n\r\n")
        for _ in range(200):
            writer.write(frame(1, b"") * 50 + frame(2, b"x" * 100) * 5 + frame(9, b"p") * 5)
            await writer.drain()
        document = Wallet().create()
        assert (await asyncio.to_thread(post, client, document)).status_code == 202
        received = b""
        async with asyncio.timeout(10):
            while id_of(document).encode() not in received:
                received += await reader.read(65536)
        writer.transport.abort()
        return received

    assert b'"transaction_id"' in in_thread(flood())


def test_a_websocket_message_without_end_is_bounded(platform: RunningPlatform) -> None:
    fragments = frame(1, b"a", fin=False) + frame(0, b"", fin=False) * 20_000
    received = in_thread(exchange(stream_address(platform), fragments, first=HANDSHAKE))
    assert received.partition(b"\r\n\r\n")[2][:1] == b"\x88"


def test_a_stream_address_asked_without_upgrade(platform: RunningPlatform) -> None:
    answer = plain_http.get(platform.stream_url.replace("ws://", "http://"))
    assert 400 <= answer.status_code < 500


# --- many ---


def test_one_transaction_posted_a_thousand_times_at_once(
    platform: RunningPlatform, client: httpx.Client
) -> None:
    document = Wallet().create()
    answers = in_thread(post_bodies(platform, [as_text(document)] * 1000, connections=16))
    assert {status for status, _ in answers} == {202}
    wait_until_valid(client, id_of(document))
    assert len(client.get("/api/v1/blocks", params={"transaction_id": id_of(document)}).json()) == 1


def mutated(document: Document, choose: random.Random) -> bytes:
    """A transaction with something broken in its structure or its text."""
    if choose.random() < 0.5:
        return flipped(as_text(document), choose)
    broken = copy.deepcopy(document)
    for _ in range(choose.randint(1, 3)):
        found = list(places(broken))
        if not found:
            break
        parent, key = choose.choice(found)
        change(parent, key, choose)
    text = json.dumps(broken)
    if choose.random() < 0.3:
        with contextlib.suppress(Exception):  # many broken ones cannot be given an id
            text = json.dumps({**broken, "id": build.transaction_id(broken)})
    return text.encode("utf-8", "surrogatepass")


def flipped(text: bytes, choose: random.Random) -> bytes:
    data = bytearray(text)
    for _ in range(choose.choice([1, 1, 1, 2, 8, 40])):
        data[choose.randrange(len(data))] ^= 1 << choose.randrange(8)
    return bytes(data)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every member of every container, as (container, key)."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from places(value[key])


STRANGE: list[Any] = [
    None, True, False, 0, -1, 1.5, 2**70, "", "x", "\u0000", "\ud800", "0" * 64, "9" * 30, [], {}, [[]],
    [None], {"": None}, {"id": "0" * 64}, ["a"] * 300, "\n", "ni:///sha-256;?fpt=ed25519-sha-256&cost=1",
]  # fmt: skip


def change(parent: Any, key: Any, choose: random.Random) -> None:
    """Replace, remove, repeat, move or rename one member."""
    match choose.randrange(5):
        case 0:
            parent[key] = copy.deepcopy(choose.choice(STRANGE))
        case 1 if isinstance(parent, dict):
            del parent[key]
        case 2 if isinstance(parent, list):
            parent.extend(copy.deepcopy(parent) * choose.choice([1, 5]))
        case 3:
            parent[key] = [parent[key]] if choose.random() < 0.5 else {"k": parent[key]}
        case _ if isinstance(parent, dict):
            parent[choose.choice(["id", "extra", "data", "", "$x", "a.b"])] = copy.deepcopy(parent[key])
        case _:
            parent[key] = copy.deepcopy(choose.choice(STRANGE))


@pytest.mark.timeout(180)
def test_mutated_transactions_never_break_the_server(platform: RunningPlatform, client: httpx.Client) -> None:
    seed = int(os.environ.get("LAMINA_SEED", random.randrange(2**32)))
    print(f"LAMINA_SEED={seed}")
    choose = random.Random(seed)
    wallet = Wallet()
    source = wallet.create(
        [1, 2, 3], data={"name": "bicycle", "parts": [{"wheel": 2}]}, metadata={"a": {"b": [1.5]}}
    )
    assert post(client, source).status_code == 202
    wait_until_valid(client, id_of(source))
    owners = build.threshold(2, [build.ed25519(KeyPair.generate().public) for _ in range(3)])
    originals = [
        source,
        wallet.transfer(source, [0, 1]),
        wallet.transfer(source, [2], to=KEY),
        build.sign(build.create(wallet.key.public, [(owners, 1)], {"n": 1}, None), [wallet.key]),
    ]
    bodies = [mutated(choose.choice(originals), choose) for _ in range(FUZZED_REQUESTS)]
    answers = in_thread(post_bodies(platform, bodies))
    assert len(answers) == FUZZED_REQUESTS
    bad = [(status, body) for status, body in answers if status >= 500 or status not in {202, 400}]
    assert not bad, bad[:3]
    assert sum(status == 400 for status, _ in answers) > FUZZED_REQUESTS * 0.8


async def post_bodies(
    platform: RunningPlatform, bodies: list[bytes], *, connections: int = 4
) -> list[tuple[int, bytes]]:
    """Post all of them over a few connections; returns status and body of each."""
    remaining, answers = list(bodies), list[tuple[int, bytes]]()

    async def work(client: httpx.AsyncClient) -> None:
        while remaining:
            body = remaining.pop()
            answers.append(((await client.post("/api/v1/transactions", content=body)).status_code, body))

    async with plain_http.AsyncClient(base_url=platform.url, timeout=15) as client:
        await asyncio.gather(*(work(client) for _ in range(connections)))
    return answers
