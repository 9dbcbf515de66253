"""Pieces an OpenAPI 3.1 document is put together from; each is a plain dict, ready for JSON."""

from collections.abc import Mapping, Sequence
from typing import Any

Part = dict[str, Any]
Answer = tuple[str, Part]
"""A status as text and its response object."""


def ref(schema: str) -> Part:
    """A reference to a schema of the document."""
    return {"$ref": f"#/components/schemas/{schema}"}


def response_ref(response: str) -> Part:
    """A reference to a response of the document."""
    return {"$ref": f"#/components/responses/{response}"}


def array_of(schema: str) -> Part:
    """A list of a schema of the document."""
    return {"type": "array", "items": ref(schema)}


def or_null(schema: Part) -> Part:
    """What a schema admits, and null."""
    return {"anyOf": [schema, {"type": "null"}]}


def closed_object(description: str, properties: Mapping[str, Part]) -> Part:
    """An object with exactly these members."""
    return {
        "type": "object",
        "description": description,
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def operation(
    tag: str,
    operation_id: str,
    summary: str,
    description: str,
    *,
    parameters: Sequence[Part] = (),
    body: Part | None = None,
    answers: Sequence[Answer],
) -> Part:
    """One method of one path.

    Args:
        tag: the group it belongs to.
        operation_id: its name for client generators, unique in the document.
        summary: its title.
        description: what it does, in sentences.
        parameters: from `query_parameter` and `path_parameter`, in the order they are checked.
        body: the request body, if it takes one.
        answers: what it may answer.
    """
    described: Part = {
        "tags": [tag],
        "operationId": operation_id,
        "summary": summary,
        "description": description,
        "parameters": list(parameters),
        "responses": dict(sorted(answers)),
    }
    return described if body is None else {**described, "requestBody": body}


def query_parameter(
    name: str, description: str, schema: Part, *, required: bool = False, example: object = None
) -> Part:
    """A parameter of the query string; a string unless its schema says otherwise."""
    return {
        "name": name,
        "in": "query",
        "description": description,
        "required": required,
        "schema": {"type": "string", **schema},
        **_example(example),
    }


def path_parameter(name: str, description: str, *, example: str) -> Part:
    """A segment of the path: any text, since whatever is not there is not found."""
    return {
        "name": name,
        "in": "path",
        "description": description,
        "required": True,
        "schema": {"type": "string", "minLength": 1},
        "example": example,
    }


def json_content(schema: Part, example: object = None) -> Part:
    """The `content` of a JSON body."""
    return {"application/json": {"schema": schema, **_example(example)}}


def answer(
    status: int,
    description: str,
    schema: Part,
    example: object = None,
    *,
    headers: Mapping[str, Part] | None = None,
) -> Answer:
    """An answer with a JSON body.

    Args:
        status: the HTTP status.
        description: when it is given.
        schema: what the body is.
        example: a body.
        headers: headers it always has, from `header`.
    """
    response: Part = {"description": description, "content": json_content(schema, example)}
    return str(status), {**response, "headers": dict(headers)} if headers else response


def header(description: str, schema: Part) -> Part:
    """A header that is always there."""
    return {"description": description, "required": True, "schema": schema}


def _example(value: object) -> Part:
    return {} if value is None else {"example": value}
