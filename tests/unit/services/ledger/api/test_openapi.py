"""The ledger's OpenAPI document, held against itself and against the code that judges transactions."""

from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
import schemathesis
from tests.shared_data import shared_records

from lamina.services.ledger.api.openapi import document
from lamina.services.ledger.rules.form import parse_transaction
from lamina.services.ledger.rules.spend import ChainView, check
from lamina.services.ledger.settings import LedgerSettings

STREAMS = "wss://ledger.example:443/api/v1/streams/valid_transactions"
DOCUMENT = document(LedgerSettings(body_bytes_max=777), STREAMS)


def conforms(value: object, schema: dict[str, Any]) -> bool:
    whole = {**schema, "components": DOCUMENT["components"]}
    return jsonschema.Draft202012Validator(whole).is_valid(value)


def component(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def media() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every body of the document, with where it stands."""
    responses = {f"components {name}": r for name, r in DOCUMENT["components"]["responses"].items()}
    for path, item in DOCUMENT["paths"].items():
        for method, operation in item.items():
            for status, response in operation["responses"].items():
                responses[f"{method} {path} {status}"] = response
            if "requestBody" in operation:
                responses[f"{method} {path} body"] = operation["requestBody"]
    for place, response in responses.items():
        for content in response.get("content", {}).values():
            yield place, content


def operations() -> Iterator[dict[str, Any]]:
    for item in DOCUMENT["paths"].values():
        yield from item.values()


def test_it_is_openapi_3_1() -> None:
    schemathesis.openapi.from_dict(DOCUMENT).validate()
    assert DOCUMENT["openapi"].startswith("3.1.")


def test_every_example_is_what_its_schema_says() -> None:
    examples = {place: m for place, m in media() if "example" in m}
    assert len(examples) > 20
    wrong = [place for place, m in examples.items() if not conforms(m["example"], m["schema"])]
    assert wrong == []


def test_every_parameter_example_is_what_its_schema_says() -> None:
    parameters = [p for operation in operations() for p in operation["parameters"] if "example" in p]
    assert parameters
    assert [p["name"] for p in parameters if not conforms(p["example"], p["schema"])] == []


def test_every_schema_is_a_schema_and_is_used() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)
    text = str(DOCUMENT)
    unused = {name for name in schemas if f"'#/components/schemas/{name}'" not in text}
    assert unused == {"Event"}  # of the stream, which OpenAPI has no word for


def test_operations_have_names_of_their_own_and_a_known_tag() -> None:
    names = [operation["operationId"] for operation in operations()]
    assert len(set(names)) == len(names)
    tags = [tag["name"] for tag in DOCUMENT["tags"]]
    assert {tag for operation in operations() for tag in operation["tags"]} == set(tags)


def test_the_settings_it_names_are_the_nodes() -> None:
    assert "777 bytes" in DOCUMENT["components"]["responses"]["TooLarge"]["description"]
    assert STREAMS in DOCUMENT["info"]["description"]
    root = DOCUMENT["paths"]["/"]["get"]["responses"]["200"]["content"]["application/json"]["example"]
    assert root["api"]["v1"]["streams"] == STREAMS


def test_the_example_transaction_may_be_posted() -> None:
    body = DOCUMENT["paths"]["/api/v1/transactions"]["post"]["requestBody"]
    example = body["content"]["application/json"]["example"]
    check(parse_transaction(example), ChainView(), strict_owners=True)


def test_every_valid_transaction_conforms() -> None:
    vectors = shared_records("ledger", "valid_transactions.jsonl")
    wrong = [v["name"] for v in vectors if not conforms(v["transaction"], component("Transaction"))]
    assert wrong == []


def test_every_valid_block_conforms() -> None:
    blocks = [v for v in shared_records("ledger", "blocks.jsonl") if v["valid"]]
    assert {"genesis", "block_many"} <= {v["name"] for v in blocks}
    assert [v["name"] for v in blocks if not conforms(v["block"], component("Block"))] == []


@pytest.mark.parametrize(
    ("amount", "is_amount"),
    [
        ("0", False),
        ("01", False),
        ("1", True),
        ("8999999999999999999", True),
        ("9000000000000000000", True),
        ("9000000000000000001", False),
        ("10000000000000000000", False),
    ],
)
def test_the_bounds_of_an_amount(amount: str, *, is_amount: bool) -> None:
    schema = DOCUMENT["components"]["schemas"]["Output"]["properties"]["amount"]
    assert conforms(amount, schema) is is_amount
