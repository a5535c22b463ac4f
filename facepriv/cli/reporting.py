"""`facepriv export` and `report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facepriv.cli.json_files import JsonFile, file_target, write_json
from facepriv.cli.printing import say
from facepriv.cli.store import get_actor, opened_store
from facepriv.wording import count


def export(
    run: Annotated[int, typer.Argument(help="Number of the run.")],
    out: Annotated[Path, typer.Option(help="New or empty folder.")],
    json_file: JsonFile = None,
) -> None:
    """Write a run's perturbed images with a manifest and the result; the access log records it."""
    from facepriv.services.releases.export import export_run

    with opened_store() as (store, _):
        report = export_run(store, run, out, actor=get_actor())
    say(
        f"Wrote {count(report.images, 'perturbed image')}, manifest.csv and run.json to {report.folder}. "
        f"{count(report.without, 'image')} of the run without a perturbed version (the manifest says why)."
    )
    if report.note:
        say(report.note)
    document = {"schema": "facepriv.export/1", "folder": str(out), "images": report.images, "without": report.without}
    write_json(json_file, {**document, "withheld": report.withheld})


def report(
    run: Annotated[
        int | None,
        typer.Argument(help="Number of a complete run; none for --audit of a data set as it is."),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(callback=file_target, help="Write one HTML file; it works offline and prints well."),
    ] = None,
    csv: Annotated[Path | None, typer.Option(help="Write each table as CSV into this folder.")] = None,
    figures: Annotated[Path | None, typer.Option(help="Write each figure into this folder.")] = None,
    format: Annotated[str, typer.Option(help="Format of the figures: svg or png.")] = "svg",
    audit: Annotated[int | None, typer.Option(help="Audit of the run; by default the newest complete one.")] = None,
    faces: Annotated[int, typer.Option(min=0, help="Pairs of faces to show.")] = 0,
    json_file: JsonFile = None,
) -> None:
    """Write the report of a run and its audit for a privacy officer; the access log records it."""
    from facepriv.services.sharing.report import write_report

    if format not in ("svg", "png"):
        raise typer.BadParameter(f"--format must be svg or png, got {format}.")
    if not any((html, csv, figures, json_file)):
        raise typer.BadParameter("Say what to write: --html FILE, --csv FOLDER, --figures FOLDER or --json FILE.")
    if run is None and audit is None:
        raise typer.BadParameter("Give the number of a run, or --audit NUMBER.")
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
            actor=get_actor(),
        )
    for line in made.sentences:
        say(line)
    write_json(json_file, made.json)
