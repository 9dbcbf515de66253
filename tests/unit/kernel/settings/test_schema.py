from typing import Annotated, ClassVar

import pydantic
import pytest

from lamina.kernel.settings.schema import Section, Shape, setting, settings_by_key, settings_of


class Example(Section):
    section: ClassVar[str] = "example"
    depth: int = setting(3, doc="How deep.", unit="levels", legacy=("EX_DEPTH",), legacy_path="server.depth")
    names: tuple[str, ...] = setting((), doc="Names.")
    levels: Annotated[dict[str, int], pydantic.Field(max_length=2)] | None = setting(None, doc="Levels.")
    is_on: bool = setting(False, doc="On or off.")
    token: pydantic.SecretStr | None = setting(None, doc="Token.", secret=True)


def test_a_setting_knows_its_names_and_facts() -> None:
    depth = settings_by_key([Example])["example.depth"]
    assert (depth.variable, depth.flag, depth.unit, depth.default) == (
        "LAMINA_EXAMPLE__DEPTH",
        "--depth",
        "levels",
        3,
    )
    assert (depth.legacy, depth.legacy_path, depth.is_secret) == (("EX_DEPTH",), "server.depth", False)


def test_shapes_follow_types() -> None:
    shapes: list[Shape] = [each.shape for each in settings_of(Example)]
    assert shapes == ["scalar", "list", "mapping", "scalar", "scalar"]


def test_text_is_taken_apart_by_shape() -> None:
    known = settings_by_key([Example])
    assert known["example.depth"].parse("a,b") == "a,b"
    assert known["example.names"].parse(" a, b,,") == ["a", "b"]
    assert known["example.names"].parse("a:b", separator=":") == ["a", "b"]
    assert known["example.levels"].parse("a=1, b = 2") == {"a": "1", "b": "2"}
    with pytest.raises(ValueError, match="name=value"):
        known["example.levels"].parse("a")


def test_sections_are_frozen_and_closed() -> None:
    with pytest.raises(pydantic.ValidationError):
        Example(deepness=1)  # pyright: ignore[reportCallIssue]
    with pytest.raises(pydantic.ValidationError):
        Example().depth = 4  # pyright: ignore[reportAttributeAccessIssue]


def test_true_is_no_number() -> None:
    with pytest.raises(pydantic.ValidationError, match="number or text"):
        Example(depth=True)
    assert Example(is_on=True).is_on


def test_secrets_need_the_secret_type_and_the_mark() -> None:
    with pytest.raises(TypeError, match="SecretStr"):

        class _Unmarked(Section):
            section: ClassVar[str] = "unmarked"
            token: pydantic.SecretStr = setting("x", doc="Token.")

    with pytest.raises(TypeError, match="SecretStr"):

        class _Bare(Section):
            section: ClassVar[str] = "bare"
            token: str = setting("x", doc="Token.", secret=True)


def test_a_field_needs_its_documentation() -> None:
    with pytest.raises(TypeError, match="not declared with setting"):

        class _Silent(Section):
            section: ClassVar[str] = "silent"
            depth: int = 3
