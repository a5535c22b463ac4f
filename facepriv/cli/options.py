"""Options that several commands have, and options made from the fields of a request."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Annotated, Any

import typer
from pydantic import BaseModel

from facepriv.schemas.fields import FieldDescription, describe_fields

Executor = Annotated[
    str | None,
    typer.Option(help="Compute in this command instead of the worker: processes, or dask for a cluster."),
]
Scheduler = Annotated[
    str | None, typer.Option(help="Address of the scheduler for --executor dask, such as tcp://10.0.0.1:8786.")
]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Only queue it; facepriv follow shows its progress.")]
Replace = Annotated[bool, typer.Option("--replace", help="Replace the existing one of that name.")]


def with_fields(
    model: type[BaseModel],
    *,
    into: str = "fields",
    arguments: Collection[str] = (),
    names: Mapping[str, str] | None = None,
    only: Collection[str] | None = None,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that gives a command an option for each field of a request, or of a part of one.

    What the user gave is handed to the command as a mapping from fields to values; the model checks them and fills in
    the rest.

    Parameters
    ----------
    into
        Parameter of the command that takes the mapping.
    arguments
        Fields that are arguments instead of options.
    names
        Names of options that differ from their fields'.
    only
        Fields that the command has; by default all.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        fields = {name: one for name, one in describe_fields(model).items() if only is None or name in only}

        @functools.wraps(command)
        def run(**values: Any) -> None:
            given = {name: values.pop(name) for name in fields}
            command(**{into: {name: value for name, value in given.items() if value is not None}}, **values)

        signature = inspect.signature(command, eval_str=True)
        own = [one.replace(kind=one.KEYWORD_ONLY) for one in signature.parameters.values() if one.name != into]
        made = [_parameter(one, (names or {}).get(name), name in arguments) for name, one in fields.items()]
        # Arguments come first; those that must be given before those that need not.
        ordered = sorted([*made, *own], key=lambda one: one.default is not inspect.Parameter.empty)
        run.__signature__ = inspect.Signature(ordered)  # type: ignore[attr-defined]
        run.__annotations__ = {one.name: one.annotation for one in ordered}
        return run

    return decorate


def _parameter(field: FieldDescription, option: str | None, is_argument: bool) -> inspect.Parameter:
    """Return the parameter of a command that asks for a field."""
    several = field.several or field.kind is dict
    kind: Any = field.kind if field.kind in (int, float) and not field.options else str
    kind = list[kind] if several else kind
    text = f"{field.help}{_more(field, several)}."
    info = typer.Argument(help=text) if is_argument else typer.Option(option or _option(field.name), help=text)
    return inspect.Parameter(
        field.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=inspect.Parameter.empty if field.required else None,
        annotation=Annotated[kind if field.required else kind | None, info],
    )


def _option(field: str) -> str:
    return f"--{field.replace('_', '-')}"


def _more(field: FieldDescription, several: bool) -> str:
    """Say what else there is to know of an option: its values, that it may be repeated, its default."""
    named = any(str(option) in field.help for option in field.options)
    options = f" ({' or '.join(map(str, field.options))})" if field.options and not named else ""
    default = ", ".join(field.default) if field.several and field.default else field.default
    told = f". Default: {default}" if default not in (None, (), {}) else ""
    return f"{options}{told}{'. Repeatable' * several}"
