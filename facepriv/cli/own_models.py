"""`facepriv model`: models of your own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facepriv.cli.json_files import JsonFile, write_json
from facepriv.cli.options import Replace
from facepriv.cli.printing import say, show_table
from facepriv.cli.store import get_actor, opened_store

model = typer.Typer(help="Add your own models; see docs/your-own-models.md.", no_args_is_help=True)


@model.command("add")
def model_add(
    file: Annotated[Path, typer.Argument(help="YAML file of a network (its ONNX file beside it) or of a command.")],
    replace: Replace = False,
) -> None:
    """Add your own classifier or matcher after a trial on demo faces. A command runs with your permissions."""
    from facepriv.services.models.own_models import add_model

    with opened_store() as (store, _):
        added = add_model(store, file, actor=get_actor(), replace=replace)
    typer.echo(f"Added the {added.own.card.kind} {added.own.name}, version {added.own.card.version}.")
    for finding in added.findings:
        typer.echo(finding)


@model.command("list")
def model_list(json_file: JsonFile = None) -> None:
    """List your own models; `facepriv models` lists all."""
    from facepriv.services.models.catalogue import status_of
    from facepriv.services.models.own_models import list_own_models

    models, damaged = list_own_models()
    states = {own.name: status_of(own.card) for own in models}
    if models:
        show_table(
            "Your own models",
            [
                {
                    "Name": own.name,
                    "Kind": f"{own.card.kind}, {own.description.form}",
                    "Usable": "yes" if states[own.name].usable else "no",
                    "Version": own.card.version,
                    "Licence": own.card.licence,
                    "Notes": own.card.notes if states[own.name].usable else states[own.name].reason,
                }
                for own in models
            ],
        )
    elif not damaged:
        say("You have no model of your own. Add one with: facepriv model add FILE.yaml")
    for name in damaged:
        say(f"{name} is damaged. Remove it with: facepriv model remove {name}")
    rows = [
        {
            "name": own.name,
            "form": own.description.form,
            "usable": states[own.name].usable,
            "reason": states[own.name].reason,
            "version": own.card.version,
            "description": own.description.model_dump(mode="json", exclude={"form"}),
        }
        for own in models
    ]
    write_json(json_file, {"schema": "facepriv.own-models/1", "models": rows, "damaged": damaged})


@model.command("check")
def model_check(name: Annotated[str, typer.Argument(help="One of your own models.")]) -> None:
    """Check that a model's files are unchanged, and try it on demo faces again."""
    from facepriv.services.models.own_models import check_model

    findings = check_model(name)
    typer.echo(f"{name} is unchanged and passed its trial on demo faces.")
    for finding in findings:
        typer.echo(finding)


@model.command("remove")
def model_remove(
    name: Annotated[str, typer.Argument(help="One of your own models.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
) -> None:
    """Remove your own model; its results stay but can no longer be repeated."""
    from facepriv.services.models.own_models import remove_model

    with opened_store() as (store, _):
        if not yes:
            typer.confirm(f"Remove the model {name}?", abort=True)
        remove_model(store, name, actor=get_actor())
    typer.echo(f"Removed {name}.")
