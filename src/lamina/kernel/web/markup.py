"""HTML as text that is escaped unless it was made here."""

from collections.abc import Iterable
from html import escape

_VOID = frozenset({"input", "link", "meta", "wbr"})


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


Child = str | Iterable["Child"] | None
"""Text (escaped unless it is `Markup`), several children, or nothing."""

Value = str | int | bool | None
"""An attribute: True is an attribute without a value; False and None leave it out."""


def element(tag: str, /, *children: Child, **attributes: Value) -> Markup:
    """One element.

    Args:
        tag: its name.
        children: what stands inside.
        attributes: by name; a trailing underscore is dropped and inner ones become hyphens (`class_`,
            `aria_live`).
    """
    opening = f"<{tag}{''.join(_attribute(key, value) for key, value in attributes.items())}>"
    return Markup(opening if tag in _VOID else f"{opening}{join(children)}</{tag}>")


def join(children: Child) -> Markup:
    """Children one after the other."""
    if children is None:
        return Markup()
    if isinstance(children, Markup):
        return children
    if isinstance(children, str):
        return Markup(escape(children))
    return Markup("".join(map(join, children)))


def _attribute(name: str, value: Value) -> str:
    name = name.rstrip("_").replace("_", "-")
    if value is None or value is False:
        return ""
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'
