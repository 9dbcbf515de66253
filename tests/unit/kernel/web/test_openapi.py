"""The page of an OpenAPI document, read with a parser as a browser would read it."""

import base64
import json
import re
from hashlib import sha256
from html.parser import HTMLParser
from typing import Any

import pytest

from lamina.kernel.web.openapi import json_reply, page_reply
from lamina.kernel.web.openapi_parts import (
    answer,
    array_of,
    closed_object,
    header,
    json_content,
    operation,
    path_parameter,
    query_parameter,
    ref,
    response_ref,
)

MISSING = answer(404, "Not there.", ref("Failure"), {"message": "<script>alert(1)</script>"})[1]


def shop() -> dict[str, Any]:
    """A document with every part that the page shows."""
    item = {"name": "</script><b>"}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Shop <&>", "version": "7", "summary": "Sells.", "description": "Some `code`."},
        "tags": [{"name": "Items", "description": "What is sold."}, {"name": "Rest"}],
        "paths": {
            "/items/{id}": {
                "get": operation(
                    "Items",
                    "getItem",
                    "One item",
                    "By its id.",
                    parameters=[
                        path_parameter("id", "Its id.", example="7"),
                        query_parameter("size", "How large.", {"enum": ["s", "m"]}),
                        query_parameter("colour", "Any.", {}, required=True, example='"red"'),
                    ],
                    answers=[
                        ("404", response_ref("Missing")),
                        answer(200, "It.", ref("Item"), item, headers={"Age": header("Old.", {})}),
                    ],
                )
            },
            "/items": {
                "post": operation(
                    "Items",
                    "addItem",
                    "A new item",
                    "Adds it.",
                    body={"required": True, "content": json_content(ref("Item"), item)},
                    answers=[answer(201, "Added.", array_of("Item"))],
                )
            },
            "/": {"delete": operation("Rest", "drop", "Drop all", "Gone.", answers=[])},
        },
        "components": {
            "schemas": {
                "Item": closed_object("What is sold.", {"name": {"type": "string"}}),
                "Failure": {**closed_object("Why not.", {"message": {"type": "string"}}), "examples": [{}]},
            },
            "responses": {"Missing": MISSING},
        },
    }


class Page(HTMLParser):
    """What a test asks of a page: tags with attributes in order, and the text inside each kind of tag."""

    VOID = frozenset({"input", "link", "meta", "wbr"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open, f"never closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        for tag in self._open:
            self.texts.setdefault(tag, []).append(data)

    def text(self, tag: str) -> str:
        return "".join(self.texts.get(tag, []))

    def attributes(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(page_reply(shop(), json_path="/shop.json").body.decode())


def test_the_json_is_the_document() -> None:
    reply = json_reply(shop())
    assert json.loads(reply.body) == shop()
    assert (b"content-type", b"application/json") in reply.headers


def test_every_operation_parameter_answer_and_schema_is_shown(page: Page) -> None:
    shown = page.text("main")
    for words in (
        "One item",
        "A new item",
        "Drop all",
        "By its id.",
        "How large.",
        "Not there.",
        "Added.",
        "Age",
    ):
        assert words in shown, words
    assert [title for title in page.texts["h3"] if title in {"Item", "Failure"}] == ["Item", "Failure"]
    assert "What is sold." in shown
    assert "Why not." in shown


def test_every_link_leads_somewhere_on_the_page(page: Page) -> None:
    targets = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    links = [attributes["href"] or "" for attributes in page.attributes("a")]
    assert {link for link in links if not link.startswith("#")} == {"/shop.json"}
    assert {link[1:] for link in links if link.startswith("#")} <= targets
    assert {"getItem", "addItem", "drop", "schema-Item", "schema-Failure"} <= targets


def test_identities_are_unique_and_every_field_has_its_label(page: Page) -> None:
    identities = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(set(identities)) == len(identities)
    labelled = {attributes["for"] for attributes in page.attributes("label")}
    fields = [f for tag in ("input", "select", "textarea") for f in page.attributes(tag)]
    assert {field["id"] for field in fields} == labelled


def test_values_of_the_document_stay_text(page: Page) -> None:
    assert "Shop <&>" in page.text("title")
    assert "<script>alert(1)</script>" in page.text("pre")
    assert len(page.attributes("script")) == 1
    assert not page.attributes("b") or all("class" in b for b in page.attributes("b"))


def test_only_what_can_be_sent_has_a_form(page: Page) -> None:
    forms = page.attributes("form")
    assert [(form["data-method"], form["data-path"]) for form in forms] == [
        ("GET", "/items/{id}"),
        ("POST", "/items"),
    ]
    fields = {field["name"]: field for field in page.attributes("input")}
    assert fields["id"]["value"] == "7"
    assert fields["colour"]["value"] == '"red"'
    assert json.loads(page.text("textarea")) == {"name": "</script><b>"}
    assert page.texts["option"] == ["s", "m"]


def test_nothing_is_loaded_and_only_the_own_script_and_style_may_run() -> None:
    reply = page_reply(shop(), json_path="/shop.json")
    text = reply.body.decode()
    page = Page(text)
    assert not any("src" in attributes for _, attributes in page.tags)
    assert [link["href"] for link in page.attributes("link")] == ["data:,"]
    policy = dict(reply.headers)[b"content-security-policy"].decode()
    assert policy.startswith("default-src 'none'; ")
    for tag, directive in (("script", "script-src"), ("style", "style-src")):
        digest = base64.b64encode(sha256(page.text(tag).encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}';" in policy
    assert not re.search(r"url\(|@import|https?://", page.text("style") + page.text("script"))
    assert not re.search(r' (?:on\w+|style)="', text)
