"""The little of CommonMark that our own descriptions use: paragraphs, lists of `- ` lines, `code`."""

import re

from lamina.kernel.web.markup import Child, Markup, element, join

_CODE = re.compile(r"`([^`]+)`")
_BLANK_LINES = re.compile(r"\n\s*\n")
_ITEM = re.compile(r"^- ", re.MULTILINE)


def prose(text: str) -> Markup:
    """HTML of a description."""
    return join([_block(block) for block in _BLANK_LINES.split(text.strip()) if block])


def _block(text: str) -> Markup:
    if not text.startswith("- "):
        return element("p", _spans(text))
    items = [item for item in _ITEM.split(text) if item]
    return element("ul", [element("li", _spans(item.strip())) for item in items])


def _spans(text: str) -> list[Child]:
    return [element("code", part) if at % 2 else part for at, part in enumerate(_CODE.split(text))]
