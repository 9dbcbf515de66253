from lamina.kernel.web.openapi_parts import (
    answer,
    array_of,
    closed_object,
    json_content,
    operation,
    or_null,
    path_parameter,
    query_parameter,
    ref,
)


def test_a_closed_object_requires_and_admits_exactly_its_members() -> None:
    made = closed_object("d", {"a": ref("A"), "b": or_null(array_of("B"))})
    assert made["required"] == ["a", "b"] == list(made["properties"])
    assert made["additionalProperties"] is False


def test_answers_stand_in_the_order_of_their_statuses() -> None:
    made = operation(
        "t", "o", "s", "d", answers=[answer(404, "", {}), answer(200, "", {}), answer(400, "", {})]
    )
    assert list(made["responses"]) == ["200", "400", "404"]
    assert "requestBody" not in made


def test_an_example_is_there_only_when_given() -> None:
    assert "example" not in query_parameter("q", "", {})
    assert query_parameter("q", "", {"type": "integer"}, example=0) == {
        "name": "q",
        "in": "query",
        "description": "",
        "required": False,
        "schema": {"type": "integer"},
        "example": 0,
    }
    assert json_content({}, []) == {"application/json": {"schema": {}, "example": []}}


def test_a_path_parameter_is_always_required() -> None:
    assert path_parameter("id", "", example="1")["required"] is True
