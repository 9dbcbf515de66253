"""What a setting is: a typed field of a section, with its documentation, unit, secrecy and older names.

Nothing is read here; `load` reads, `explain` shows.
"""

import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Union, cast, get_args, get_origin

import pydantic
from pydantic.fields import FieldInfo

Port = Annotated[int, pydantic.Field(ge=1, le=65535)]
Count = Annotated[int, pydantic.Field(ge=1)]
Seconds = Annotated[float, pydantic.Field(gt=0, allow_inf_nan=False)]

Shape = Literal["scalar", "list", "mapping"]


@dataclass(frozen=True, slots=True)
class Setting:
    """One field of a section, as `load` and `explain` see it."""

    section: str
    name: str
    shape: Shape
    default: object
    doc: str
    unit: str | None
    is_secret: bool
    legacy: tuple[str, ...]
    legacy_path: str | None
    legacy_strict: bool

    @property
    def key(self) -> str:
        """The name in files and messages, `http.header_timeout_s`."""
        return f"{self.section}.{self.name}"

    @property
    def variable(self) -> str:
        """The environment variable, `LAMINA_HTTP__HEADER_TIMEOUT_S`."""
        return f"LAMINA_{self.section.upper()}__{self.name.upper()}"

    @property
    def flag(self) -> str:
        """The option of the command line that sets it, where there is one: `--header-timeout-s`."""
        return "--" + self.name.replace("_", "-")

    def parse(self, text: str, *, separator: str = ",") -> object:
        """Take apart the text of a variable or a flag; pydantic types the pieces.

        Args:
            text: one value; items of a list, or `name=value` pairs of a mapping, between separators.
            separator: a comma, or the colon of BigchainDB's lists (spec/ledger.md 6.2).

        Raises:
            ValueError: a piece of a mapping has no `=`.
        """
        if self.shape == "scalar":
            return text
        items = [item.strip() for item in text.split(separator) if item.strip()]
        return items if self.shape == "list" else dict(_pair(item) for item in items)


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What variables of a service's original mean for a setting of another section.

    Attributes:
        key: the setting.
        names: the variables, the most specific first.
        convert: the original's text in Lamina's words; raises ValueError for what it cannot read.
        is_strict: as `legacy_strict` of `setting()`.
    """

    key: str
    names: tuple[str, ...]
    convert: Callable[[str], str] = str
    is_strict: bool = False


class Section(pydantic.BaseModel):
    """A group of settings: one `[table]` of the file, one `LAMINA_<SECTION>__` of the environment.

    Subclasses name their `section` and declare each field with `setting()`. A secret is a
    `pydantic.SecretStr` (or None), so that no repr, log or dump can show it.
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    section: ClassVar[str]
    legacy_is_lenient: ClassVar[bool] = False
    """Whether the original replaced what it could not read by the default; so do we, and say so."""
    legacy_separator: ClassVar[str] = ":"
    """What stands between the items of a list in the original's variables; a colon for BigchainDB's."""
    legacy_elsewhere: ClassVar[tuple[Elsewhere, ...]] = ()

    @pydantic.field_validator("*", mode="before")
    @classmethod
    def _truth_is_no_number(cls, value: object, info: pydantic.ValidationInfo) -> object:
        """Refuse what pydantic would take: `port = true` is a mistake, not port 1."""
        if isinstance(value, bool) and bool not in _choices(
            cls.model_fields[info.field_name or ""].annotation
        ):
            raise ValueError("should be a number or text")
        return value

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: object) -> None:
        """Hold every field to the rules while the program is still being written."""
        super().__pydantic_init_subclass__(**kwargs)
        for declared in settings_of(cls):
            annotation = cls.model_fields[declared.name].annotation
            if declared.is_secret != any(_is_secret_type(choice) for choice in _choices(annotation)):
                raise TypeError(f"{declared.key}: secret=True goes with the type SecretStr, and only with it")


def setting(
    default: object,
    *,
    doc: str,
    unit: str | None = None,
    secret: bool = False,
    legacy: tuple[str, ...] = (),
    legacy_path: str | None = None,
    legacy_strict: bool = False,
) -> Any:  # noqa: ANN401 (stands where any type is declared, as pydantic.Field does)
    """Declare a field of a section.

    Args:
        default: the value when nobody says otherwise.
        doc: one sentence for `lamina config explain`.
        unit: of a number: "s", "bytes", "connections"...
        secret: whether the value may never be shown; the type is then `SecretStr`.
        legacy: environment variables of the original, the most specific first. They count only for the
            commands of the service that has the section's name.
        legacy_path: where the original's JSON file has the value: "server.bind".
        legacy_strict: an unusable value of the original's variables is an error even in a lenient section;
            for what guards something, where the default would be the open door.
    """
    extra: dict[str, Any] = {
        "unit": unit,
        "secret": secret,
        "legacy": list(legacy),
        "legacy_path": legacy_path,
        "legacy_strict": legacy_strict,
    }
    return pydantic.Field(default=default, description=doc, json_schema_extra=extra)


def settings_of(section: type[Section]) -> tuple[Setting, ...]:
    """The settings a section declares, in order.

    Raises:
        TypeError: a field was not declared with `setting()`.
    """
    return tuple(_setting(section, name, field) for name, field in section.model_fields.items())


def settings_by_key(sections: Iterable[type[Section]]) -> dict[str, Setting]:
    """Every setting of the sections under its key."""
    return {each.key: each for section in sections for each in settings_of(section)}


def _setting(section: type[Section], name: str, field: FieldInfo) -> Setting:
    extra = field.json_schema_extra
    if not isinstance(extra, Mapping) or field.description is None:
        raise TypeError(f"{section.__name__}.{name} is not declared with setting()")
    facts = cast("Mapping[str, Any]", extra)
    return Setting(
        section=section.section,
        name=name,
        shape=_shape(field.annotation),
        default=cast("object", field.default),
        doc=field.description,
        unit=facts["unit"],
        is_secret=facts["secret"],
        legacy=tuple(facts["legacy"]),
        legacy_path=facts["legacy_path"],
        legacy_strict=facts["legacy_strict"],
    )


def _choices(annotation: object) -> tuple[object, ...]:
    """The bare members of a union, or the bare type alone."""
    is_union = get_origin(annotation) in {Union, types.UnionType}
    return tuple(_bare(member) for member in (get_args(annotation) if is_union else (annotation,)))


def _bare(annotation: object) -> object:
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def _is_secret_type(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, pydantic.SecretStr)


def _shape(annotation: object) -> Shape:
    for choice in _choices(annotation):
        origin = get_origin(choice) or choice
        if origin in {list, tuple, set, frozenset}:
            return "list"
        if origin is dict:
            return "mapping"
    return "scalar"


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError("expected name=value pairs between commas")
    return name.strip(), value.strip()
