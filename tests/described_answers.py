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


def examples_hold(document: dict[str, Any]) -> int:
    """Every example of an answer is as its schema says; returns how many there are."""
    examples = [
        media
        for item in document["paths"].values()
        for operation in item.values()
        for response in operation["responses"].values()
        for media in response.get("content", {}).values()
        if "example" in media
    ]
    for media in examples:
        schema = {**media["schema"], "components": document["components"]}
        jsonschema.Draft202012Validator(schema).validate(media["example"])
    return len(examples)


def methods_hold(document: dict[str, Any], http: httpx.Client, known: str) -> None:
    """Each path takes exactly the methods that are described; another one is answered as described.

    Args:
        document: the description.
        http: of the service, which answers another method with 404.
        known: stands for every parameter of a path.
    """
    for path, item in document["paths"].items():
        asked = path.replace("{id}", known)
        allowed = set(http.options(asked).headers["allow"].split(", "))
        assert allowed == {"OPTIONS", "HEAD", *(method.upper() for method in item)}, path
        for method in item:
            answer = http.delete(asked)
            assert answer.status_code == 404
            holds(document, answer, path, method)


def page_holds(document: dict[str, Any], http: httpx.Client) -> None:
    """The page for people shows every operation."""
    page = http.get("/lamina/docs")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    for item in document["paths"].values():
        for operation in item.values():
            assert f'id="{operation["operationId"]}"' in page.text
