from typing import Any

import pytest

from lamina.kernel.web.openapi_outline import outline, reference_name, type_line
from lamina.kernel.web.openapi_parts import array_of, closed_object, or_null, ref


@pytest.mark.parametrize(
    ("schema", "line"),
    [
        ({}, "anything"),
        (ref("Hash"), '<a href="#schema-Hash">Hash</a>'),
        (array_of("Hash"), 'list of <a href="#schema-Hash">Hash</a>'),
        (or_null({"type": "object"}), "object or null"),
        ({"type": ["string", "null"]}, "string or null"),
        ({"const": "1.0"}, "<code>&quot;1.0&quot;</code>"),
        ({"enum": ["a", 1]}, "<code>&quot;a&quot;</code> or <code>1</code>"),
        ({"type": "integer", "minimum": 0}, "integer, at least <code>0</code>"),
        ({"type": "string", "pattern": "^<$"}, "string, matches <code>^&lt;$</code>"),
    ],
)
def test_a_type_in_one_line(schema: dict[str, Any], line: str) -> None:
    assert type_line(schema) == f'<span class="type">{line}</span>'


def test_members_are_listed_at_any_depth_and_optional_ones_are_marked() -> None:
    inner = closed_object("In a list.", {"deep": {"type": "boolean"}})
    shown = outline(
        {
            "type": "object",
            "properties": {"must": {"type": "string"}, "may": {"type": "array", "items": inner}},
            "required": ["must"],
        }
    )
    assert '<code class="name">must</code> <span class="type">string</span></li>' in shown
    assert '<code class="name">may</code> <span class="type">list of object</span>, optional' in shown
    assert '<code class="name">deep</code> <span class="type">boolean</span></li>' in shown


def test_a_recursive_schema_ends_at_its_own_name() -> None:
    tree = closed_object("A tree.", {"branches": array_of("Tree")})
    assert outline(tree).count('href="#schema-Tree"') == 1


def test_the_name_of_a_reference() -> None:
    assert reference_name(ref("Hash")) == "Hash"
    assert reference_name({"type": "string"}) is None
