"""Telemetry's OpenAPI document, held against itself."""

from collections.abc import Iterator
from typing import Any

import jsonschema
import schemathesis

from lamina.services.telemetry.api.openapi import document
from lamina.services.telemetry.settings import TelemetrySettings

DOCUMENT = document(TelemetrySettings(body_bytes_max=777, ws_payload_bytes_max=888))


def conforms(value: object, schema: dict[str, Any]) -> bool:
    whole = {**schema, "components": DOCUMENT["components"]}
    return jsonschema.Draft202012Validator(whole).is_valid(value)


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in DOCUMENT["paths"].items():
        for method, operation in item.items():
            yield f"{method} {path}", operation


def media() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every body of the document, with where it stands."""
    responses = {f"components {name}": r for name, r in DOCUMENT["components"]["responses"].items()}
    for place, operation in operations():
        responses |= {f"{place} {status}": r for status, r in operation["responses"].items()}
        if "requestBody" in operation:
            responses[f"{place} body"] = operation["requestBody"]
    for place, response in responses.items():
        for content in response.get("content", {}).values():
            yield place, content


def test_it_is_openapi_3_1() -> None:
    schemathesis.openapi.from_dict(DOCUMENT).validate()
    assert DOCUMENT["openapi"].startswith("3.1.")


def test_every_example_is_what_its_schema_says() -> None:
    examples = {place: m for place, m in media() if "example" in m}
    assert len(examples) > 25
    assert [place for place, m in examples.items() if not conforms(m["example"], m["schema"])] == []


def test_every_parameter_example_is_what_its_schema_says() -> None:
    parameters = [p for _, each in operations() for p in each["parameters"] if "example" in p]
    assert parameters
    assert [p["name"] for p in parameters if not conforms(p["example"], p["schema"])] == []


def test_every_schema_is_a_schema_and_is_used() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)
    text = str(DOCUMENT)
    assert {name for name in schemas if f"'#/components/schemas/{name}'" not in text} == set()


def test_every_response_is_used() -> None:
    text = str(DOCUMENT["paths"])
    assert [
        n for n in DOCUMENT["components"]["responses"] if f"'#/components/responses/{n}'" not in text
    ] == []


def test_operations_have_names_of_their_own_and_a_known_tag() -> None:
    names = [operation["operationId"] for _, operation in operations()]
    assert len(set(names)) == len(names)
    tags = [tag["name"] for tag in DOCUMENT["tags"]]
    assert {tag for _, operation in operations() for tag in operation["tags"]} == set(tags)


def test_the_limits_it_names_are_the_receivers() -> None:
    assert "777 bytes" in DOCUMENT["components"]["responses"]["TooLarge"]["description"]
    assert "888 bytes" in DOCUMENT["info"]["description"]
