from lamina.kernel.web.openapi_form import try_form
from lamina.kernel.web.openapi_parts import operation, query_parameter


def test_an_optional_choice_may_be_left_open_and_a_required_one_not() -> None:
    choice = {"enum": ["a", "b"]}
    described = operation(
        "t",
        "choose",
        "s",
        "d",
        parameters=[
            query_parameter("may", "", choice),
            query_parameter("must", "", choice, required=True),
        ],
        answers=[],
    )
    form = try_form("get", "/x", described)
    options = "<option>a</option><option>b</option></select>"
    assert f'name="may" data-in="query"><option></option>{options}' in form
    assert f'name="must" data-in="query">{options}' in form


def test_an_optional_example_is_a_hint_and_not_sent() -> None:
    described = operation(
        "t", "find", "s", "d", parameters=[query_parameter("limit", "", {}, example=10)], answers=[]
    )
    form = try_form("get", "/x", described)
    assert 'placeholder="10"' in form
    assert 'value="' not in form


def test_nothing_can_be_sent_without_scripts() -> None:
    assert '<button type="submit" disabled>' in try_form(
        "get", "/x", operation("t", "o", "s", "d", answers=[])
    )
