"""An OpenAPI document served twice: as JSON, and as one page for people that needs nothing else.

The page is rendered here, once, and is complete without scripts; its own script only sends the requests that
a reader tries. A content security policy keeps it from loading or asking anything of another host.
"""

import base64
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from importlib import resources
from typing import Any

import orjson

from lamina.kernel.web.markup import Child, Markup, element
from lamina.kernel.web.openapi_form import try_form
from lamina.kernel.web.openapi_outline import outline, pretty, reference_name, type_line
from lamina.kernel.web.openapi_prose import prose
from lamina.kernel.web.respond import Reply

Document = Mapping[str, Any]

_METHODS = ("get", "post", "put", "patch", "delete")
_TRIED = ("get", "post")


def json_reply(document: Document) -> Reply:
    """The document as JSON."""
    return Reply(200, orjson.dumps(document, option=orjson.OPT_INDENT_2))


def page_reply(document: Document, *, json_path: str) -> Reply:
    """The document as a page.

    Args:
        document: OpenAPI 3.1; descriptions in the CommonMark that `openapi_prose` knows, references only to
            its own components.
        json_path: where the document itself is served.
    """
    style, script = _asset("openapi.css"), _asset("openapi.js")
    policy = (
        f"default-src 'none'; style-src {_source(style)}; script-src {_source(script)}; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    headers = [
        (b"content-security-policy", policy.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
    ]
    body = f"<!doctype html>\n{_page(document, json_path, style, script)}\n"
    return Reply(200, body.encode(), headers, content_type=b"text/html; charset=utf-8")


def _asset(name: str) -> Markup:
    return Markup(resources.files("lamina.kernel.web").joinpath(name).read_text(encoding="utf-8"))


def _source(inline: str) -> str:
    return f"'sha256-{base64.b64encode(sha256(inline.encode()).digest()).decode()}'"


def _page(document: Document, json_path: str, style: Markup, script: Markup) -> Markup:
    title: str = document["info"]["title"]
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        # An empty icon: without one, browsers ask the service for /favicon.ico.
        element("link", rel="icon", href="data:,"),
        element("style", style),
    )
    body = element(
        "body",
        element("a", "Skip to the operations", href="#operations", class_="skip"),
        _banner(document, json_path),
        element("div", _navigation(document), _main(document), class_="columns"),
        element("script", script),
    )
    return element("html", head, body, lang="en")


def _banner(document: Document, json_path: str) -> Markup:
    info = document["info"]
    return element(
        "header",
        element("h1", info["title"], " ", element("small", info["version"])),
        element("p", info.get("summary", "")),
        element(
            "p",
            element("a", "OpenAPI document", href=json_path),
            " ",
            element("button", "Light or dark", type="button", id="theme", hidden=True),
        ),
    )


def _navigation(document: Document) -> Markup:
    groups = [
        element("li", tag, element("ul", [_navigation_item(*entry) for entry in entries]))
        for tag, entries in _by_tag(document)
    ]
    schemas = element("li", element("a", "Schemas", href="#schemas"))
    return element(
        "nav",
        element("details", element("summary", "Contents"), element("ul", groups, schemas), open=True),
        aria_label="Contents",
    )


Entry = tuple[str, str, Document]
"""Method, path and operation."""


def _navigation_item(method: str, path: str, operation: Document) -> Markup:
    return element("li", element("a", _method(method), " ", _path(path), href=f"#{operation['operationId']}"))


def _main(document: Document) -> Markup:
    return element(
        "main",
        prose(document["info"].get("description", "")),
        element(
            "div",
            [_group(document, tag, entries) for tag, entries in _by_tag(document)],
            id="operations",
        ),
        element("h2", "Schemas", id="schemas"),
        [_schema(name, schema) for name, schema in document["components"]["schemas"].items()],
    )


def _by_tag(document: Document) -> Iterator[tuple[str, Sequence[Entry]]]:
    """Operations in the order of the document's tags."""
    entries: list[Entry] = [
        (method, path, item[method])
        for path, item in document["paths"].items()
        for method in _METHODS
        if method in item
    ]
    for tag in document["tags"]:
        yield tag["name"], [entry for entry in entries if tag["name"] in entry[2]["tags"]]


def _group(document: Document, tag: str, entries: Sequence[Entry]) -> Markup:
    about = next(entry.get("description", "") for entry in document["tags"] if entry["name"] == tag)
    return element(
        "section", element("h2", tag), prose(about), [_operation(document, *entry) for entry in entries]
    )


def _operation(document: Document, method: str, path: str, operation: Document) -> Markup:
    return element(
        "article",
        element("h3", operation["summary"]),
        element("p", _method(method), " ", _path(path), class_="line"),
        prose(operation.get("description", "")),
        _parameters(operation),
        _body(operation),
        element("h4", "Answers"),
        [
            _answer(status, _resolved(document, response))
            for status, response in operation["responses"].items()
        ],
        try_form(method, path, operation) if method in _TRIED else None,
        id=operation["operationId"],
    )


def _method(method: str) -> Markup:
    return element("b", method.upper(), class_=f"method {method}")


def _path(path: str) -> Markup:
    """A path that may be broken across lines before each slash."""
    segments = path.removeprefix("/").split("/")
    return element("code", [[element("wbr"), f"/{segment}"] for segment in segments])


def _parameters(operation: Document) -> Child:
    parameters: Sequence[Document] = operation.get("parameters", ())
    if not parameters:
        return None
    return [
        element("h4", "Parameters"),
        element("ul", [_parameter(parameter) for parameter in parameters], class_="members"),
    ]


def _parameter(parameter: Document) -> Markup:
    return element(
        "li",
        element("code", parameter["name"], class_="name"),
        " ",
        type_line(parameter["schema"]),
        f", in the {parameter['in']}",
        element("strong", ", required") if parameter.get("required") else None,
        prose(parameter.get("description", "")),
    )


def _body(operation: Document) -> Child:
    body: Document | None = operation.get("requestBody")
    if body is None:
        return None
    media_type, media = next(iter(body["content"].items()))
    return [
        element("h4", "Body"),
        element("p", element("code", media_type), " ", type_line(media["schema"])),
        prose(body.get("description", "")),
    ]


def _resolved(document: Document, response: Document) -> Document:
    name = reference_name(response)
    return response if name is None else document["components"]["responses"][name]


def _answer(status: str, response: Document) -> Markup:
    return element(
        "details",
        element("summary", element("b", status, class_=f"status s{status[0]}"), " ", response["description"]),
        [_header(name, header) for name, header in response.get("headers", {}).items()],
        [_content(media_type, media) for media_type, media in response.get("content", {}).items()],
        open=status.startswith("2"),
    )


def _header(name: str, header: Document) -> Markup:
    return element(
        "p",
        "Header ",
        element("code", name, class_="name"),
        " ",
        type_line(header["schema"]),
        prose(header.get("description", "")),
    )


def _content(media_type: str, media: Document) -> Child:
    example = media.get("example")
    return [
        element("p", element("code", media_type), " ", type_line(media["schema"])),
        None if example is None else element("pre", pretty(example), tabindex="0"),
    ]


def _schema(name: str, schema: Document) -> Markup:
    examples: Sequence[object] = schema.get("examples", ())
    return element(
        "article",
        element("h3", name),
        outline(schema),
        [element("pre", pretty(example), tabindex="0") for example in examples],
        id=f"schema-{name}",
    )
