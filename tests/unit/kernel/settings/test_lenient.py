"""Variables of an original that replaced what it could not read by the default, with a word about each."""

from typing import ClassVar

import pydantic
import pytest

from lamina.kernel.errors import ConfigurationError
from lamina.kernel.settings.load import Settings, clear_secrets, load
from lamina.kernel.settings.schema import Count, Elsewhere, Section, setting


def shouted(text: str) -> str:
    if not text.isalpha():
        raise ValueError("should be a word")
    return text.upper()


class Shelf(Section):
    section: ClassVar[str] = "shelf"
    address: pydantic.SecretStr | None = setting(None, doc="Address.", secret=True)
    label: str = setting("none", doc="Label.")


class Telemetry(Section):
    section: ClassVar[str] = "telemetry"
    legacy_is_lenient: ClassVar[bool] = True
    legacy_separator: ClassVar[str] = ","
    legacy_elsewhere: ClassVar[tuple[Elsewhere, ...]] = (
        Elsewhere("shelf.address", ("OLD_ADDRESS",), is_strict=True),
        Elsewhere("shelf.label", ("OLD_LABEL",), shouted),
        Elsewhere("cellar.depth_m", ("OLD_DEPTH",)),
    )
    size: Count = setting(7, doc="Size.", legacy=("OLD_SIZE", "OLDER_SIZE"))
    names: tuple[str, ...] = setting((), doc="Names.", legacy=("OLD_NAMES",))
    guard: Count = setting(1, doc="Guard.", legacy=("OLD_GUARD",), legacy_strict=True)


SECTIONS = (Shelf, Telemetry)


def loaded(**environ: str) -> Settings:
    return load(SECTIONS, environ=environ, legacy_service="telemetry")


@pytest.mark.parametrize(
    ("text", "size"),
    [("524_288", 524_288), ("12", 12), (" 12 ", 12), ("", 7), ("0", 7), ("-1", 7), ("ten", 7), ("1e3", 7)],
)
def test_what_cannot_be_used_is_the_default_and_told(text: str, size: int) -> None:
    settings = loaded(OLD_SIZE=text)
    assert settings.get(Telemetry).size == size
    assert len(settings.notices) == (size == 7 and text != "")
    if settings.notices:
        assert settings.notices[0].startswith("OLD_SIZE is ignored: telemetry.size: should be ")
        assert f"'{text}'" in settings.notices[0]


def test_one_flaw_does_not_reach_the_others() -> None:
    settings = loaded(OLD_SIZE="x", OLD_NAMES="a,b:c")
    assert settings.get(Telemetry) == Telemetry(names=("a", "b:c"))
    assert settings.origin("telemetry", "size").kind == "default"


def test_an_older_name_stands_in_for_one_that_cannot_be_used() -> None:
    settings = loaded(OLD_SIZE="x", OLDER_SIZE="9")
    assert settings.get(Telemetry).size == 9
    assert settings.origin("telemetry", "size").where == "OLDER_SIZE"


def test_variables_may_mean_a_setting_of_another_section() -> None:
    settings = loaded(OLD_ADDRESS="marker", OLD_LABEL="quiet", OLD_DEPTH="3")
    shelf = settings.get(Shelf)
    assert (shelf.address and shelf.address.get_secret_value(), shelf.label) == ("marker", "QUIET")
    assert loaded(OLD_LABEL="q1").get(Shelf).label == "none"
    assert loaded(OLD_LABEL="q1").notices == ("OLD_LABEL is ignored: should be a word",)


def test_laminas_own_name_wins_over_one_from_elsewhere() -> None:
    settings = loaded(OLD_LABEL="quiet", LAMINA_SHELF__LABEL="loud")
    assert settings.get(Shelf).label == "loud"
    assert settings.notices == ("OLD_LABEL is ignored: LAMINA_SHELF__LABEL wins",)


def test_what_guards_something_is_not_replaced_by_the_open_door() -> None:
    with pytest.raises(ConfigurationError, match=r"OLD_GUARD: telemetry\.guard"):
        loaded(OLD_GUARD="x")


def test_the_platform_names_the_commands_that_read_them() -> None:
    (notice,) = load(SECTIONS, environ={"OLD_LABEL": "a"}).notices
    assert notice == "OLD_LABEL is ignored, it counts for lamina telemetry only: set LAMINA_SHELF__LABEL"


def test_secrets_from_elsewhere_are_cleared() -> None:
    environ = {"OLD_ADDRESS": "marker", "OLD_LABEL": "a"}
    clear_secrets(SECTIONS, environ)
    assert environ == {"OLD_LABEL": "a"}
