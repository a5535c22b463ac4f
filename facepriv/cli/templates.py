"""`facepriv templates`: sets of templates imported, made from images, shown, exported, removed."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facepriv.cli.execution import work_here
from facepriv.cli.options import with_fields
from facepriv.cli.output import (
    Full,
    JsonFile,
    error_console,
    json_on_stdout,
    only,
    progress,
    say,
    show_table,
    write_json,
)
from facepriv.cli.store import get_actor, opened_store
from facepriv.errors import FaceprivError
from facepriv.schemas.fields import describe_fields
from facepriv.schemas.requests import DatasetSource, PathSource, TemplateColumns, TemplatesRequest
from facepriv.wording import count

if TYPE_CHECKING:
    from facepriv.config import Settings
    from facepriv.services.templates.job import TemplatesJob
    from facepriv.store import Store, TemplateSetRecord

templates = typer.Typer(
    help="Template sets: list, import, make from images, check, export and remove them.", invoke_without_command=True
)
Name = Annotated[str, typer.Argument(help="Name of the template set.")]
Quality = Annotated[bool, typer.Option("--quality/--no-quality", help="Check the quality afterwards.")]


@templates.callback()
def list_sets(context: typer.Context, full: Full = False, json_file: JsonFile = None) -> None:
    """List the template sets, or do one of the commands below."""
    if context.invoked_subcommand is not None:
        return
    from facepriv.presentation.template_sets import set_json, set_rows
    from facepriv.services.templates.sets import list_template_sets

    with opened_store() as (store, _):
        records = list_template_sets(store)
    rows = set_rows(records)
    until = ["Keep until"] if any(row["Keep until"] for row in rows) else []
    show_table(
        "Template sets",
        rows if full else only(rows, "Name", "Templates", "Subjects", "Matcher", "From", *until),
        none="There is no template set yet. Import one with `facepriv templates import FILE --name NAME`, or make one "
        "with `facepriv templates make DATASET --matcher NAME`.",
    )
    write_json(json_file, {"schema": "facepriv.template-sets/1", "template_sets": [set_json(each) for each in records]})


@templates.command("import")
@with_fields(TemplatesRequest, only=["name", "labels", "metric", "matcher", "version", "retain_until"])
@with_fields(TemplateColumns, into="columns", option="--{}-column")
def import_command(
    path: Annotated[Path, typer.Argument(help="File of templates: .npy, .npz, .csv, .parquet or .h5.")],
    fields: dict[str, Any],
    columns: dict[str, Any],
    mapping: Annotated[str | None, typer.Option(help=f"{describe_fields(TemplatesRequest)['mapping'].help}.")] = None,
    source: Annotated[str | None, typer.Option(help="Data sheet: where the templates come from.")] = None,
    licence: Annotated[str | None, typer.Option(help="Data sheet: under which licence or terms.")] = None,
    consent: Annotated[str | None, typer.Option(help="Data sheet: on what basis the people agreed.")] = None,
    purpose: Annotated[str | None, typer.Option(help="Data sheet: what the templates may be used for.")] = None,
    contact: Annotated[str | None, typer.Option(help="Data sheet: contact for questions.")] = None,
    quality: Quality = True,
    json_file: JsonFile = None,
) -> None:
    """Import the usable templates of a file, with a reason for everything left out."""
    from facepriv.services.datasets.datasheets import make_datasheet

    sheet = {"source": source, "licence": licence, "consent": consent, "purpose": purpose, "contact": contact}
    import_templates_file(path, make_datasheet(sheet), mapping, columns, json_file, quality=quality, **fields)


def import_templates_file(
    path: Path,
    datasheet: dict[str, str],
    mapping: str | None,
    columns: dict[str, Any],
    json_file: Path | None,
    **fields: Any,
) -> None:
    """Import a file of templates and show what came of it."""
    from facepriv.datasets.gender_words import parse_mapping

    request = TemplatesRequest(
        source=PathSource(path=str(path)),
        mapping=parse_mapping(mapping) if mapping else {},
        columns=TemplateColumns(**columns),
        datasheet=datasheet or None,
        **fields,
    )
    _make_and_show(request, "Importing", json_file)


@templates.command("make")
def make(
    dataset: Annotated[str, typer.Argument(help="Name of the data set of images.")],
    matcher: Annotated[str, typer.Option(help="Face matcher that makes the templates; facepriv models lists them.")],
    name: Annotated[str | None, typer.Option(help="What to call the template set. Default: DATASET-MATCHER.")] = None,
    quality: Quality = True,
    json_file: JsonFile = None,
) -> None:
    """Make the templates of a data set's images; what runs and audits have computed is not computed again."""
    source = DatasetSource(dataset=dataset, matcher=matcher)
    request = TemplatesRequest(name=name or f"{dataset}-{matcher}", source=source, quality=quality)
    _make_and_show(request, "Making templates", json_file)


@templates.command("show")
def show(name: Name, json_file: JsonFile = None) -> None:
    """Show what a template set holds, where it comes from and what was left out."""
    with opened_store() as (store, _):
        record = store.template_sets.get(name)
        document = _document(record)
    _say_set(record)
    write_json(json_file, document)


@templates.command("quality")
def quality(
    name: Name,
    anew: Annotated[bool, typer.Option("--anew", help="Check again.")] = False,
    list_templates: Annotated[
        bool, typer.Option("--list", help="Also name the doubtful templates; these names are personal data.")
    ] = False,
    json_file: JsonFile = None,
) -> None:
    """Show or make a template set's quality report: doubtful identities and labels."""
    from facepriv.presentation.template_sets import template_quality_sentences
    from facepriv.services.templates.quality import check_template_quality, doubtful_templates, get_template_quality
    from facepriv.services.templates.sets import subject_of

    with opened_store() as (store, _):
        record = store.template_sets.get(name)
        known = None if anew else get_template_quality(record)
        report = check_template_quality(store, record.id) if known is None else known
        say(*template_quality_sentences(report))
        if list_templates:
            store.access.record(get_actor(), "quality-listed", subject_of(record))
            for title, rows in doubtful_templates(store.template_sets.read(record.id), report).items():
                show_table(title, rows, none=f"{title}: none.")
    write_json(json_file, report.model_dump(mode="json", by_alias=True))


@templates.command("export")
def export(
    name: Name,
    file: Annotated[Path, typer.Argument(help="File to write, ending in .npz, .csv or .parquet.")],
) -> None:
    """Write a template set to a file; the export is recorded in the access log."""
    from facepriv.services.templates.sets import export_template_set

    with opened_store() as (store, _):
        record = export_template_set(store, name, file, actor=get_actor())
    say(f"{count(record.templates, 'template')} of {record.name} written to {file}. They are personal data.")
    if record.terms is not None:
        say(f"Terms of use: {record.terms.sentence}")


@templates.command("remove")
def remove(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
    json_file: JsonFile = None,
) -> None:
    """Delete a template set and verify that it is gone."""
    from dataclasses import asdict

    from facepriv.services.upkeep.template_purging import purge_template_set

    with opened_store() as (store, settings):
        record = store.template_sets.get(name)
        if not yes:
            made = store.template_sets.made_from(record.id)
            also = f" and {count(len(made), 'template set')} made from it" if made else ""
            question = f"Permanently delete {count(record.templates, 'template')} of {record.name}{also}?"
            typer.confirm(question, abort=True, err=json_on_stdout.get())
        report = purge_template_set(store, settings, record.id, actor=get_actor())
    say(*report.sentences)
    document = {"schema": "facepriv.templates-purge/1", "purged": {**asdict(report), "complete": report.complete}}
    write_json(json_file, document)
    if not report.complete:
        raise FaceprivError(f"{record.name} could not be deleted completely; see above.")


def _make_and_show(request: TemplatesRequest, title: str, json_file: Path | None) -> None:
    from facepriv.services.jobs.submit import submit
    from facepriv.services.templates.job import close_job

    with opened_store() as (store, settings):
        job_id = submit(store, settings, request, get_actor(), once=True).id
        try:
            job = _execute(store, settings, job_id, title)
        except KeyboardInterrupt:
            store.jobs.cancel(job_id)
            error_console().print("Cancelled; nothing was kept.")
            raise
        finally:
            # The command tells the end itself.
            close_job(store, settings, job_id)
        if job.set_id is None:
            raise FaceprivError(job.record.error or "It was cancelled; nothing was kept. Repeat the command.")
        record = store.template_sets.get(job.set_id)
    _say_set(record)
    if job.note is not None:
        say(job.note)
    rate = record.templates / max(job.seconds, 1e-9)
    say(f"{count(record.templates, 'template')} in {job.seconds:.1f} s, {rate:,.0f} a second.")
    write_json(json_file, {**_document(record), "seconds": job.seconds})


def _execute(store: Store, settings: Settings, job_id: int, title: str) -> TemplatesJob:
    """Do a job here, or follow another worker that does, and return it as it then is."""
    from facepriv.services.jobs.following import LOOK_SECONDS
    from facepriv.services.templates.job import KIND, get_job
    from facepriv.store.records import UNDER_WAY

    store.jobs.resume(job_id)
    with progress(title) as report:
        while True:
            work_here(settings, job_id, report, KIND)
            now = get_job(store, job_id)
            if now.record.state not in UNDER_WAY:
                return now
            report(now.record.done, now.record.total, now.record.stage)
            time.sleep(LOOK_SECONDS)


def _say_set(record: TemplateSetRecord) -> None:
    from facepriv.presentation.template_sets import summary_sentences, template_quality_sentences
    from facepriv.services.templates.quality import get_template_quality

    say(*summary_sentences(record))
    checked = get_template_quality(record)
    if checked is not None:
        say(*template_quality_sentences(checked))


def _document(record: TemplateSetRecord) -> dict[str, Any]:
    from facepriv.presentation.template_sets import set_json

    return {"schema": "facepriv.template-set/1", **set_json(record), "quality": record.quality}
