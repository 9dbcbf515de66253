"""The served OpenAPI document against the routes and the answers of a running ledger."""

import json
from collections.abc import Iterator
from contextlib import AsyncExitStack
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from tests import plain_http
from tests.running_platform import RunningPlatform
from tests.wire.ledger_client import wait_until_valid

from lamina.kernel.clock import SystemClock
from lamina.kernel.process import Kernel
from lamina.kernel.settings.load import load
from lamina.kernel.settings.platform import KERNEL_SECTIONS
from lamina.kernel.storage.database import Database, PoolOptions
from lamina.kernel.web.routing import Router
from lamina.services.ledger import service
from lamina.services.ledger.settings import LedgerSettings

Operation = tuple[str, str]


@pytest.fixture(scope="module")
def client(platform: RunningPlatform) -> Iterator[httpx.Client]:
    with plain_http.Client(base_url=platform.url, timeout=20) as client:
        yield client


@pytest.fixture(scope="module")
def document(client: httpx.Client) -> dict[str, Any]:
    answer = client.get("/lamina/openapi.json")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


def documented(document: dict[str, Any]) -> set[Operation]:
    return {(path, method.upper()) for path, item in document["paths"].items() for method in item}


async def routed(data_dir: Path) -> set[Operation]:
    """What the ledger's own router answers; its database is never asked, so it is never opened."""
    # A name that cannot be looked up, so that no socket is opened for counters either.
    flags = {"platform.data_dir": str(data_dir), "ledger.graphite_host": ".."}
    settings = load((*KERNEL_SECTIONS, LedgerSettings), environ={}, flags=flags)
    database = await Database.connect(PoolOptions("postgresql://nobody@/none?host=/nowhere", is_lazy=True))
    async with AsyncExitStack() as resources:
        part = await service.build(Kernel(settings, database, SystemClock(), resources), "web")
    router = next(endpoint.app for endpoint in part.endpoints if endpoint.listener == service.HTTP)
    assert isinstance(router, Router)
    return {(path, method) for path, methods in router.methods().items() for method in methods}


async def test_every_route_is_documented_and_every_documented_operation_is_routed(
    document: dict[str, Any], tmp_path: Path
) -> None:
    told = documented(document)
    # HEAD and OPTIONS, which the router answers by itself, are told once for all paths.
    same_everywhere = {(path, "OPTIONS") for path, _ in told} | {(p, "HEAD") for p, m in told if m == "GET"}
    assert await routed(tmp_path) == told | same_everywhere


def test_every_documented_path_allows_its_methods(client: httpx.Client, document: dict[str, Any]) -> None:
    for path, item in document["paths"].items():
        allowed = client.options(path).headers["allow"].split(", ")
        assert set(allowed) == {"OPTIONS", "HEAD", *(method.upper() for method in item)}, path


def body_of(document: dict[str, Any], path: str, method: str, status: int) -> dict[str, Any]:
    response = document["paths"][path][method]["responses"][str(status)]
    if "$ref" in response:
        response = document["components"]["responses"][response["$ref"].rpartition("/")[2]]
    return response


def holds(document: dict[str, Any], answer: httpx.Response, path: str, method: str) -> None:
    """The answer is one the document tells of, with its headers and its body."""
    response = body_of(document, path, method, answer.status_code)
    for name, header in response.get("headers", {}).items():
        assert name in answer.headers or not header["required"], name
    schema = {**response["content"]["application/json"]["schema"], "components": document["components"]}
    jsonschema.Draft202012Validator(schema).validate(answer.json())


@pytest.mark.parametrize(
    ("method", "path", "query", "status"),
    [
        ("get", "/", "", 200),
        ("get", "/api/v1", "", 200),
        ("get", "/api/v1/transactions", "asset_id=12", 400),
        ("get", "/api/v1/transactions", "x=1&" * 65, 400),
        ("get", "/api/v1/transactions/{id}", "", 404),
        ("get", "/api/v1/outputs", "spent=true", 400),
        ("get", "/api/v1/outputs", f"public_key={'1' * 44}&what=1", 400),
        ("get", "/api/v1/outputs", f"public_key={'1' * 44}", 200),
        ("get", "/api/v1/statuses", "", 400),
        ("get", "/api/v1/statuses", "foo=1", 400),
        ("get", "/api/v1/statuses", "block_id=1", 404),
        ("get", "/api/v1/assets", "search=", 400),
        ("get", "/api/v1/assets", "search=a&limit=x", 400),
        ("get", "/api/v1/assets", "search=a&limit=-3", 200),
        ("get", "/api/v1/blocks", "transaction_id=&status=lost", 400),
        ("get", "/api/v1/blocks", "transaction_id=", 200),
        ("get", "/api/v1/blocks/{id}", "", 404),
        ("get", "/api/v1/votes", "", 400),
        ("get", "/api/v1/votes", "block_id=1", 200),
    ],
)
def test_an_answer_is_as_documented(
    client: httpx.Client, document: dict[str, Any], method: str, path: str, query: str, status: int
) -> None:
    answer = client.request(method, f"{path.format(id='0' * 64)}?{query}")
    assert answer.status_code == status, answer.text
    holds(document, answer, path, method)


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"{", 400),
        (b"[]", 400),
        (b'{"id": "%s"}' % (b"0" * 64), 400),
        (b" " * (LedgerSettings().body_bytes_max + 1), 413),
    ],
)
def test_a_refused_post_is_as_documented(
    client: httpx.Client, document: dict[str, Any], content: bytes, status: int
) -> None:
    answer = client.post("/api/v1/transactions", content=content)
    assert answer.status_code == status, answer.text
    holds(document, answer, "/api/v1/transactions", "post")


def test_a_wrong_method_is_as_documented(client: httpx.Client, document: dict[str, Any]) -> None:
    for path, item in document["paths"].items():
        answer = client.delete(path)
        assert answer.status_code == 405, path
        for method in item:
            holds(document, answer, path, method)


def test_what_became_of_the_example_transaction_is_as_documented(
    client: httpx.Client, document: dict[str, Any]
) -> None:
    post = document["paths"]["/api/v1/transactions"]["post"]
    example = post["requestBody"]["content"]["application/json"]["example"]
    answer = client.post("/api/v1/transactions", content=json.dumps(example))
    assert answer.status_code == 202, answer.text
    holds(document, answer, "/api/v1/transactions", "post")
    tx_id = example["id"]
    wait_until_valid(client, tx_id)
    block_id = client.get("/api/v1/blocks", params={"transaction_id": tx_id}).json()[0]
    for path, asked in (
        ("/api/v1/transactions", f"?asset_id={tx_id.upper()}&operation=create"),
        ("/api/v1/transactions/{id}", ""),
        ("/api/v1/statuses", f"?transaction_id={tx_id}"),
        ("/api/v1/statuses", f"?block_id={block_id}"),
        ("/api/v1/outputs", f"?public_key={example['outputs'][0]['public_keys'][0]}&spent=FALSE"),
        ("/api/v1/assets", "?search=bicycle"),
        ("/api/v1/blocks", f"?transaction_id={tx_id}&status=VALID"),
        ("/api/v1/votes", f"?block_id={block_id}"),
    ):
        answer = client.get(path.format(id=tx_id) + asked)
        assert answer.status_code == 200, (path, answer.text)
        assert answer.json(), path
        holds(document, answer, path, "get")
    holds(document, client.get(f"/api/v1/blocks/{block_id}"), "/api/v1/blocks/{id}", "get")


class _Identities(HTMLParser):
    """The identities of a page's elements."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= {value for name, value in attrs if name == "id" and value}


def test_the_page_shows_every_operation_and_schema(client: httpx.Client, document: dict[str, Any]) -> None:
    answer = client.get("/lamina/docs")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    shown = _Identities(answer.text).found
    operations = {o["operationId"] for item in document["paths"].values() for o in item.values()}
    assert operations | {f"schema-{name}" for name in document["components"]["schemas"]} <= shown
