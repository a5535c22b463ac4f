"""Options that several commands have, and options made from the fields of a request."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection
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
Again = Annotated[bool, typer.Option("--again", help="Do it again, although just this is done or under way.")]
Replace = Annotated[bool, typer.Option("--replace", help="Replace the existing one of that name.")]
ARGUMENT = "dataset"
"""Field that is an argument instead of an option."""
SHORT = {
    "attackers": "attacker",
    "classifiers": "classifier",
    "guards": "guard",
    "guides": "guide",
    "matchers": "matcher",
    "methods": "method",
    "most_accuracy": "ceiling",
    "most_fnmr_loss": "floor",
    "others": "compare",
    "parameters": "set",
    "proportions": "proportion",
    "protections": "protection",
    "sides": "side",
    "strengths": "strength",
    "template_attackers": "template-attacker",
    "version": "matcher-version",
}
"""Names of options that differ from their fields'."""


def with_fields(
    model: type[BaseModel], *, into: str = "fields", option: str = "--{}", only: Collection[str] | None = None
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that gives a command an option for each field of a request, or of a part of one.

    What the user gave is handed to the command as a mapping from fields to values; the model checks them and fills in
    the rest.

    Parameters
    ----------
    into
        Parameter of the command that takes the mapping.
    option
        How an option is written, with ``{}`` for its name.
    only
        Fields that the command has; by default all.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        fields = {name: field for name, field in describe_fields(model).items() if only is None or name in only}

        @functools.wraps(command)
        def run(**values: Any) -> None:
            of_fields = {name: values.pop(name) for name in fields}
            command(**{into: {name: value for name, value in of_fields.items() if value is not None}}, **values)

        signature = inspect.signature(command, eval_str=True)
        own = [each.replace(kind=each.KEYWORD_ONLY) for each in signature.parameters.values() if each.name != into]
        parameters = [*(_parameter(field, option) for field in fields.values()), *own]
        # Arguments come first; those that must be given before those that need not.
        parameters.sort(key=lambda parameter: parameter.default is not inspect.Parameter.empty)
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return run

    return decorate


def _parameter(field: FieldDescription, option: str) -> inspect.Parameter:
    """Return the parameter of a command that asks for a field."""
    several = field.several or field.kind is dict
    kind: Any = field.kind if field.kind in (int, float, bool) and not field.options else str
    kind = list[kind] if several else kind
    text = f"{field.help}{_more(field, several)}."
    name = option.format(SHORT.get(field.name, field.name).replace("_", "-"))
    if kind is bool:
        name = f"{name}/--no-{name.removeprefix('--')}"
    info = typer.Argument(help=text) if field.name == ARGUMENT else typer.Option(name, help=text)
    return inspect.Parameter(
        field.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=inspect.Parameter.empty if field.required else None,
        annotation=Annotated[kind if field.required else kind | None, info],
    )


def _more(field: FieldDescription, several: bool) -> str:
    """Say what else there is to know of an option: its values, that it may be repeated, its default."""
    named = any(str(value) in field.help for value in field.options)
    values = f" ({' or '.join(map(str, field.options))})" if field.options and not named else ""
    default = ", ".join(map(str, field.default)) if field.several and field.default else field.default
    stated = f". Default: {default}" if default not in (None, (), {}) else ""
    return f"{values}{stated}{'. Repeatable' * several}"
