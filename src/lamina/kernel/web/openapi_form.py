"""The form that lets a reader of an OpenAPI page send a request; `openapi.js` sends it."""

from collections.abc import Mapping, Sequence
from typing import Any

from lamina.kernel.web.markup import Child, Markup, element
from lamina.kernel.web.openapi_outline import pretty

Operation = Mapping[str, Any]


def try_form(method: str, path: str, operation: Operation) -> Markup:
    """Fields for one operation's parameters and body, and where its answer appears."""
    name: str = operation["operationId"]
    return element(
        "details",
        element("summary", "Try it"),
        element(
            "form",
            [_field(name, parameter) for parameter in operation.get("parameters", ())],
            _body_field(name, operation),
            element("button", "Send", type="submit", disabled=True),
            element("noscript", element("p", "Sending needs scripts.")),
            data_method=method.upper(),
            data_path=path,
        ),
        element("div", class_="answer", aria_live="polite"),
        class_="try",
    )


def _field(operation: str, parameter: Operation) -> Markup:
    name: str = parameter["name"]
    identity = f"{operation}-{name}"
    choices: Sequence[object] = parameter["schema"].get("enum", ())
    required = bool(parameter.get("required"))
    example: object = parameter.get("example")
    given = None if example is None else str(example)
    control = (
        element(
            "select",
            None if required else element("option"),
            [element("option", str(choice)) for choice in choices],
            id=identity,
            name=name,
            data_in=parameter["in"],
        )
        if choices
        else element(
            "input",
            id=identity,
            name=name,
            data_in=parameter["in"],
            value=given if required else None,
            placeholder=given,
            autocomplete="off",
            spellcheck="false",
        )
    )
    return element("p", element("label", name, for_=identity), control)


def _body_field(operation: str, described: Operation) -> Child:
    if "requestBody" not in described:
        return None
    media_type, media = next(iter(described["requestBody"]["content"].items()))
    identity = f"{operation}-body"
    return [
        element("p", "What this node accepts, it keeps."),
        element(
            "p",
            element("label", "body", for_=identity),
            element(
                "textarea",
                pretty(media["example"]) if "example" in media else None,
                id=identity,
                rows="12",
                data_in="body",
                data_type=media_type,
                spellcheck="false",
            ),
        ),
    ]
