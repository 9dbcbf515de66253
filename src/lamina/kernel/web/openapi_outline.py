"""JSON Schemas as HTML outlines: types, bounds and members; a named schema is a link to its own outline."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from lamina.kernel.web.markup import Child, Markup, element
from lamina.kernel.web.openapi_prose import prose

Schema = Mapping[str, Any]

_BOUNDS = (
    ("pattern", "matches"),
    ("format", "format"),
    ("minimum", "at least"),
    ("maximum", "at most"),
    ("minLength", "shortest"),
    ("maxLength", "longest"),
    ("minItems", "items at least"),
    ("maxItems", "items at most"),
    ("minProperties", "members at least"),
    ("maxProperties", "members at most"),
)
_CHOICES = ("oneOf", "anyOf")


def outline(schema: Schema) -> Markup:
    """A schema's description, type and members."""
    return element(
        "div", prose(schema.get("description", "")), element("p", *_type(schema)), _members(schema)
    )


def type_line(schema: Schema) -> Markup:
    """A schema's type and bounds in one line."""
    return element("span", *_type(schema), class_="type")


def pretty(value: object) -> str:
    """A JSON value for reading."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()


def reference_name(schema: Schema) -> str | None:
    """The name a reference points to, or None where the schema is written out."""
    reference: str | None = schema.get("$ref")
    return None if reference is None else reference.rpartition("/")[2]


def _type(schema: Schema) -> Sequence[Child]:
    name = reference_name(schema)
    if name is not None:
        return [element("a", name, href=f"#schema-{name}")]
    for choice in _CHOICES:
        if choice in schema:
            return _joined([_type(option) for option in schema[choice]], " or ")
    if "const" in schema:
        return [_literal(schema["const"])]
    if "enum" in schema:
        return _joined([[_literal(value)] for value in schema["enum"]], " or ")
    if schema.get("type") == "array":
        return ["list of ", *_type(schema.get("items", {})), *_bounds(schema)]
    return [_type_word(schema), *_bounds(schema)]


def _type_word(schema: Schema) -> str:
    kinds: str | list[str] = schema.get("type", "anything")
    return kinds if isinstance(kinds, str) else " or ".join(kinds)


def _bounds(schema: Schema) -> list[Child]:
    return [
        (f", {words} ", element("code", str(schema[keyword])))
        for keyword, words in _BOUNDS
        if keyword in schema
    ]


def _literal(value: object) -> Markup:
    return element("code", orjson.dumps(value).decode())


def _joined(parts: Sequence[Sequence[Child]], separator: str) -> Sequence[Child]:
    return [piece for at, part in enumerate(parts) for piece in ((separator, *part) if at else part)]


def _members(schema: Schema) -> Markup | None:
    """Members of an object, at any depth that is written out in place."""
    inner: Schema = schema.get("items", schema)
    properties: Mapping[str, Schema] = inner.get("properties", {})
    if not properties:
        return None
    required: Sequence[str] = inner.get("required", ())
    return element(
        "ul",
        [_member(name, member, is_required=name in required) for name, member in properties.items()],
        class_="members",
    )


def _member(name: str, schema: Schema, *, is_required: bool) -> Markup:
    return element(
        "li",
        element("code", name, class_="name"),
        " ",
        type_line(schema),
        None if is_required else ", optional",
        prose(schema.get("description", "")),
        _members(schema),
    )
