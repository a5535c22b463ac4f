"""`facepriv import`."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facepriv.cli.datasets import check_quality_with_progress, counts_json
from facepriv.cli.execution import work_here
from facepriv.cli.options import with_fields
from facepriv.cli.output import JsonFile, error_console, json_on_stdout, plain, progress, say, show_table, write_json
from facepriv.cli.store import get_actor, opened_store
from facepriv.cli.templates import import_templates_file
from facepriv.errors import FaceprivError
from facepriv.schemas.fields import describe_fields
from facepriv.schemas.requests import Columns, ImportRequest, PathSource
from facepriv.wording import count

if TYPE_CHECKING:
    from facepriv.config import Settings
    from facepriv.services.datasets.importing import ImportReport
    from facepriv.store import JobRecord, Store
    from facepriv.types import Problem


@with_fields(
    ImportRequest,
    only=["name", "labels", "format", "subjects", "name_encoding", "several_faces", "retain_until"],
)
@with_fields(Columns, into="columns", option="--{}-column")
def import_command(
    path: Annotated[
        Path, typer.Argument(help="Folder or archive of images, a file with images inside, or one of templates.")
    ],
    fields: dict[str, Any],
    columns: dict[str, Any],
    mapping: Annotated[str | None, typer.Option(help=f"{describe_fields(ImportRequest)['mapping'].help}.")] = None,
    source: Annotated[str | None, typer.Option(help="Data sheet: where the images come from.")] = None,
    licence: Annotated[str | None, typer.Option(help="Data sheet: licence, if not that of the convention.")] = None,
    consent: Annotated[str | None, typer.Option(help="Data sheet: on what basis the people agreed.")] = None,
    purpose: Annotated[str | None, typer.Option(help="Data sheet: what the images may be used for.")] = None,
    contact: Annotated[str | None, typer.Option(help="Data sheet: contact for questions.")] = None,
    datasheet: Annotated[Path | None, typer.Option(help="Data sheet as JSON or TOML; options take precedence.")] = None,
    quality: Annotated[bool, typer.Option("--quality/--no-quality", help="Check the quality after the import.")] = True,
    preview: Annotated[bool, typer.Option("--preview", help="Show what would be imported, and stop.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
    json_file: JsonFile = None,
) -> None:
    """Import the usable images of a data set, with a reason for everything left out.

    First shows what was recognised. Repeat the same command to resume an interrupted import. A file of templates
    (.npy, .npz, .csv, .parquet or .h5) becomes a template set; facepriv templates import has all its options.
    """
    from facepriv.datasets.gender_words import parse_mapping
    from facepriv.presentation.quality import quality_sentences
    from facepriv.services.datasets.contents import dataset_document
    from facepriv.services.datasets.datasheets import make_datasheet, read_datasheet
    from facepriv.services.datasets.import_jobs import holding_import
    from facepriv.services.datasets.importing import get_report
    from facepriv.services.jobs.submit import submit

    stated = {"source": source, "licence": licence, "consent": consent, "purpose": purpose, "contact": contact}
    sheet = {**(read_datasheet(datasheet) if datasheet else {}), **make_datasheet(stated)}
    if _holds_templates(path):
        _refuse_options_of_images(preview, fields, columns)
        fields.pop("format", None)
        columns = {"record" if role == "file" else role: column for role, column in columns.items()}
        import_templates_file(path, sheet, mapping, columns, json_file, quality=quality, **fields)
        return
    request = ImportRequest(
        source=PathSource(path=str(path)),
        mapping=parse_mapping(mapping) if mapping else {},
        columns=Columns(**columns),
        datasheet=sheet or None,
        preview=True,
        ask=preview,
        **fields,
    )
    with opened_store() as (store, settings):
        job_id = submit(store, settings, request, get_actor(), once=True).id
        with holding_import(store, settings, job_id), _closing(store, settings, job_id):
            job = _execute(store, settings, job_id)
            shown: list[Problem] = []
            if job.state == "previewed":
                document = json.loads(job.result or "{}")["preview"]
                shown = _show_preview(document)
                if preview:
                    write_json(json_file, document)
                    return
                # A script goes on; nobody is there to answer.
                is_asked = not yes and sys.stdin.isatty() and sys.stderr.isatty()
                if is_asked and not typer.confirm("Import this?", default=True, err=json_on_stdout.get()):
                    say("Nothing was imported.")
                    return
                store.jobs.confirm(job_id)
                job = _execute(store, settings, job_id)
            if job.dataset_id is None:
                raise FaceprivError(job.error or "The import was cancelled. Repeat the same command to resume.")
            report = get_report(store, job.dataset_id)
            show_import(report, shown)
            listed = (
                dataset_document(store, report.dataset) if json_file is not None else {"images": [], "left_out": []}
            )
            checked = check_quality_with_progress(store, report.dataset.name) if quality else None
            if checked is not None:
                say(*quality_sentences(checked))
    document = {
        "schema": "facepriv.import/1",
        "dataset": report.dataset.name,
        "reader": report.dataset.reader,
        "reader_reason": report.dataset.reader_reason,
        **counts_json(report.counts),
        "image_files": listed["images"],
        "files_left_out": listed["left_out"],
        "left_out": _problems_json(report.problems),
        "no_usable_face": _problems_json(report.failures),
        "files": _file_counts(json.loads(job.result or "{}").get("preview"), report.counts.images),
        "quality": None if checked is None else checked.model_dump(mode="json", by_alias=True),
    }
    write_json(json_file, document)


def _file_counts(preview: dict[str, Any] | None, imported: int) -> dict[str, int] | None:
    """Return how many files were found, and what became of them; None where an earlier version looked at them."""
    files = (preview or {}).get("files")
    if files is None:
        return None
    left_out = files["found"] - files["lists"] - imported
    return {"found": files["found"], "imported": imported, "lists": files["lists"], "left_out": left_out}


def _holds_templates(path: Path) -> bool:
    from facepriv.datasets.embedded import holds_images
    from facepriv.datasets.templates.reading import is_template_file

    return is_template_file(path) and path.is_file() and not holds_images(path)


def _refuse_options_of_images(preview: bool, fields: dict[str, Any], columns: dict[str, Any]) -> None:
    """Refuse options that a file of templates has no use for."""
    given = ["--preview"] * preview + ["--format"] * ("format" in fields)
    given += [f"--{name.replace('_', '-')}" for name in ("name_encoding", "several_faces") if name in fields]
    given += [f"--{role}-column" for role in ("age", "race") if role in columns]
    if given:
        raise typer.BadParameter("It is for images, and this is a file of templates.", param_hint=given[0])


def _execute(store: Store, settings: Settings, job_id: int) -> JobRecord:
    """Do what is next of an import, or follow another worker that does, and return the job as it then is."""
    from facepriv.services.datasets.import_jobs import KIND
    from facepriv.services.jobs.following import LOOK_SECONDS
    from facepriv.store.records import UNDER_WAY

    store.jobs.resume(job_id)
    with progress("Importing") as report:
        while True:
            work_here(settings, job_id, report, KIND)
            now = store.jobs.get(job_id)
            if now.state not in UNDER_WAY:
                return now
            report(now.done, now.total, now.stage)
            time.sleep(LOOK_SECONDS)


@contextmanager
def _closing(store: Store, settings: Settings, job_id: int) -> Iterator[None]:
    """Remove what is left of an import that cannot be resumed; if one that can is stopped, say how."""
    from facepriv.services.datasets.import_jobs import discard_import_job, get_import

    try:
        yield
    except KeyboardInterrupt:
        if store.jobs.cancel(job_id) == "cancelled":
            job = get_import(store, settings, job_id)
            done = sum(left.images for left in store.datasets.unfinished() if left.name == job.name)
            error_console().print(
                f"{count(done, 'image')} of {plain(job.name)} finished and kept, hidden, for 7 days. Repeat the "
                "same command to resume, or delete them with: facepriv datasets --discard NAME",
                highlight=False,
                soft_wrap=True,
            )
        raise
    finally:
        job = get_import(store, settings, job_id)
        if not job.under_way and not job.resumable and job.record.dataset_id is None:
            discard_import_job(store, settings, job_id)


def _show_preview(document: dict[str, Any]) -> list[Problem]:
    """Show what was recognised, and return the problems that this has named."""
    from facepriv.presentation.preview import preview_rows, preview_sentences
    from facepriv.types import Problem

    say(*preview_sentences(document))
    show_table("Sample images", preview_rows(document))
    problems = [Problem(item["name"], item["code"], item["sentence"]) for item in document["problems"]]
    _list_problems("Left out or noted", problems)
    return problems


def show_import(report: ImportReport, known: Sequence[Problem] = ()) -> None:
    """Say what was imported; known problems, which the preview has named, are not named again."""
    from facepriv.presentation.preview import balance

    if not known:
        say(f"Read as {report.dataset.reader}: {report.dataset.reader_reason}")
    counts = report.counts
    labels = {"female": -1, "male": 1, "unlabelled": None}
    labelled = balance({word: counts.labels.get(value, 0) for word, value in labels.items()})
    say(
        f"{report.dataset.name}: {count(counts.images, 'image')} of {count(counts.subjects, 'subject')} ({labelled}); "
        f"{len(report.failures)} without a usable face, {count(len(report.problems), 'note')} on left-out or changed "
        "files."
    )
    _list_problems("No usable face", report.failures)
    _list_problems("Left out or noted", [problem for problem in report.problems if problem not in known])


def _list_problems(title: str, problems: Sequence[Problem], most: int = 20) -> None:
    for problem in problems[:most]:
        say(f"  {title}: {problem.sentence}  [{problem.code}: {problem.name}]")
    if len(problems) > most:
        say(f"  ... and {len(problems) - most} more; --json lists them all.")


def _problems_json(problems: Sequence[Problem]) -> list[dict[str, Any]]:
    from facepriv.datasets.problems import problem_names

    return [{"names": problem_names(p), "code": p.code, "sentence": p.sentence} for p in problems]
