"""`facepriv model`: models of your own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facepriv.cli.json_files import JsonFile, write_json
from facepriv.cli.options import Replace
from facepriv.cli.printing import say, show_table
from facepriv.cli.store import ACTOR, opened_store

model = typer.Typer(help="Bring your own models; see docs/your-own-models.md.", no_args_is_help=True)


@model.command("add")
def model_add(
    file: Annotated[Path, typer.Argument(help="YAML of a network, whose ONNX file lies beside it, or of a command.")],
    replace: Replace = False,
) -> None:
    """Add a classifier or matcher of your own, after a trial on demo faces. A command can run anything you can."""
    from facepriv.services.models.own_models import add_model

    with opened_store() as (store, _):
        added = add_model(store, file, actor=ACTOR, replace=replace)
    typer.echo(f"Added the {added.own.card.kind} {added.own.name}, version {added.own.card.version}.")
    for note in added.findings:
        typer.echo(note)


@model.command("list")
def model_list(json_file: JsonFile = None) -> None:
    """List your own models; facepriv models lists all."""
    from facepriv.services.models.catalogue import status_of
    from facepriv.services.models.own_models import list_own_models

    found, damaged = list_own_models()
    states = {one.name: status_of(one.card) for one in found}
    if found:
        show_table(
            "Your own models",
            [
                {
                    "Name": one.name,
                    "Kind": f"{one.card.kind}, {one.description.form}",
                    "Usable": "yes" if states[one.name].usable else "no",
                    "Version": one.card.version,
                    "Licence": one.card.licence,
                    "Notes": one.card.notes if states[one.name].usable else states[one.name].reason,
                }
                for one in found
            ],
        )
    elif not damaged:
        say("There is no model of your own; add one with: facepriv model add FILE.yaml")
    for name in damaged:
        say(f"{name} cannot be read any more; remove it with: facepriv model remove {name}")
    rows = [
        {
            "name": one.name,
            "form": one.description.form,
            "usable": states[one.name].usable,
            "reason": states[one.name].reason,
            "version": one.card.version,
            "description": one.description.model_dump(mode="json", exclude={"form"}),
        }
        for one in found
    ]
    write_json(json_file, {"schema": "facepriv.own-models/1", "models": rows, "damaged": damaged})


@model.command("check")
def model_check(name: Annotated[str, typer.Argument(help="One of your own models.")]) -> None:
    """Look whether a model's files are unchanged, and try it on demo faces again."""
    from facepriv.services.models.own_models import check_model

    notes = check_model(name)
    typer.echo(f"{name} is unchanged, and its trial on demo faces went well.")
    for note in notes:
        typer.echo(note)


@model.command("remove")
def model_remove(
    name: Annotated[str, typer.Argument(help="One of your own models.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove a model of your own; results that were made with it stay, but cannot be made again."""
    from facepriv.services.models.own_models import remove_model

    with opened_store() as (store, _):
        if not yes:
            typer.confirm(f"Remove the model {name}?", abort=True)
        remove_model(store, name, actor=ACTOR)
    typer.echo(f"Removed: {name}.")
