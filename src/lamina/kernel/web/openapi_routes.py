"""Where a service's OpenAPI document and its page are, and how the document tells of both."""

from lamina.kernel.web.openapi import Document, json_reply, page_reply
from lamina.kernel.web.openapi_parts import Answer, Part, answer, operation
from lamina.kernel.web.routing import Router

JSON_PATH = "/lamina/openapi.json"
DOCS_PATH = "/lamina/docs"
TAG = ("Documentation", "This description.")


def add_documentation(router: Router, document: Document) -> None:
    """Serve a document, and the page that shows it."""
    router.add(JSON_PATH, {"GET": json_reply(document)})
    router.add(DOCS_PATH, {"GET": page_reply(document, json_path=JSON_PATH)})


def documentation(wrong_method: Answer) -> Part:
    """The paths of the two, for the document itself; their tag is `TAG`.

    Args:
        wrong_method: how the service answers another method.
    """
    page: Part = {
        "description": "A page that needs no other.",
        "content": {"text/html": {"schema": {"type": "string"}}},
    }
    return {
        JSON_PATH: {
            "get": operation(
                "Documentation",
                "getOpenApi",
                "This description for programs",
                "OpenAPI 3.1 as JSON.",
                answers=[
                    answer(200, "The document.", {"type": "object", "required": ["openapi", "paths"]}),
                    wrong_method,
                ],
            )
        },
        DOCS_PATH: {
            "get": operation(
                "Documentation",
                "getDocs",
                "This description for people",
                "The page that shows the document and lets requests be tried.",
                answers=[("200", page), wrong_method],
            )
        },
    }
