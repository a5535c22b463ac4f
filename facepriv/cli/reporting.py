"""`facepriv export` and `report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facepriv.cli.json_files import JsonFile, file_target, write_json
from facepriv.cli.printing import say
from facepriv.cli.store import ACTOR, opened_store


def export(
    run: Annotated[int, typer.Argument(help="Number of the run.")],
    out: Annotated[Path, typer.Option(help="New or empty folder.")],
    json_file: JsonFile = None,
) -> None:
    """Write a run's perturbed images with a manifest and the result; the access log keeps a line of it."""
    from facepriv.services.releases.export import export_run

    with opened_store() as (store, _):
        report = export_run(store, run, out, actor=ACTOR)
    say(
        f"{report.images} perturbed images, manifest.csv and run.json are in {report.folder}; "
        f"{report.without} images of the run have no perturbed version (the manifest says why)."
    )
    if report.note:
        say(report.note)
    document = {"schema": "facepriv.export/1", "folder": str(out), "images": report.images, "without": report.without}
    write_json(json_file, {**document, "withheld": report.withheld})


def report(
    run: Annotated[
        int | None, typer.Argument(help="Number of a complete run; leave it out with --audit of a data set as it is.")
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(callback=file_target, help="Write one HTML file that needs no network and prints well."),
    ] = None,
    csv: Annotated[Path | None, typer.Option(help="Write each table as CSV into this folder.")] = None,
    figures: Annotated[Path | None, typer.Option(help="Write each figure into this folder.")] = None,
    format: Annotated[str, typer.Option(help="Of the figures: svg or png.")] = "svg",
    audit: Annotated[int | None, typer.Option(help="Audit of the run; by default the newest complete one.")] = None,
    faces: Annotated[int, typer.Option(min=0, help="Pairs of faces to show, none unless asked.")] = 0,
    json_file: JsonFile = None,
) -> None:
    """Write what a privacy officer needs to know of a run and its audit; the access log keeps a line of it."""
    from facepriv.services.sharing.report import write_report

    if format not in ("svg", "png"):
        raise typer.BadParameter(f"svg or png was expected with --format, got {format}.")
    if not any((html, csv, figures, json_file)):
        raise typer.BadParameter("Say what to write: --html FILE, --csv FOLDER, --figures FOLDER or --json FILE.")
    if run is None and audit is None:
        raise typer.BadParameter("Say of what: the number of a run, or --audit NUMBER.")
    with opened_store() as (store, _):
        of_run = store.audits.get(audit).run_id if run is None and audit is not None else run
        made = write_report(
            store,
            of_run,
            audit_id=audit,
            faces=faces,
            html=html,
            csv=csv,
            figures=figures,
            format="svg" if format == "svg" else "png",
            actor=ACTOR,
        )
    for line in made.sentences:
        say(line)
    write_json(json_file, made.json)
