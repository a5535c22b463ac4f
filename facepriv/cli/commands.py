"""All commands, in the order of the help, and what all of them share."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from facepriv.cli import (
    accounts,
    audits,
    datasets,
    importing,
    models,
    perturbing,
    protecting,
    releasing,
    runs,
    serving,
    sharing,
    studying,
    templates,
    upkeep,
)
from facepriv.cli.output import error_console, fitted, json_on_stdout, plain
from facepriv.errors import FaceprivError

app = typer.Typer(
    name="facepriv",
    help="Audit how much gender a face database leaks, and perturb it so that gender classifiers fail while face "
    "matchers keep working. Nothing leaves this machine.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Run the command line; turn errors meant for users into one sentence and exit code 1."""
    try:
        app()
    except FaceprivError as error:
        told = fitted(f"Error: {error}").removeprefix("Error:")
        error_console().print(f"[bold red]Error:[/]{plain(told)}", highlight=False, soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        error_console().print("Stopped.")
        sys.exit(1)


def _show_version(wanted: bool) -> None:
    if wanted:
        import facepriv

        typer.echo(f"facepriv {facepriv.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    # In one process, a command must not inherit the option of the command before.
    json_on_stdout.set(False)


app.command("import")(importing.import_command)
app.command()(datasets.quality)
app.command()(datasets.protocol)
app.command()(datasets.datasheet)
app.command()(datasets.datasets)
app.command()(models.models)
app.command()(models.fetch)
app.command()(perturbing.methods)
app.command()(perturbing.perturb)
app.command()(audits.audit)
app.command()(audits.policy)
app.command()(releasing.release)
app.command()(releasing.releases)
app.command()(protecting.protections)
app.command()(protecting.protect)
app.command()(studying.study)
app.command()(runs.runs)
app.command()(audits.audits)
app.command()(runs.show)
app.command()(runs.note)
app.command()(runs.cancel)
app.command()(runs.resume)
app.command()(runs.follow)
app.command()(runs.log)
app.command()(runs.delete)
app.command()(runs.restore)
app.command()(upkeep.purge)
app.command()(upkeep.retain)
app.command()(upkeep.collect)
app.command()(upkeep.doctor)
app.command()(accounts.access)
app.command()(sharing.export)
app.command()(sharing.report)
app.command()(sharing.share)
app.command()(sharing.shares)
app.command()(serving.serve)
app.command()(serving.demo)
app.command()(perturbing.reproduce)
app.command()(serving.worker)
app.command()(runs.schema)
app.add_typer(studying.studies, name="studies")
app.add_typer(templates.templates, name="templates")
app.add_typer(upkeep.db, name="db")
app.add_typer(accounts.user, name="user")
app.add_typer(models.model, name="model")
app.add_typer(models.probe, name="probe")
