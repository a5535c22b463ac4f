"""`facepriv quality`, `protocol`, `datasheet` and `datasets`: what is known about a data set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from facepriv.cli.output import Full, JsonFile, only, progress, say, show_table, write_json
from facepriv.cli.store import get_actor, opened_store
from facepriv.wording import count

if TYPE_CHECKING:
    from facepriv.schemas.quality import QualityReport
    from facepriv.store import DatasetCounts, DatasetRecord, Store, TemplateSetRecord


def quality(
    dataset: Annotated[str, typer.Argument(help="Name of the data set.")],
    anew: Annotated[bool, typer.Option("--anew", help="Check again.")] = False,
    list_images: Annotated[
        bool, typer.Option("--list", help="Also name the doubtful images; these names are personal data.")
    ] = False,
    json_file: JsonFile = None,
) -> None:
    """Show or make a data set's quality report: images without a face, sizes, and doubtful labels."""
    from facepriv.presentation.quality import quality_sentences
    from facepriv.services.datasets.quality import doubtful_images, get_quality

    with opened_store() as (store, _):
        record = store.datasets.get(dataset)
        known = None if anew else get_quality(record)
        report = check_quality_with_progress(store, dataset) if known is None else known
        say(*quality_sentences(report))
        if list_images:
            store.access.record(get_actor(), "quality-listed", f"dataset {record.id}")
            for title, rows in doubtful_images(store, record.id, report).items():
                show_table(title, rows, none=f"{title}: none.")
    write_json(json_file, report.model_dump(mode="json", by_alias=True))


def check_quality_with_progress(store: Store, name: str) -> QualityReport:
    """Make a data set's quality report with a progress bar."""
    from facepriv.services.datasets.quality import check_quality

    with progress("Checking quality") as report:
        return check_quality(store, name, on_progress=report)


def protocol(
    dataset: Annotated[str, typer.Argument(help="Name of a data set with its own list of pairs, such as LFW.")],
    matcher: Annotated[str, typer.Option(help="Face matcher; facepriv models lists them.")],
    run: Annotated[int | None, typer.Option(help="Also compare the images as this run left them.")] = None,
    json_file: JsonFile = None,
) -> None:
    """Show a matcher's accuracy under the data set's own comparison protocol, before and after a run."""
    from facepriv.presentation.protocol_tables import protocol_rows, protocol_sentences
    from facepriv.services.datasets.comparison_protocol import protocol_document, protocol_scores

    with opened_store() as (store, _), progress("Embedding") as report:
        scored = protocol_scores(store, dataset, matcher, run=run, on_progress=report)
    say(*protocol_sentences(scored.results, scored.run_id, scored.not_in_run))
    show_table(f"{dataset} by {matcher}, under its own protocol", protocol_rows(scored.results))
    write_json(json_file, protocol_document(scored))


def datasheet(
    dataset: Annotated[str, typer.Argument(help="Name of the data set or template set.")],
    parts: Annotated[
        list[str] | None,
        typer.Option("--set", help="Part to set: part=text; repeatable, empty text clears it."),
    ] = None,
    json_file: JsonFile = None,
) -> None:
    """Show or change where a data set or template set comes from and on what basis it may be used."""
    from facepriv.services.datasets.datasheets import FIELDS, RETENTION, edit_datasheet, parse_parts, shown_datasheet
    from facepriv.services.templates.sets import edit_template_datasheet, find_set

    changes = parse_parts(parts or ())
    record: DatasetRecord | TemplateSetRecord
    with opened_store() as (store, _):
        if (template_set := find_set(store, dataset)) is not None:
            record = edit_template_datasheet(store, template_set.id, changes, actor=get_actor())
        else:
            record = edit_datasheet(store, store.datasets.get(dataset).id, changes, actor=get_actor())
    shown = shown_datasheet(record)
    names = {title: part for part, title in FIELDS.items()} | {"May be kept until": RETENTION}
    show_table(
        f"Data sheet of {record.name}",
        [{"Part": names.get(title, ""), "What": title, "Stated": text} for title, text in shown.items()],
    )
    write_json(json_file, {"schema": "facepriv.datasheet/1", "dataset": record.name, **shown})


def datasets(
    name: Annotated[
        str | None, typer.Argument(help="List the images of this data set, and where what is said of them comes from.")
    ] = None,
    discard: Annotated[str | None, typer.Option(help="Remove the interrupted import of this name.")] = None,
    full: Full = False,
    json_file: JsonFile = None,
) -> None:
    """List the data sets with their verdicts and counts, and interrupted imports; or the images of one data set.

    The list of images names people's files and subjects, and so does its --json; the access log records it.
    """
    from facepriv.services.audits.verdicts import verdict_on_images
    from facepriv.services.datasets.import_jobs import discard_by_name
    from facepriv.services.datasets.importing import is_under_way
    from facepriv.services.datasets.retention import retention_day

    if name is not None:
        _list_images(name, json_file)
        return
    with opened_store() as (store, settings):
        if discard is not None:
            removed = discard_by_name(store, settings, discard)
            say(f"Removed {count(removed, 'image')} of the interrupted import {discard}.")
        counted = [(record, store.datasets.counts(record.id)) for record in store.datasets.list()]
        verdicts = {record.id: verdict_on_images(store, record.id)[0] for record, _ in counted}
        unfinished = store.datasets.unfinished()
    listed = [
        {
            "Name": record.name,
            "Verdict": verdicts[record.id].short,
            "Images": f"{counts.images:,}",
            "Subjects": f"{counts.subjects:,}",
            "Female": str(counts.labels.get(-1, 0)),
            "Male": str(counts.labels.get(1, 0)),
            "Unlabelled": str(counts.labels.get(None, 0)),
            "No usable face": str(sum(counts.failures.values())),
            "Notes": str(sum(counts.problems.values())),
            "Read as": record.reader,
            "Keep until": retention_day(record),
        }
        for record, counts in counted
    ]
    last = "Keep until" if any(row["Keep until"] for row in listed) else "No usable face"
    shown = ("Name", "Verdict", "Images", "Subjects", last)
    show_table(
        "Data sets",
        listed if full else only(listed, *shown),
        none="There is no data set yet. Import one with `facepriv import PATH --name NAME`, or try `facepriv demo`.",
    )
    for left in unfinished:
        done = f"{count(left.images, 'image')} done"
        if is_under_way(left):
            say(f"Import of {left.name} is running: {done}.")
            continue
        say(
            f"Import of {left.name} was interrupted: {done}, the last at {left.written_at:%Y-%m-%d %H:%M} UTC. Repeat "
            f"its command to resume, or use --discard {left.name}."
        )
    rows = [
        {
            "name": record.name,
            "reader": record.reader,
            "reader_reason": record.reader_reason,
            "licence": record.licence,
            "content_sha256": record.content_sha256,
            "created_at": record.created_at.isoformat(),
            "retain_until": None if record.retain_until is None else record.retain_until.isoformat(),
            "identities": record.identities,
            "terms": None if record.terms is None else record.terms.sentence,
            "datasheet": record.datasheet,
            **counts_json(counts),
        }
        for record, counts in counted
    ]
    write_json(json_file, {"schema": "facepriv.datasets/1", "datasets": rows})


def _list_images(name: str, json_file: JsonFile) -> None:
    """List the images of a data set, and the files that its import left out."""
    from facepriv.services.datasets.contents import content_rows, dataset_document

    with opened_store() as (store, _):
        record = store.datasets.get(name)
        store.access.record(get_actor(), "images-listed", f"dataset {record.id}")
        document = dataset_document(store, record)
        rows = [] if json_file is not None else content_rows(store, record)
    shown = [{key: value for key, value in row.items() if key != "Id"} for row in rows[:LISTED]]
    show_table(f"Images of {record.name}", shown, none="")
    if len(rows) > LISTED:
        say(f"... and {len(rows) - LISTED:,} more; --json FILE lists them all.")
    for each in document["left_out"][:LISTED]:
        say(f"  Left out: {each['file']}: {each['sentence']}  [{each['code']}]")
    if len(document["left_out"]) > LISTED:
        say(f"  ... and {len(document['left_out']) - LISTED:,} more; --json FILE lists them all.")
    write_json(json_file, document)


LISTED = 40
"""Images and files that are listed on a terminal."""


def counts_json(counts: DatasetCounts) -> dict[str, Any]:
    """Return a data set's counts as JSON has them."""
    return {
        "images": counts.images,
        "subjects": counts.subjects,
        "labels": {
            "female": counts.labels.get(-1, 0),
            "male": counts.labels.get(1, 0),
            "unlabelled": counts.labels.get(None, 0),
        },
        "failures": counts.failures,
        "problems": counts.problems,
    }
