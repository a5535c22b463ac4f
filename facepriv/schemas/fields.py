"""What a field of a pydantic model may hold, described once for the command line, the pages and tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from facepriv.errors import BadInputError

Made = TypeVar("Made")

SEVERAL = (tuple, list, set, frozenset)
WORDS: dict[Any, str] = {bool: "yes or no", int: "whole number", float: "number", str: "text"}


@dataclass(frozen=True)
class FieldDescription:
    """One field of a model."""

    name: str
    kind: Any
    """Type of one value: bool, int, float, str, or whatever else was declared."""
    options: tuple[Any, ...]
    """What a value may be, where the type lists it."""
    least: Any
    """Lower bound, excluded or not; None where there is none."""
    most: Any
    optional: bool
    """Whether it may be None."""
    several: bool
    """Whether it holds several values."""
    required: bool
    default: Any
    help: str

    @property
    def type_in_words(self) -> str:
        """Say what may be given."""
        value = " | ".join(map(str, self.options)) or WORDS.get(self.kind, str(self.kind))
        return f"several of: {value}" * self.several or value + " or none" * self.optional

    def from_text(self, text: str) -> Any:
        """Return a text in the form that pydantic reads: none as None, several values parted at commas."""
        if self.optional and text.lower() == "none":
            return None
        if self.several:
            return tuple(part.strip() for part in text.split(",") if part.strip())
        return text


def describe_fields(model: type[BaseModel]) -> dict[str, FieldDescription]:
    """Describe all fields of a model by their names, in order."""
    return {name: _describe(name, field) for name, field in model.model_fields.items()}


def _describe(name: str, field: FieldInfo) -> FieldDescription:
    kind, optional, several, options, rules = field.annotation, False, False, (), list(field.metadata)
    while (origin := get_origin(kind)) is not None:
        inside = get_args(kind)
        if origin is Annotated:
            kind, rules = inside[0], [*rules, *inside[1:]]
        elif origin in (Union, UnionType):
            optional = optional or NoneType in inside
            options += tuple(option for part in inside if get_origin(part) is Literal for option in get_args(part))
            kind = next(part for part in inside if part is not NoneType)
        elif origin in SEVERAL:
            several, kind = True, inside[0]
        elif origin is Literal:
            options, kind = inside, type(inside[0])
        else:
            kind = origin
    return FieldDescription(
        name=name,
        kind=kind,
        options=options,
        least=_bound(rules, "ge", "gt"),
        most=_bound(rules, "le", "lt"),
        optional=optional,
        several=several,
        required=field.is_required(),
        default=None if field.is_required() else field.get_default(call_default_factory=True),
        help=field.description or "",
    )


def _bound(rules: list[Any], *names: str) -> Any:
    nested = [part for rule in rules for part in getattr(rule, "metadata", [rule])]
    return next((getattr(rule, name) for rule in nested for name in names if hasattr(rule, name)), None)


def refusal(error: ValidationError, *, what: str = "The value of {field}", code: str = "bad-{field}") -> BadInputError:
    """Return what pydantic found wrong first as an error of one sentence for a user.

    The field's name goes into the subject of the sentence, ``what``, and into the error's ``code``.
    """
    first, *others = error.errors()
    field = str(first["loc"][0]) if first["loc"] else "request"
    raised = first.get("ctx", {}).get("error")
    if isinstance(raised, BadInputError):
        return raised
    # A type of several parts is refused once for each.
    same = [first, *(other for other in others if other["loc"][:1] == first["loc"][:1])]
    rules = [refused["msg"].removeprefix("Input should be").strip() for refused in same]
    why = f"it should be {', or '.join(rules)}" if first["msg"].startswith("Input should be") else rules[0]
    given = "" if first["type"] == "missing" else f" cannot be {first['input']!r}"
    return BadInputError(
        f"{what.format(field=field.replace('_', ' '))}{given}: {why}.", code=code.format(field=field.replace("_", "-"))
    )


def make_checked(
    create: Callable[..., Made], noun: str, name: str, known: Mapping[str, FieldDescription], given: Mapping[str, Any]
) -> Made:
    """Make a plug-in, called ``name`` and in words ``noun``, with checked parameters; values may be texts.

    Raises BadInputError with code ``bad-parameter`` if a parameter is unknown or out of its range.
    """
    unknown = [parameter for parameter in given if parameter not in known]
    if unknown:
        raise BadInputError(
            f"The {noun} {name} has no parameter {unknown[0]!r}; choose among: {', '.join(known) or 'none'}.",
            code="bad-parameter",
        )
    values = {key: known[key].from_text(value) if isinstance(value, str) else value for key, value in given.items()}
    try:
        return create(name, **values)
    except ValidationError as error:
        raise refusal(error, what=f"The parameter {{field}} of {name}", code="bad-parameter") from error
