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

from facepriv.cli.datasets import check_and_show_quality, counts_json
from facepriv.cli.json_files import JsonFile, json_on_stdout, write_json
from facepriv.cli.options import with_fields
from facepriv.cli.printing import error_console, plain, progress, say, show_table
from facepriv.cli.store import get_actor, opened_store
from facepriv.errors import FaceprivError
from facepriv.schemas.fields import describe_field
from facepriv.schemas.requests import Columns, ImportRequest, PathSource
from facepriv.wording import count

if TYPE_CHECKING:
    from facepriv.config import Settings
    from facepriv.schemas.quality import QualityReport
    from facepriv.services.datasets.importing import ImportReport
    from facepriv.store import JobRecord, Store
    from facepriv.types import Problem


@with_fields(ImportRequest, only=["name", "labels", "format", "retain_until"])
@with_fields(
    Columns, into="columns", names={name: f"--{name}-column" for name in ("file", "subject", "gender", "age", "race")}
)
def import_command(
    path: Annotated[Path, typer.Argument(help="Folder or zip archive of images.")],
    fields: dict[str, Any],
    columns: dict[str, Any],
    mapping: Annotated[str | None, typer.Option(help=f"{describe_field(ImportRequest, 'mapping').help}.")] = None,
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

    First shows what was recognised. Repeat the same command to resume an interrupted import.
    """
    from facepriv.datasets.gender_words import parse_mapping
    from facepriv.services.datasets.datasheets import make_datasheet, read_datasheet
    from facepriv.services.datasets.importing import get_report
    from facepriv.services.jobs.submit import submit_once

    stated = {"source": source, "licence": licence, "consent": consent, "purpose": purpose, "contact": contact}
    sheet = {**(read_datasheet(datasheet) if datasheet else {}), **make_datasheet(stated)}
    request = ImportRequest(
        source=PathSource(path=str(path)),
        mapping=parse_mapping(mapping) if mapping else {},
        columns=Columns(**columns),
        datasheet=sheet or None,
        preview=True,
        **fields,
    )
    with opened_store() as (store, settings), _closing(store, settings) as jobs:
        job = submit_once(store, settings, request, get_actor())
        jobs.append(job.id)
        job = _execute(store, settings, job)
        told: list[Problem] = []
        if job.state == "previewed":
            document = json.loads(job.result or "{}")["preview"]
            told = _show_preview(document)
            if preview:
                write_json(json_file, document)
                return
            if not yes and _is_asked() and not typer.confirm("Import this?", default=True, err=json_on_stdout.get()):
                say("Nothing was imported.")
                return
            store.jobs.confirm(job.id)
            job = _execute(store, settings, job)
        if job.dataset_id is None:
            raise FaceprivError(job.error or "The import was cancelled. Repeat the same command to resume.")
        report = get_report(store, job.dataset_id)
        show_import(report, told=told)
        checked = check_and_show_quality(store, report.dataset.name) if quality else None
    write_json(json_file, _import_json(report, checked))


def _execute(store: Store, settings: Settings, job: JobRecord) -> JobRecord:
    """Do what is next of an import, or follow another worker that does, and return the job as it then is."""
    from facepriv.services.datasets.import_jobs import KIND, UNDER_WAY
    from facepriv.services.jobs.following import LOOK_SECONDS
    from facepriv.services.jobs.worker import run_worker

    store.jobs.resume(job.id)
    with progress("Importing") as report:

        def tell(_: int, stage: str, done: int, total: int) -> None:
            report(done, total, stage)

        while True:
            run_worker(settings, kinds=KIND, job_id=job.id, on_progress=tell)
            now = store.jobs.get(job.id)
            if now.state not in UNDER_WAY:
                return now
            report(now.done, now.total, now.stage)
            time.sleep(LOOK_SECONDS)


@contextmanager
def _closing(store: Store, settings: Settings) -> Iterator[list[int]]:
    """Remove what is left of imports that cannot be gone on with; say so of one that can, where it was stopped."""
    from facepriv.services.datasets.import_jobs import discard_import_job, get_import

    jobs: list[int] = []
    try:
        yield jobs
    except KeyboardInterrupt:
        for job_id in jobs:
            if store.jobs.cancel(job_id) == "cancelled":
                job = get_import(store, settings, job_id)
                done = sum(one.images for one in store.datasets.unfinished() if one.name == job.name)
                error_console().print(
                    f"{count(done, 'image')} of {plain(job.name)} finished and kept, hidden, for 7 days. Repeat the "
                    "same command to resume, or delete them with: facepriv datasets --discard NAME",
                    highlight=False,
                    soft_wrap=True,
                )
        raise
    finally:
        for job_id in jobs:
            job = get_import(store, settings, job_id)
            if not job.under_way and not job.resumable and job.record.dataset_id is None:
                discard_import_job(store, settings, job_id)


def _is_asked() -> bool:
    """Return whether somebody is there to answer; a script goes on."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def _show_preview(document: dict[str, Any]) -> list[Problem]:
    """Show what was recognised, and return the problems that this has told."""
    from facepriv.presentation.preview import preview_rows, preview_sentences
    from facepriv.types import Problem

    for sentence in preview_sentences(document):
        say(sentence)
    if document["rows"]:
        show_table("Sample images", preview_rows(document))
    told = [Problem(one["name"], one["code"], one["sentence"]) for one in document["problems"]]
    _list_problems("Left out or noted", told)
    return told


def show_import(report: ImportReport, told: Sequence[Problem] = ()) -> None:
    """Tell what an import brought; what was told before is not told again."""
    if not told:
        say(f"Read as {report.reader}: {report.why}")
    counts = report.counts
    shown = {"female": -1, "male": 1, "unlabelled": None}
    balance = ", ".join(f"{counts.labels.get(value, 0)} {word}" for word, value in shown.items())
    say(
        f"{report.dataset.name}: {count(counts.images, 'image')} of {count(counts.subjects, 'subject')} ({balance}); "
        f"{len(report.failures)} without a usable face, {count(len(report.problems), 'note')} on left-out or changed "
        "files."
    )
    noted = [problem for problem in report.problems if problem not in told]
    for title, problems in (("No usable face", report.failures), ("Left out or noted", noted)):
        _list_problems(title, problems)


def _list_problems(title: str, problems: Sequence[Problem], most: int = 20) -> None:
    for problem in problems[:most]:
        say(f"  {title}: {problem.sentence}  [{problem.code}: {problem.name}]")
    if len(problems) > most:
        say(f"  ... and {len(problems) - most} more; --json lists them all.")


def _import_json(report: ImportReport, quality: QualityReport | None) -> dict[str, Any]:
    return {
        "schema": "facepriv.import/1",
        "dataset": report.dataset.name,
        "reader": report.reader,
        "reader_reason": report.why,
        **counts_json(report.counts),
        "left_out": _problems_json(report.problems),
        "no_usable_face": _problems_json(report.failures),
        "quality": None if quality is None else quality.model_dump(mode="json", by_alias=True),
    }


def _problems_json(problems: Sequence[Problem]) -> list[dict[str, Any]]:
    from facepriv.datasets.problems import problem_names

    return [{"names": problem_names(p), "code": p.code, "sentence": p.sentence} for p in problems]
