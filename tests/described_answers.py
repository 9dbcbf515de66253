"""Whether an answer is one that an OpenAPI document tells of."""

from typing import Any

import httpx
import jsonschema


def response_of(document: dict[str, Any], path: str, method: str, status: int) -> dict[str, Any]:
    """What the document says of a status."""
    response = document["paths"][path][method]["responses"][str(status)]
    if "$ref" in response:
        return document["components"]["responses"][response["$ref"].rpartition("/")[2]]
    return response


def holds(document: dict[str, Any], answer: httpx.Response, path: str, method: str = "get") -> None:
    """The answer is one that the document tells of, with its headers and its body."""
    response = response_of(document, path, method, answer.status_code)
    assert set(response.get("headers", {})) <= {name.title() for name in answer.headers}
    content = response.get("content", {})
    if not content:
        assert answer.content == b""
        return
    media = content[answer.headers["content-type"].partition(";")[0]]
    if answer.headers["content-type"].startswith("application/json"):
        schema = {**media["schema"], "components": document["components"]}
        jsonschema.Draft202012Validator(schema).validate(answer.json())
