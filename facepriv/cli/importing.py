"""`facepriv import`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facepriv.cli.datasets import check_and_show_quality, counts_json
from facepriv.cli.json_files import JsonFile, json_on_stdout, write_json
from facepriv.cli.printing import error_console, plain, progress, say, show_table
from facepriv.cli.store import opened_store
from facepriv.wording import count

if TYPE_CHECKING:
    from facepriv.schemas.quality import QualityReport
    from facepriv.services.datasets.importing import ImportReport, Source
    from facepriv.store import Store
    from facepriv.types import Problem


def import_command(
    path: Annotated[Path, typer.Argument(help="Folder or zip archive of images.")],
    name: Annotated[str, typer.Option(help="What to call the data set.")],
    labels: Annotated[Path | None, typer.Option(help="CSV of labels; by default the one beside the images.")] = None,
    format: Annotated[str, typer.Option(help="Convention of the files; auto says what it recognised.")] = "auto",
    mapping: Annotated[
        str | None,
        typer.Option(help="What label values mean, e.g. 0=male,1=female; bare numbers are refused without it."),
    ] = None,
    file_column: Annotated[str | None, typer.Option(help="Column of the file names.")] = None,
    subject_column: Annotated[str | None, typer.Option(help="Column of the subjects.")] = None,
    gender_column: Annotated[str | None, typer.Option(help="Column of the gender labels.")] = None,
    age_column: Annotated[str | None, typer.Option(help="Column of the ages, in years or bands.")] = None,
    race_column: Annotated[str | None, typer.Option(help="Column of the race, in the data set's words.")] = None,
    retain_until: Annotated[
        str | None, typer.Option(help="Last day on which the data set may be kept, like 2027-03-31.")
    ] = None,
    source: Annotated[str | None, typer.Option(help="Data sheet: where the images come from.")] = None,
    licence: Annotated[str | None, typer.Option(help="Data sheet: licence, if not the one of the convention.")] = None,
    consent: Annotated[str | None, typer.Option(help="Data sheet: on what basis the people agreed.")] = None,
    purpose: Annotated[str | None, typer.Option(help="Data sheet: what the images may be used for.")] = None,
    contact: Annotated[str | None, typer.Option(help="Data sheet: whom to ask.")] = None,
    datasheet: Annotated[Path | None, typer.Option(help="Data sheet as JSON or TOML; options go before it.")] = None,
    quality: Annotated[bool, typer.Option("--quality/--no-quality", help="Check the quality afterwards.")] = True,
    preview: Annotated[bool, typer.Option("--preview", help="Show what would be imported, and stop.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for a confirmation.")] = False,
    json_file: JsonFile = None,
) -> None:
    """Import a data set: the good part of it, with a sentence for everything left out.

    Shows first what was recognised. An import that was interrupted goes on when the same command is run again.
    """
    from facepriv.datasets.gender_words import parse_mapping
    from facepriv.services.datasets.datasheets import make_datasheet, read_datasheet
    from facepriv.services.datasets.importing import import_source, read_source
    from facepriv.services.datasets.retention import read_day, refuse_past

    until = None if retain_until is None else read_day(retain_until)
    refuse_past(until)
    columns = {
        "file": file_column,
        "subject": subject_column,
        "gender": gender_column,
        "age": age_column,
        "race": race_column,
    }
    stated = {"source": source, "licence": licence, "consent": consent, "purpose": purpose, "contact": contact}
    sheet = {**(read_datasheet(datasheet) if datasheet else {}), **make_datasheet(stated)}
    options: dict[str, Any] = {
        "labels": labels,
        "format": format,
        "mapping": parse_mapping(mapping) if mapping else None,
        "columns": {key: value for key, value in columns.items() if value is not None},
    }
    with opened_store() as (store, settings):
        if not preview:
            store.datasets.check_name(name)
        with read_source(settings, path, **options) as read:
            document = _show_preview(read)
            if preview:
                write_json(json_file, document)
                return
            if not yes and _is_asked() and not typer.confirm("Import this?", default=True, err=json_on_stdout.get()):
                say("Nothing was imported.")
                return
            with _interruptible(store, name), progress("Importing") as report:
                imported = import_source(
                    store, settings, read, name=name, retain_until=until, datasheet=sheet or None, on_progress=report
                )
        show_import(imported, told=[*read.problems, *read.read.problems])
        checked = check_and_show_quality(store, name) if quality else None
    write_json(json_file, _import_json(imported, checked))


def _is_asked() -> bool:
    """Return whether somebody is there to answer; a script goes on."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def _show_preview(source: Source) -> dict[str, Any]:
    from facepriv.datasets.preview import preview
    from facepriv.presentation.preview import preview_document, preview_rows, preview_sentences

    document = preview_document(preview(source.read), source.problems)
    for sentence in preview_sentences(document):
        say(sentence)
    if document["rows"]:
        show_table("Some of the images", preview_rows(document))
    _list_problems("Left out or noted", [*source.problems, *source.read.problems])
    return document


@contextmanager
def _interruptible(store: Store, name: str) -> Iterator[None]:
    """Tell what is left of an import that was stopped, and how it goes on."""
    try:
        yield
    except KeyboardInterrupt:
        left = [one for one in store.datasets.unfinished() if one.name == name]
        if left:
            error_console().print(
                f"{count(left[0].images, 'image')} of {plain(name)} are done and kept out of sight for 7 days. Run "
                "the same command again to go on, or remove them: facepriv datasets --discard NAME",
                highlight=False,
                soft_wrap=True,
            )
        raise


def show_import(report: ImportReport, told: Sequence[Problem] = ()) -> None:
    """Tell what an import brought; what was told before is not told again."""
    if not told:
        say(f"Read as {report.reader}: {report.why}")
    counts = report.counts
    shown = {"female": -1, "male": 1, "unlabelled": None}
    balance = ", ".join(f"{counts.labels.get(value, 0)} {word}" for word, value in shown.items())
    say(
        f"{report.dataset.name}: {count(counts.images, 'image')} of {count(counts.subjects, 'subject')} ({balance}); "
        f"{len(report.failures)} without a usable face, {count(len(report.problems), 'note')} on what was left out "
        "or changed."
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
