"""Every use case without a browser. Exit codes: 0 done, 1 it could not be done (one sentence why), 2 wrong usage."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facepriv.errors import BadInputError, FaceprivError
from facepriv.wording import count, duration, listed, rate_of, size_of

if TYPE_CHECKING:
    from facepriv.audit_results import SelectBy
    from facepriv.config import Settings
    from facepriv.policy.minimax import MinimaxPolicy
    from facepriv.quality_results import QualityReport
    from facepriv.results import RunResult, RunSpec
    from facepriv.services.importing import ImportReport, Source
    from facepriv.services.methods import MethodInfo
    from facepriv.store import AccessRecord, AuditStore, DatasetRecord, Role, RunRecord, RunState, RunStore, Store
    from facepriv.types import Problem

app = typer.Typer(
    name="facepriv",
    help="Audit how much gender a face database leaks, and perturb it so that gender classifiers fail while face "
    "matchers keep working. Nothing leaves this machine.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

_json_on_stdout: ContextVar[bool] = ContextVar("json_on_stdout", default=False)


def _json_target(file: Path | None) -> Path | None:
    """Refuse a file that cannot be made before any work is done; with - leave standard output to the JSON."""
    _json_on_stdout.set(str(file) == "-")
    return file if _json_on_stdout.get() else _file_target(file)


def _file_target(file: Path | None) -> Path | None:
    """Refuse a file that cannot be made before any work is done."""
    if file is not None and (file.is_dir() or not file.absolute().parent.is_dir()):
        raise typer.BadParameter(f"A file in a folder that exists was expected, got {file}.")
    return file


JsonFile = Annotated[
    Path | None,
    typer.Option(
        "--json",
        callback=_json_target,
        help="Also write the figures to this file as JSON; - for standard output, which then holds nothing else.",
    ),
]
Executor = Annotated[
    str | None,
    typer.Option(help="Compute from here by processes, or on a cluster by dask, instead of by this machine's worker."),
]
Scheduler = Annotated[
    str | None, typer.Option(help="With --executor dask: address of its scheduler, such as tcp://10.0.0.1:8786.")
]
LandmarkerOption = Annotated[
    str,
    typer.Option(
        "--landmarker", help="Whose points make the triangles that a method moves; see facepriv models, kind landmarks."
    ),
]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Only put it into the queue; facepriv follow shows it.")]
ACTOR = "cli"
WIDTH = 140


def main() -> None:
    """Run the command line; turn errors meant for users into one sentence and exit code 1."""
    try:
        app()
    except FaceprivError as error:
        _error_console().print(f"[bold red]Error:[/] {_plain(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        _error_console().print("Stopped.")
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
    # A command without the option must not find it taken by one before it in the same process.
    _json_on_stdout.set(False)


@app.command("import")
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
    from facepriv.datasets.labels import parse_mapping
    from facepriv.services.datasheets import make_datasheet, read_datasheet
    from facepriv.services.importing import import_source, read_source
    from facepriv.services.retention import read_day, refuse_past

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
    with _store() as (store, settings):
        if not preview:
            store.datasets.check_name(name)
        with read_source(settings, path, **options) as read:
            document = _show_preview(read)
            if preview:
                _write_json(json_file, document)
                return
            if not yes and _is_asked() and not typer.confirm("Import this?", default=True, err=_json_on_stdout.get()):
                _say("Nothing was imported.")
                return
            with _interruptible(store, name), _progress("Importing") as report:
                imported = import_source(
                    store, settings, read, name=name, retain_until=until, datasheet=sheet or None, on_progress=report
                )
        _show_import(imported, told=[*read.problems, *read.read.problems])
        checked = _check_quality(store, name) if quality else None
    _write_json(json_file, _import_json(imported, checked))


def _is_asked() -> bool:
    """Say whether somebody is there to answer; a script goes on."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def _show_preview(source: Source) -> dict[str, Any]:
    from facepriv.datasets.preview import preview
    from facepriv.services.previewing import preview_document, preview_rows, preview_sentences

    document = preview_document(preview(source.read), source.problems)
    for sentence in preview_sentences(document):
        _say(sentence)
    if document["rows"]:
        _table("Some of the images", preview_rows(document))
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
            _error_console().print(
                f"{count(left[0].images, 'image')} of {_plain(name)} are done and kept out of sight for 7 days. Run "
                "the same command again to go on, or remove them: facepriv datasets --discard NAME",
                highlight=False,
                soft_wrap=True,
            )
        raise


@app.command()
def quality(
    dataset: Annotated[str, typer.Argument(help="Name of the data set.")],
    anew: Annotated[bool, typer.Option("--anew", help="Check again what was checked before.")] = False,
    list_images: Annotated[
        bool, typer.Option("--list", help="Also name the images to look at; these are personal data.")
    ] = False,
    json_file: JsonFile = None,
) -> None:
    """Show a data set's quality report, or make it: failures, sizes, and what in its labels deserves a second look."""
    from facepriv.services.quality import doubtful_images, kept_quality

    with _store() as (store, _):
        record = store.datasets.get(dataset)
        report = kept_quality(record)
        if report is None or anew:
            report = _check_quality(store, dataset)
        else:
            _show_quality(report)
        if list_images:
            store.access.record(ACTOR, "quality-listed", f"dataset {record.id}")
            for title, rows in doubtful_images(store, record.id, report).items():
                if rows:
                    _table(title, rows)
                else:
                    _say(f"{title}: none.")
    _write_json(json_file, report.model_dump(mode="json", by_alias=True))


def _check_quality(store: Store, name: str) -> QualityReport:
    from facepriv.services.quality import check_quality

    with _progress("Checking quality") as bar:

        def tell(done: int, total: int, _: str = "", /) -> None:
            bar(done, total)

        report = check_quality(store, name, on_progress=tell)
    _show_quality(report)
    return report


def _show_quality(report: QualityReport) -> None:
    from facepriv.services.quality import quality_sentences

    for sentence in quality_sentences(report):
        _say(sentence)


@app.command()
def protocol(
    dataset: Annotated[str, typer.Argument(help="Name of a data set that brings pairs to compare, such as LFW.")],
    matcher: Annotated[str, typer.Option(help="Face matcher; facepriv models lists them.")],
    run: Annotated[int | None, typer.Option(help="Compare the images as this run left them, too.")] = None,
    json_file: JsonFile = None,
) -> None:
    """Show a matcher's accuracy under the data set's own comparison protocol, before and after a run."""
    from facepriv.services.protocols import (
        evaluate,
        protocol_document,
        protocol_rows,
        protocol_scores,
        protocol_sentences,
    )

    with _store() as (store, _), _progress("Embedding") as report:
        scored = protocol_scores(store, dataset, matcher, run=run, on_progress=report)
    results = evaluate(scored)
    _table(f"{dataset} by {matcher}, under its own protocol", protocol_rows(results))
    for sentence in protocol_sentences(scored, results):
        _say(sentence)
    _write_json(json_file, protocol_document(scored, results))


@app.command()
def datasheet(
    dataset: Annotated[str, typer.Argument(help="Name of the data set.")],
    parts: Annotated[
        list[str] | None,
        typer.Option("--set", help="Part as part=text; repeatable, empty to take it back. See the list shown."),
    ] = None,
    json_file: JsonFile = None,
) -> None:
    """Show where a data set comes from and on what basis it may be used, and change what is stated."""
    from facepriv.services.datasheets import FIELDS, RETENTION, edit_datasheet, parse_parts, shown_datasheet

    with _store() as (store, _):
        record = store.datasets.get(dataset)
        if parts:
            record = edit_datasheet(store, record.id, parse_parts(parts), actor=ACTOR)
    shown = shown_datasheet(record)
    names = {title: part for part, title in FIELDS.items()} | {"May be kept until": RETENTION}
    _table(
        f"Data sheet of {record.name}",
        [{"Part": names.get(title, ""), "What": title, "Stated": text} for title, text in shown.items()],
    )
    _write_json(json_file, {"schema": "facepriv.datasheet/1", "dataset": record.name, **shown})


@app.command()
def datasets(
    discard: Annotated[
        str | None, typer.Option(help="Remove what is left of an interrupted import of this name.")
    ] = None,
    json_file: JsonFile = None,
) -> None:
    """List the data sets with their counts, and the imports that were interrupted."""
    from facepriv.services.importing import discard_import, is_under_way
    from facepriv.services.retention import kept_until

    with _store() as (store, _):
        if discard is not None:
            gone = discard_import(store, discard)
            _say(f"{count(gone, 'image')} of the interrupted import {discard} removed.")
        records = store.datasets.list()
        found = [_dataset_json(store, record) for record in records]
        unfinished = store.datasets.unfinished()
    if not found:
        _say("There is no data set yet; import one with `facepriv import PATH --name NAME`, or `facepriv demo`.")
    else:
        _table(
            "Data sets",
            [
                {
                    "Name": str(row["name"]),
                    "Images": f"{row['images']:,}",
                    "Subjects": f"{row['subjects']:,}",
                    "Female": str(row["labels"]["female"]),
                    "Male": str(row["labels"]["male"]),
                    "Unlabelled": str(row["labels"]["unlabelled"]),
                    "No usable face": str(sum(row["failures"].values())),
                    "Notes": str(sum(row["problems"].values())),
                    "Read as": str(row["reader"]),
                    "Keep until": kept_until(record),
                }
                for record, row in zip(records, found, strict=True)
            ],
        )
    for one in unfinished:
        if is_under_way(one):
            _say(f"An import of {one.name} is under way: {count(one.images, 'image')} done.")
            continue
        _say(
            f"An import of {one.name} is not complete: {count(one.images, 'image')} done, the last at "
            f"{one.written_at:%Y-%m-%d %H:%M} UTC. Run its command again to go on, or --discard {one.name}."
        )
    _write_json(json_file, {"schema": "facepriv.datasets/1", "datasets": found})


@app.command()
def models(json_file: JsonFile = None) -> None:
    """List the models: what can be used here, under which licence, and how to get the rest."""
    from facepriv.services.models import list_models

    found = list_models()
    _table(
        "Models",
        [
            {
                "Name": status.card.name,
                "Kind": status.kind + (f" of {status.attribute}" if status.attribute else ""),
                "State": status.state,
                "Size": size_of(status.bytes),
                "Version": status.card.version,
                "Licence": status.card.licence,
                "Notes": f"Get it with: {status.how}"
                if status.state == "not here"
                else status.reason or status.card.notes,
            }
            for status in found
        ],
    )
    rows = [
        {
            "name": status.card.name,
            "kind": status.kind,
            "attribute": status.attribute,
            "title": status.card.title,
            "usable": status.usable,
            "state": status.state,
            "reason": status.reason,
            "how": status.how,
            "bytes": status.bytes,
            "version": status.card.version,
            "licence": status.card.licence,
            "source": status.card.source,
            "notes": status.card.notes,
        }
        for status in found
    ]
    _write_json(json_file, {"schema": "facepriv.models/1", "models": rows})


@app.command()
def fetch(
    name: Annotated[
        str, typer.Argument(help="Model whose weights no package carries, see facepriv models; or lfw or london.")
    ],
    file: Annotated[
        Path | None,
        typer.Option(help="Take this copy instead of downloading; of a data set of several files, their folder."),
    ] = None,
    json_file: JsonFile = None,
) -> None:
    """Download a model's weights or a public data set from their published address; no other command downloads."""
    from facepriv.datasets.archives import ARCHIVES
    from facepriv.services.fetching import fetch

    if name in ARCHIVES:
        _fetch_archive(name, file, json_file)
        return
    fetched = fetch(name, file=file, progress=sys.stderr.isatty())
    _say(f"{fetched.name}: weights {fetched.came}, {fetched.bytes:,} bytes, SHA-256 {fetched.sha256}")
    if fetched.first:
        _say(_RECORDED)
    row = {"name": fetched.name, "came": fetched.came, "bytes": fetched.bytes, "sha256": fetched.sha256}
    _write_json(json_file, {"schema": "facepriv.fetch/1", **row, "first": fetched.first})


_RECORDED = "That hash is recorded and checked from now on. If somebody you trust publishes it, compare the two."


def _fetch_archive(name: str, file: Path | None, json_file: Path | None) -> None:
    from facepriv.datasets.archives import ARCHIVES
    from facepriv.services.fetching_archives import fetch_archive

    archive = ARCHIVES[name]
    fetched = fetch_archive(archive, file=file, progress=sys.stderr.isatty())
    _say(f"{archive.title}: {fetched.came}, in {fetched.folder}")
    _say(f"Licence: {archive.licence}. Source: {archive.source}.")
    for called, digest in fetched.sha256.items():
        _say(f"{called}: SHA-256 {digest}. {_RECORDED if called in fetched.first else ''}".rstrip())
    for sentence in fetched.without:
        _say(f"Left out: {sentence}")
    _say(f"Import it with: {fetched.command}")
    _say("The fetched files stay until you delete that folder.")
    row = {"name": name, "came": fetched.came, "folder": str(fetched.folder), "sha256": fetched.sha256}
    rest = {"first": [*fetched.first], "without": [*fetched.without], "import": fetched.command}
    _write_json(json_file, {"schema": "facepriv.fetch-archive/1", **row, **rest})


@app.command()
def methods(json_file: JsonFile = None) -> None:
    """List the perturbation methods: their kind, and their parameters with defaults."""
    from facepriv.services.methods import KIND_TITLES, list_methods
    from facepriv.services.tables import shown

    found = list_methods()
    rows = [
        {
            "Method": one.name + (" (recommended)" if one.recommended else ""),
            "Title": one.title,
            "Kind": KIND_TITLES[one.kind],
            "Landmarks": "any" if one.landmarkers is None else ", ".join(one.landmarkers),
        }
        for one in found
    ]
    _table("Perturbation methods", rows)
    for one in found:
        if one.parameters:
            _table(
                f"Parameters of {one.name}, given as --set name=value",
                [
                    {"Name": p.name, "Default": shown(p.default), "May be": p.type, "What it is": p.help}
                    for p in one.parameters
                ],
            )
    _write_json(json_file, {"schema": "facepriv.methods/1", "methods": [_method_json(one) for one in found]})


@app.command()
def perturb(
    dataset: Annotated[str, typer.Argument(help="Name of the data set.")],
    method: Annotated[str, typer.Option(help="Perturbation method; see facepriv methods.")] = "recommended",
    parameter: Annotated[
        list[str] | None,
        typer.Option("--set", help="Parameter of the method as name=value; repeatable. Several values: a,b,c."),
    ] = None,
    guide: Annotated[
        list[str] | None,
        typer.Option(
            help="Classifier that guides; repeatable, and all must be turned. Default: dlib-gender. Of age: "
            "dlib-age@40, with the boundary in years."
        ),
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(help="Classifier whose answer is to stay, such as dlib-age@40; repeatable. Default: none."),
    ] = None,
    keep_weight: Annotated[float, typer.Option(help="What a change of the scores kept counts for.")] = 1.0,
    guard: Annotated[
        list[str] | None,
        typer.Option(
            help="Matcher that the method heeds while it changes a face; repeatable. Default: all that judge, for "
            "visible methods that heed any; none otherwise, or with: none."
        ),
    ] = None,
    learn_from: Annotated[
        str | None,
        typer.Option(
            help="For methods that learn: folds (each half of the people serves the other), demo, or the name of "
            "another data set. Default: folds if the data set is large enough, else demo."
        ),
    ] = None,
    landmarker: LandmarkerOption = "dlib-68",
    classifier: Annotated[
        list[str] | None,
        typer.Option(help="Classifier that judges; repeatable. Default: all usable ones that tell gender."),
    ] = None,
    matcher: Annotated[
        list[str] | None, typer.Option(help="Matcher that judges; repeatable. Default: all usable ones.")
    ] = None,
    limit: Annotated[int | None, typer.Option(help="Take at most this many images.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of all randomness.")] = 0,
    no_wait: NoWait = False,
    executor: Executor = None,
    scheduler: Scheduler = None,
    json_file: JsonFile = None,
) -> None:
    """Perturb a data set, judge the stored images, and keep the run.

    A worker process of this machine does the work; it goes on if this command is ended by anything but Ctrl+C.
    """
    from facepriv.services.runs import DEFAULT_GUIDE, DEFAULT_METHOD, parse_parameters, prepare_run, start_run

    method = DEFAULT_METHOD if method == "recommended" else method
    guides = guide or [DEFAULT_GUIDE]
    with _store() as (store, given):
        settings = _computing(given, executor, scheduler)
        spec = prepare_run(
            store,
            dataset,
            method=method,
            parameters=parse_parameters(method, parameter or ()),
            guide=guides[0],
            more_guides=guides[1:],
            keep=keep or (),
            keep_weight=keep_weight,
            guards=() if guard == ["none"] else guard,
            learn_from=learn_from,
            landmarker=landmarker,
            classifiers=classifier,
            matchers=matcher,
            limit=limit,
            seed=seed,
        )
        _say_if_not_matched(store, spec.dataset.id)
        run = start_run(store, spec)
        if no_wait:
            _queued("run", run.id, json_file)
            return
        result = _execute(store, settings, run.id, executor)
        _show_result(run.id, spec, result)
        _write_run(json_file, store, run.id)


@app.command()
def audit(
    dataset: Annotated[str | None, typer.Argument(help="Name of the data set, audited as it is.")] = None,
    run: Annotated[
        int | None, typer.Option(help="Audit this complete run instead: untouched, perturbed, and the policy's mix.")
    ] = None,
    attacker: Annotated[
        list[str] | None, typer.Option(help="Attacker; repeatable. Default: all; --attackers lists them.")
    ] = None,
    classifier: Annotated[
        list[str] | None,
        typer.Option(help="Gender classifier that attackers hold; repeatable. Default: all usable ones."),
    ] = None,
    matcher: Annotated[
        list[str] | None, typer.Option(help="Matcher whose templates they see; repeatable. Default: all usable ones.")
    ] = None,
    p: Annotated[str, typer.Option(help="With --run: share of images perturbed, 0 to 1, or auto.")] = "auto",
    against: Annotated[
        list[str] | None,
        typer.Option(help="With --run and --p auto: attacker to choose p against; repeatable. Default: all."),
    ] = None,
    select_by: Annotated[str, typer.Option(help="With --run: draw each image or each subject.")] = "image",
    floor: Annotated[
        float | None,
        typer.Option(help="With --run: how much worse FNMR at FMR 0.1 % may be, as a fraction, e.g. 0.01."),
    ] = None,
    draws: Annotated[int, typer.Option(help="With --run: random draws that each proportion is averaged over.")] = 3,
    limit: Annotated[int | None, typer.Option(help="Take at most this many images.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of all randomness.")] = 0,
    variants: Annotated[bool, typer.Option("--variants", help="Also show all means that each attacker has.")] = False,
    list_attackers: Annotated[bool, typer.Option("--attackers", help="List the attackers and exit.")] = False,
    no_wait: NoWait = False,
    executor: Executor = None,
    scheduler: Scheduler = None,
    json_file: JsonFile = None,
) -> None:
    """Measure what attackers learn about gender from a database as it is, or from what a run made of it."""
    if list_attackers:
        from facepriv.services.audit_tables import attacker_rows

        _table("Attackers", attacker_rows())
        return
    if (dataset is None) == (run is None):
        raise typer.BadParameter("Name either a data set or, with --run, a run.")
    from facepriv.services.audits import prepare_audit, start_audit

    with _store() as (store, given):
        settings = _computing(given, executor, scheduler)
        spec = prepare_audit(
            store,
            dataset,
            run_id=run,
            chosen=attacker,
            classifiers=classifier,
            matchers=matcher,
            p=_proportion(p),
            against=against or (),
            select_by=_select_by(select_by),
            draws=draws,
            most_fnmr_loss=floor,
            limit=limit,
            seed=seed,
        )
        _say_if_not_matched(store, spec.dataset.id)
        record = start_audit(store, spec)
        if no_wait:
            _queued("audit", record.id, json_file)
            return
        _see_through(store.audits, settings, "audit", record.id, executor)
        _show_audit(store, record.id, variants=variants)
        _write_audit(json_file, store, record.id)


@app.command()
def policy(
    run: Annotated[int, typer.Argument(help="Number of a complete run.")],
    with_run: Annotated[
        list[int] | None,
        typer.Option("--with", help="A further run on the same images, to mix guides; repeatable."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="New or empty folder: write the mixed database, unmarked, with its names.")
    ] = None,
    p: Annotated[str, typer.Option(help="Share of images perturbed, 0 to 1, or auto.")] = "auto",
    against: Annotated[
        list[str] | None, typer.Option(help="Attacker to choose p against; repeatable. Default: all.")
    ] = None,
    classifier: Annotated[
        list[str] | None, typer.Option(help="Classifier that attackers hold; repeatable. Default: all usable ones.")
    ] = None,
    select_by: Annotated[str, typer.Option(help="Draw each image, or each subject with all images.")] = "image",
    floor: Annotated[
        float | None, typer.Option(help="How much worse FNMR at FMR 0.1 % may be, as a fraction, e.g. 0.01.")
    ] = None,
    sees: Annotated[
        str, typer.Option(help="With --with: whether attackers see the sign or the size of a score.")
    ] = "score",
    key: Annotated[
        Path | None, typer.Option(help="Key file of an earlier release, so that its images keep their fate.")
    ] = None,
    key_file: Annotated[
        Path | None, typer.Option(help="Where to write the key, mode 0600. Default: beside the folder.")
    ] = None,
    json_file: JsonFile = None,
) -> None:
    """Choose which share of the images to perturb against the worst attacker, and write the database to release.

    With one run the share comes from an audit of it, which is made if there is none; with several from a linear
    programme over the classifiers that judged them all.
    """
    from facepriv.services.guide_mix import guide_mix, run_title

    share, by = _proportion(p), _select_by(select_by)
    with _store() as (store, settings):
        if with_run:
            if share is not None or floor is not None:
                raise typer.BadParameter("With several runs the shares are computed; leave out --p and --floor.")
            if sees not in ("sign", "score"):
                raise typer.BadParameter(f"Expected sign or score, got {sees!r}.")
            mix = guide_mix(store, [run, *with_run], sees="sign" if sees == "sign" else "score")
            numbers = {run_title(store.runs.get(number)): number for number in dict.fromkeys([run, *with_run])}
            shares = {numbers[name]: part for name, part in mix.shares.items() if name in numbers}
            _show_mix(mix)
            document: dict[str, Any] = {"schema": "facepriv.policy/1", "shares": mix.shares, "p": mix.p}
            document |= {"accuracies": mix.accuracies, "sentence": mix.sentence}
        else:
            wanted = {"against": against or (), "classifiers": classifier}
            shares, document = _audited_policy(store, settings, run, share, by, floor, wanted)
        if out is not None:
            from facepriv.services.release import read_key, write_release

            secret = None if key is None else read_key(key)
            released = write_release(store, shares, out, select_by=by, actor=ACTOR, key=secret, key_file=key_file)
            _say(
                f"{count(released.images, 'image')} written to {released.folder}; "
                f"{released.left_out} of the data set are not kept and so left out."
            )
            if released.not_perturbable:
                _say(
                    f"{count(released.not_perturbable, 'image')} could not be perturbed and can only be released as "
                    "before: who finds out which they are has their gender."
                )
            for sentence in released.warnings:
                _say(sentence)
            _say(
                f"The key is in {released.key_file}, readable by you alone: it tells which images were perturbed. Keep "
                "it apart from the release."
            )
        else:
            _say("Add --out FOLDER to write the database.")
        _write_json(json_file, document)


@app.command()
def runs(json_file: JsonFile = None, limit: Annotated[int, typer.Option(help="Newest runs to list.")] = 50) -> None:
    """List the stored runs, newest first."""
    with _store() as (store, _):
        found = store.runs.list(limit=limit)
    if not found:
        _say("There is no run yet; start one with `facepriv perturb DATASET`.")
    else:
        _table(
            "Runs",
            [
                {
                    "Run": str(run.id),
                    "Data set": run.dataset_name,
                    "Method": run.method,
                    "Guide": run.guide,
                    "Images": str(run.images),
                    "State": run.state,
                    "Started": "" if run.started_at is None else f"{run.started_at:%Y-%m-%d %H:%M} UTC",
                    "Why": run.error or "",
                }
                for run in found
            ],
        )
    rows = [
        {
            "run_id": run.id,
            "dataset": run.dataset_name,
            "method": run.method,
            "guide": run.guide,
            "images": run.images,
            "state": run.state,
            "created_at": run.created_at.isoformat(),
            "error": run.error,
        }
        for run in found
    ]
    _write_json(json_file, {"schema": "facepriv.runs/1", "runs": rows})


@app.command()
def audits(json_file: JsonFile = None, limit: Annotated[int, typer.Option(help="Newest audits to list.")] = 50) -> None:
    """List the stored audits, newest first."""
    with _store() as (store, _):
        found = [store.audits.get(one.id) for one in store.audits.list(limit=limit)]
    rows = [
        {
            "audit_id": one.id,
            "dataset": one.dataset_name,
            "run_id": one.run_id,
            "images": one.images,
            "state": one.state,
            "error": one.error,
            "headlines": [] if one.result is None else [line.model_dump(mode="json") for line in one.result.headlines],
        }
        for one in found
    ]
    if not rows:
        _say("There is no audit yet; start one with `facepriv audit DATASET`.")
    else:
        from facepriv.services.audit_tables import audit_row

        _table("Audits: the worst attacker tried, and how often he is right at most", [audit_row(one) for one in found])
    _write_json(json_file, {"schema": "facepriv.audits/1", "audits": rows})


@app.command()
def show(run: Annotated[int, typer.Argument(help="Number of the run.")], json_file: JsonFile = None) -> None:
    """Show a stored run: gender errors, matching, effort, quality, failures."""
    from facepriv.services.export import run_document

    with _store() as (store, _):
        document = run_document(store, run)
        _show_result(run, document.spec, document)
        _write_run(json_file, store, run)


RunOrNone = Annotated[int | None, typer.Argument(help="Number of the run.")]
AuditOption = Annotated[int | None, typer.Option("--audit", help="An audit of this number instead of a run.")]


@app.command()
def cancel(run: RunOrNone = None, audit: AuditOption = None) -> None:
    """Cancel a run or an audit that waits or is under way; what was finished of it is kept."""
    with _one_of(run, audit) as (_, queue, store, noun, number):
        state = queue.cancel(number)
        store.access.record(ACTOR, f"{noun}-cancelled", f"{noun} {number}")
    typer.echo(f"{noun.capitalize()} {number} is {'told to stop' if state == 'running' else state}.")


@app.command()
def resume(run: RunOrNone = None, audit: AuditOption = None, no_wait: NoWait = False) -> None:
    """Go on with a run or an audit that failed or was cancelled: what was finished of it is not done again.

    One that waits or is under way already is only followed, and Ctrl+C leaves it alone.
    """
    with _one_of(run, audit) as (settings, queue, store, noun, number):
        state = queue.summary(number).state
        if state == "complete":
            raise FaceprivError(f"{noun.capitalize()} {number} is complete; there is nothing to go on with.")
        ended = state in ("failed", "cancelled")
        if ended:
            state = queue.resume(number)
            store.access.record(ACTOR, f"{noun}-resumed", f"{noun} {number}")
        if no_wait:
            _say_under_way(noun, number, state)
            return
        _see_through(queue, settings, noun, number, cancels=ended)
    typer.echo(f"{noun.capitalize()} {number} is complete.")


@app.command()
def follow(run: RunOrNone = None, audit: AuditOption = None) -> None:
    """Show how far a run or an audit is until it has ended; Ctrl+C ends the showing only."""
    from facepriv.services.following import follow

    with _one_of(run, audit) as (settings, queue, _, noun, number):
        with _progress(f"{noun.capitalize()} {number}") as report:
            for now in follow(queue, settings, number):
                report(now.done, now.total, now.stage or now.state, now.pace(datetime.now(UTC)))
        typer.echo(f"{noun.capitalize()} {number} is {now.state}{f': {now.error}' if now.error else '.'}")


@app.command()
def log(run: RunOrNone = None, audit: AuditOption = None, json_file: JsonFile = None) -> None:
    """Show what became of a run or an audit, line by line: who took it up, what was lost, why it ended."""
    with _one_of(run, audit) as (_, queue, _, noun, number):
        lines = queue.log(number)
    if lines:
        from facepriv.services.tables import log_rows

        _table(f"Log of {noun} {number}", log_rows(lines))
    else:
        _say(f"Nothing has happened to {noun} {number} yet; it waits for a worker.")
    told = [{"at": line.at.isoformat(), "owner": line.owner, "text": line.text} for line in lines]
    _write_json(json_file, {"schema": "facepriv.log/1", f"{noun}_id": number, "lines": told})


@app.command()
def delete(
    run: Annotated[int | None, typer.Option(help="This run, with its perturbed images and its audits.")] = None,
    audit: Annotated[int | None, typer.Option(help="This audit.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a run or an audit for good: rows, and the files that nothing else needs. A data set goes by purge."""
    with _one_of(run, audit) as (_, queue, store, noun, number):
        queue.get(number)
        if not yes:
            typer.confirm(f"Delete {noun} {number} for good?", abort=True)
        queue.delete(number)
        store.access.record(ACTOR, f"{noun}-deleted", f"{noun} {number}")
    typer.echo(f"Deleted: {noun} {number}.")


@app.command()
def purge(
    dataset: Annotated[str | None, typer.Argument(help="Name of the data set.")] = None,
    expired: Annotated[
        bool, typer.Option("--expired", help="All data sets that are past the day until which they may be kept.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and touch nothing.")] = False,
    cancel: Annotated[
        bool, typer.Option("--cancel", help="Cancel what is being worked on, and wait, instead of refusing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json_file: JsonFile = None,
) -> None:
    """Remove a data set with its images, runs, audits and all that was derived from it, and prove that it is gone."""
    if (dataset is None) != expired:
        raise typer.BadParameter("Name either a data set or, with --expired, all that are past their day.")
    from facepriv.services import retention
    from facepriv.services.purging import plan_purge
    from facepriv.services.purging import purge as remove

    with _store() as (store, settings):
        records = retention.expired(store) if dataset is None else (store.datasets.get(dataset),)
        plans = [plan_purge(store, record.id) for record in records]
        if dry_run or not yes:
            for sentence in [sentence for plan in plans for sentence in plan.sentences]:
                _say(sentence)
        if not plans:
            _say("No data set is past the day until which it may be kept.")
        if dry_run:
            _write_json(json_file, {"schema": "facepriv.purge/1", "would_go": [asdict(plan) for plan in plans]})
            return
        if plans and not yes:
            typer.confirm(f"Purge {count(len(plans), 'data set')} for good?", abort=True, err=_json_on_stdout.get())
        reports = []
        for plan in plans:
            reports.append(remove(store, settings, plan.dataset_id, actor=ACTOR, cancel=cancel))
            for sentence in reports[-1].sentences:
                _say(sentence)
    purged = [{**asdict(report), "complete": report.complete} for report in reports]
    _write_json(json_file, {"schema": "facepriv.purge/1", "purged": purged})
    left = [report.dataset for report in reports if not report.complete]
    if left:
        raise FaceprivError(f"Of {listed(left)} something remains; what and why is told above.")


@app.command()
def retain(
    dataset: Annotated[str, typer.Argument(help="Name of the data set.")],
    day: Annotated[str, typer.Argument(help="Last day on which it may be kept, like 2027-03-31, or none.")],
) -> None:
    """Set until when a data set may be kept; it is shown, and nothing is removed without your word."""
    from facepriv.services import retention

    until = retention.read_day(day)
    with _store() as (store, _):
        record = retention.retain(store, store.datasets.get(dataset).id, until, actor=ACTOR)
    if until is None:
        typer.echo(f"{record.name} may be kept without a last day.")
    else:
        past = " That is past: facepriv purge --expired removes it." if retention.is_past(record) else ""
        typer.echo(f"{record.name} may be kept until {until}.{past}")


@app.command()
def collect(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and touch nothing.")] = False,
    json_file: JsonFile = None,
) -> None:
    """Remove files that belong to no data set, no run and nothing under way, and what the database still holds of them.

    A worker does the first by itself, hours later.
    """
    from facepriv.services.collecting import collect_orphans, find_orphans

    with _store() as (store, settings):
        found = find_orphans(store, settings) if dry_run else collect_orphans(store, settings)
        for sentence in found.sentences:
            _say(sentence)
        _write_json(json_file, {"schema": "facepriv.collect/1", **asdict(found)})
        if not dry_run:
            _say(store.erase_deleted())


@app.command()
def doctor(
    quick: Annotated[bool, typer.Option("--quick", help="Do not read and hash all artifact files.")] = False,
    json_file: JsonFile = None,
) -> None:
    """Look whether everything is in order, and say what to do where it is not; exit code 1 on any problem."""
    from facepriv.config import get_settings
    from facepriv.services.doctor import examine

    with nullcontext() if quick else _progress("Hashing files") as report:
        checks = examine(get_settings(), quick=quick, on_progress=report)
    _table("Checks", [{"Check": one.name, "Is": one.status, "What": one.sentence} for one in checks])
    _write_json(json_file, {"schema": "facepriv.doctor/1", "checks": [asdict(one) for one in checks]})
    problems = [one.name for one in checks if one.status == "problem"]
    if problems:
        raise FaceprivError(f"{count(len(problems), 'problem')} found: {listed(problems)}.")


@app.command()
def access(
    limit: Annotated[int, typer.Option(min=1, help="Newest lines to show.")] = 20,
    actor: Annotated[str | None, typer.Option(help="Only lines of this user; cli for commands.")] = None,
    action: Annotated[str | None, typer.Option(help="Only lines of this action, such as run-exported.")] = None,
    expect: Annotated[
        str | None, typer.Option(help="Hash of a line noted earlier, its first 8 digits at least: is it still there?")
    ] = None,
    json_file: JsonFile = None,
) -> None:
    """Show who saw, exported or removed what and when, and check that no line was changed since."""
    with _store() as (store, _):
        lines = store.access.list(actor=actor, action=action, limit=limit)
        chain = store.access.verify(_expected_hash(expect))
    if lines:
        _table(
            "Access log, newest first",
            [
                {
                    "Line": f"{line.id:,}",
                    "When": f"{line.at:%Y-%m-%d %H:%M:%S} UTC",
                    "Who": line.actor,
                    "Did": line.action,
                    "To": " ".join(filter(None, (line.subject, line.detail))),
                    "Hash": line.chain_sha256[:16],
                }
                for line in lines
            ],
        )
    told = "none was changed" if chain.broken_at is None else f"line {chain.broken_at:,} does not follow from before"
    _say(f"{count(chain.lines, 'line')}; {told}; the last has the hash {chain.last[:16]}.")
    if chain.expected_at is not None:
        _say(f"The hash {expect} is that of line {chain.expected_at:,}.")
    _write_json(
        json_file,
        {"schema": "facepriv.access/1", "chain": asdict(chain), "lines": [_access_json(line) for line in lines]},
    )
    if chain.broken_at is not None:
        raise FaceprivError(
            f"Line {chain.broken_at:,} of the access log does not follow from the one before: a line was changed, "
            "removed or written by something else than facepriv; compare it with a backup."
        )
    if expect and chain.expected_at is None:
        raise FaceprivError(
            f"No line of the access log has the hash {expect}: its end was cut off, or it was written anew since that "
            "hash was noted; compare it with a backup."
        )


def _expected_hash(text: str | None) -> str | None:
    if text is not None and (not 8 <= len(text) <= 64 or set(text.lower()) - set("0123456789abcdef")):
        raise typer.BadParameter(
            f"8 to 64 hexadecimal digits of a line's hash were expected with --expect, got {text}."
        )
    return text


def _access_json(line: AccessRecord) -> dict[str, Any]:
    return {**asdict(line), "at": line.at.isoformat()}


@app.command()
def export(
    run: Annotated[int, typer.Argument(help="Number of the run.")],
    out: Annotated[Path, typer.Option(help="New or empty folder.")],
    json_file: JsonFile = None,
) -> None:
    """Write a run's perturbed images with a manifest and the result; the access log keeps a line of it."""
    from facepriv.services.export import export_run

    with _store() as (store, _):
        report = export_run(store, run, out, actor=ACTOR)
    _say(
        f"{report.images} perturbed images, manifest.csv and run.json are in {report.folder}; "
        f"{report.without} images of the run have no perturbed version (the manifest says why)."
    )
    if report.note:
        _say(report.note)
    document = {"schema": "facepriv.export/1", "folder": str(out), "images": report.images, "without": report.without}
    _write_json(json_file, {**document, "withheld": report.withheld})


@app.command()
def report(
    run: Annotated[
        int | None, typer.Argument(help="Number of a complete run; leave it out with --audit of a data set as it is.")
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(callback=_file_target, help="Write one HTML file that needs no network and prints well."),
    ] = None,
    csv: Annotated[Path | None, typer.Option(help="Write each table as CSV into this folder.")] = None,
    figures: Annotated[Path | None, typer.Option(help="Write each figure into this folder.")] = None,
    format: Annotated[str, typer.Option(help="Of the figures: svg or png.")] = "svg",
    audit: Annotated[int | None, typer.Option(help="Audit of the run; by default the newest complete one.")] = None,
    faces: Annotated[int, typer.Option(min=0, help="Pairs of faces to show, none unless asked.")] = 0,
    json_file: JsonFile = None,
) -> None:
    """Write what a privacy officer needs to know of a run and its audit; the access log keeps a line of it."""
    from facepriv.services.reporting import write_report

    if format not in ("svg", "png"):
        raise typer.BadParameter(f"svg or png was expected with --format, got {format}.")
    if not any((html, csv, figures, json_file)):
        raise typer.BadParameter("Say what to write: --html FILE, --csv FOLDER, --figures FOLDER or --json FILE.")
    if run is None and audit is None:
        raise typer.BadParameter("Say of what: the number of a run, or --audit NUMBER.")
    with _store() as (store, _):
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
        _say(line)
    _write_json(json_file, made.json)


@app.command()
def share(
    run: Annotated[
        int | None, typer.Argument(help="Number of a complete run; leave it out with --audit of a data set as it is.")
    ] = None,
    audit: Annotated[int | None, typer.Option(help="Audit to share; by default the run's newest complete one.")] = None,
    days: Annotated[int, typer.Option(help="How long it stays open.")] = 30,
    link: Annotated[bool, typer.Option("--link/--no-link", help="Whether to make a link.")] = True,
    passphrase: Annotated[
        bool, typer.Option("--passphrase/--no-passphrase", help="Whether the link asks for a passphrase.")
    ] = True,
    officer: Annotated[str | None, typer.Option(help="Officer with an account who finds it there.")] = None,
    faces: Annotated[int, typer.Option(min=0, help="Pairs of faces to show, none unless asked.")] = 0,
    server: Annotated[
        str | None, typer.Option(help="Address of the dashboard, for the link; by default FACEPRIV_PUBLIC_URL.")
    ] = None,
    json_file: JsonFile = None,
) -> None:
    """Share the results of a run or an audit with a privacy officer, by a link or with their account."""
    from facepriv.services.passwords import make_password
    from facepriv.services.sharing import share as share_results

    if run is None and audit is None:
        raise typer.BadParameter("Say what to share: the number of a run, or --audit NUMBER.")
    secret = make_password() if link and passphrase else ""
    with _store() as (store, settings):
        made = share_results(
            store,
            run_id=run,
            audit_id=audit,
            days=days,
            link=link,
            passphrase=secret,
            officer=officer,
            faces=faces,
            actor=ACTOR,
        )
    _say(f"Share {made.share.id} is open until {made.share.expires_at:%Y-%m-%d %H:%M} UTC.")
    url = None
    if made.path is not None:
        url = (server or settings.public_url or "http://127.0.0.1:8501").rstrip("/") + made.path
        _say(f"Link, shown this once: {url}")
        if secret:
            _say(f"Its passphrase, to be told another way: {secret}")
    row = {"share": made.share.id, "expires": made.share.expires_at.isoformat(), "link": url, "passphrase": secret}
    _write_json(json_file, {"schema": "facepriv.share/1", **row})


@app.command()
def shares(
    revoke: Annotated[int | None, typer.Option(help="End the share of this number.")] = None,
    json_file: JsonFile = None,
) -> None:
    """List what was shared and what officers said about it, and end a share."""
    from facepriv.services.sharing import about
    from facepriv.services.sharing import revoke as revoke_share

    with _store() as (store, _):
        if revoke is not None:
            revoke_share(store, revoke, actor=ACTOR)
            _say(f"Share {revoke} is revoked.")
        found, said = store.shares.list(), store.remarks.list()
    now = datetime.now(UTC)
    if not found:
        _say("Nothing is shared; share a run with: facepriv share RUN")
    else:
        _table(
            "Shares, newest first",
            [
                {
                    "Share": str(one.id),
                    "Of": about(one),
                    "By": one.made_by,
                    "How": listed(
                        [
                            *(["link with a passphrase" if one.passphrase_hash else "link"] if one.has_link else []),
                            *([] if one.officer is None else [f"officer {one.officer}"]),
                        ]
                    ),
                    "Faces": str(one.faces),
                    "Views": str(one.views),
                    "State": "revoked"
                    if one.revoked_at
                    else f"{'open until' if one.is_open(now) else 'expired'} {one.expires_at:%Y-%m-%d}",
                }
                for one in found
            ],
        )
    if said:
        _table(
            "What officers said",
            [
                {
                    "Of": one.about,
                    "By": one.author,
                    "When": f"{one.at:%Y-%m-%d %H:%M} UTC",
                    "Said": one.decision or "comment",
                    "Text": one.text,
                    "SHA-256": one.sha256 or "–",
                }
                for one in said
            ],
        )
    document = {
        "shares": [
            {
                "share": one.id,
                "of": about(one),
                "by": one.made_by,
                "link": one.has_link,
                "officer": one.officer,
                "faces": one.faces,
                "views": one.views,
                "expires": one.expires_at.isoformat(),
                "open": one.is_open(now),
            }
            for one in found
        ],
        "remarks": [
            {
                "of": one.about,
                "by": one.author,
                "at": one.at.isoformat(),
                "decision": one.decision,
                "text": one.text,
                "sha256": one.sha256,
            }
            for one in said
        ],
    }
    _write_json(json_file, {"schema": "facepriv.shares/1", **document})


@app.command()
def serve(
    port: Annotated[int, typer.Option(help="Port on this machine.")] = 8501,
    address: Annotated[
        str, typer.Option(help="Address to listen at; any but a loopback one needs FACEPRIV_PUBLIC_URL.")
    ] = "127.0.0.1",
    auth: Annotated[
        bool, typer.Option("--auth/--no-auth", help="Whether to ask who comes; without, on a loopback address only.")
    ] = True,
) -> None:
    """Serve the dashboard on this machine, to the users that `facepriv user add` made."""
    import os

    from facepriv.resources import root

    command = [sys.executable, str(root() / "app.py"), "--port", str(port), "--address", address]
    command += [] if auth else ["--no-auth"]
    sys.stdout.flush()
    sys.stderr.flush()
    # The server takes this process's place, so that whatever ends this command ends the server.
    os.execv(command[0], command)


@app.command()
def demo(
    serve_after: Annotated[bool, typer.Option("--serve/--no-serve", help="Serve the dashboard afterwards.")] = True,
    port: Annotated[int, typer.Option(help="Port on this machine.")] = 8501,
    auth: Annotated[bool, typer.Option("--auth/--no-auth", help="Whether the dashboard asks who comes.")] = True,
    json_file: JsonFile = None,
) -> None:
    """Run the whole job on 60 synthetic subjects: import, perturb by the recommended method and the paper's, attack."""
    from facepriv.services.audits import prepare_audit, same_audit, start_audit
    from facepriv.services.following import LINGER_SECONDS
    from facepriv.services.importing import DEMO, import_demo
    from facepriv.services.local_worker import ensure_worker
    from facepriv.services.runs import DEFAULT_METHOD, PAPER_METHOD, prepare_run, start_run

    with _store() as (store, settings):
        ensure_worker(settings, linger=LINGER_SECONDS, ready=True)
        if DEMO not in {record.name for record in store.datasets.list()}:
            with _progress("Importing the demo faces") as report:
                _show_import(import_demo(store, settings, on_progress=report))
        done = []
        for method in dict.fromkeys((PAPER_METHOD, DEFAULT_METHOD)):
            spec = prepare_run(store, DEMO, method=method)
            run = _same_run(store, spec) or start_run(store, spec)
            if run.result is not None:
                _say(f"Run {run.id} did this very job before; it is shown again.")
            done.append((run.id, spec, run.result or _execute(store, settings, run.id)))
        for run_id, spec, result in done:
            _show_result(run_id, spec, result)
        if len(done) > 1:
            _compare(done)
        wanted = prepare_audit(store, run_id=done[-1][0])
        audit = same_audit(store, wanted) or start_audit(store, wanted)
        if audit.result is None:
            _see_through(store.audits, settings, "audit", audit.id)
        _show_audit(store, audit.id)
        # The recommended method's run comes last: it is the one that is handed on, and the newest on every page.
        _write_run(json_file, store, done[-1][0])
        if auth:
            _add_demo_user(store)
    if serve_after:
        serve(port=port, auth=auth)


DEMO_USER = "demo"


def _add_demo_user(store: Store) -> None:
    """Make a user to look around with, unless somebody can sign in already; the password is shown this once."""
    from facepriv.services.users import add_user

    if store.users.list():
        _say("Sign in to the dashboard as one of the users there are: facepriv user list")
        return
    added = add_user(store, DEMO_USER, "auditor", actor=ACTOR)
    _say(f"Sign in to the dashboard as {DEMO_USER} with the password {added.password}")
    _say(f"It is shown this once. Another one: facepriv user password {DEMO_USER}")


@app.command()
def reproduce(
    dataset: Annotated[str, typer.Argument(help="Name of the data set; all its usable images need labels.")],
    guide_a: Annotated[str, typer.Option(help="Classifier in place of the paper's IntraFace.")] = "dlib-gender",
    guide_b: Annotated[str, typer.Option(help="Classifier in place of the paper's GCOTS.")] = "levi-hassner",
    matcher: Annotated[
        list[str] | None, typer.Option(help="Matcher that judges; repeatable. Default: all usable ones.")
    ] = None,
    limit: Annotated[int | None, typer.Option(help="Take at most this many images.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of all randomness.")] = 0,
    landmarker: LandmarkerOption = "dlib-68",
    html_file: Annotated[
        Path | None,
        typer.Option("--html", callback=_file_target, help="Also write tables and figures to this file, as one page."),
    ] = None,
    json_file: JsonFile = None,
) -> None:
    """Repeat the paper's experiments as stored runs, and lay them beside what it published."""
    from facepriv.services import reproduce as service
    from facepriv.services.reproduction_page import write_page
    from facepriv.services.reproduction_tables import headline, sentences, tables

    with _store() as (store, settings):
        planned = service.plan(
            store,
            dataset,
            guide_a=guide_a,
            guide_b=guide_b,
            matchers=matcher,
            limit=limit,
            seed=seed,
            landmarker=landmarker,
        )
        expected = service.estimate(store, settings, planned)
        _say(f"{expected.basis}; expected to take about {expected.seconds / 60:,.1f} minutes.")
        found = service.reproduce(store, planned, execute=lambda run: _execute(store, settings, run))
    for title, rows in tables(found):
        _table(title, rows)
    for sentence in sentences(found):
        _say(f"- {sentence}")
    _say(headline(found))
    if html_file is not None:
        write_page(found, html_file)
    if json_file is not None:
        _write_text(json_file, found.model_dump_json(by_alias=True, indent=2))


db = typer.Typer(help="Look after the database.", no_args_is_help=True)
app.add_typer(db, name="db")


@db.command("upgrade")
def upgrade() -> None:
    """Bring the database to the revision that this release needs; back it up before."""
    from facepriv.config import get_settings
    from facepriv.store import migrate

    migrate.upgrade(get_settings().database_url)
    typer.echo(f"The database is at revision {migrate.head()}.")


@db.command("check")
def check() -> None:
    """Check that the database is sound and has the revision that this release needs, and say what it holds."""
    from facepriv.config import get_settings
    from facepriv.services.upkeep import check_database

    typer.echo(check_database(get_settings()))


@db.command("backup")
def backup(file: Annotated[Path, typer.Argument(help="New file.", callback=_file_target)]) -> None:
    """Write the database to one SQLite file while workers go on; artifact files are not in it."""
    from facepriv.config import get_settings
    from facepriv.services.upkeep import back_up_database

    typer.echo(back_up_database(get_settings(), file, actor=ACTOR))


@db.command("restore")
def restore(
    file: Annotated[Path, typer.Argument(help="What facepriv db backup wrote, or a copy of facepriv.sqlite.")],
) -> None:
    """Fill a new, empty database with a backup, of either kind of database and of this release or an older one."""
    from facepriv.config import get_settings
    from facepriv.services.upkeep import restore_database

    typer.echo(restore_database(get_settings(), file, actor=ACTOR))


user = typer.Typer(help="Who may sign in to the dashboard, as auditor or privacy officer.", no_args_is_help=True)
app.add_typer(user, name="user")
UserName = Annotated[str, typer.Argument(help="Name of the user.")]
RoleOption = Annotated[
    str, typer.Option(help="auditor, who sees and does everything, or officer, who sees what was shared.")
]
PasswordIn = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input instead of making one.")
]


@user.command("add")
def user_add(
    name: UserName,
    role: RoleOption,
    password_stdin: PasswordIn = False,
    oidc: Annotated[
        str | None,
        typer.Option(
            help="By what the identity provider knows them, instead of a password: e-mail address or ISSUER#SUBJECT."
        ),
    ] = None,
) -> None:
    """Add somebody; the password made for them is shown this once."""
    from facepriv.services.users import add_user

    with _store() as (store, _):
        given = _read_password() if password_stdin else None
        added = add_user(store, name, _role(role), password=given, oidc=oidc, actor=ACTOR)
    _say(f"{added.user.name} may sign in as {added.user.role}.")
    _show_password(added.password)


@user.command("list")
def user_list(json_file: JsonFile = None) -> None:
    """List the users, with the sessions they have open."""
    from facepriv.store.users import name_key

    with _store() as (store, _):
        found = [(one, len(store.sessions.of_user(name_key(one.name)))) for one in store.users.list()]
    if not found:
        _say("There is no user yet; make one: facepriv user add NAME --role auditor")
    rows = [
        {
            "Name": one.name,
            "Role": one.role,
            "Signs in": " or ".join(
                [
                    *(["by password"] if one.password_hash else []),
                    *([f"through the provider as {one.oidc}"] if one.oidc else []),
                ]
            ),
            "Since": f"{one.created_at:%Y-%m-%d}",
            "Sessions": str(sessions),
            "State": "active" if one.disabled_at is None else f"disabled since {one.disabled_at:%Y-%m-%d}",
        }
        for one, sessions in found
    ]
    if rows:
        _table("Users", rows)
    users = [
        {"name": one.name, "role": one.role, "oidc": one.oidc, "disabled": one.disabled_at is not None, "sessions": n}
        for one, n in found
    ]
    _write_json(json_file, {"schema": "facepriv.users/1", "users": users})


@user.command("role")
def user_role(name: UserName, role: Annotated[str, typer.Argument(help="auditor or officer.")]) -> None:
    """Make somebody an auditor or a privacy officer, from their next click on."""
    from facepriv.services.users import set_role

    with _store() as (store, _):
        changed = set_role(store, name, _role(role), actor=ACTOR)
    _say(f"{changed.name} is {'an auditor' if changed.role == 'auditor' else 'a privacy officer'} now.")


@user.command("disable")
def user_disable(name: UserName) -> None:
    """Shut somebody out at once: all their sessions end."""
    _set_disabled(name, True)


@user.command("enable")
def user_enable(name: UserName) -> None:
    """Let somebody in again who was disabled."""
    _set_disabled(name, False)


def _set_disabled(name: str, disabled: bool) -> None:
    from facepriv.services.users import set_disabled

    with _store() as (store, _):
        changed = set_disabled(store, name, disabled, actor=ACTOR)
    _say(f"{changed.name} may {'not sign in any more, and is signed out' if disabled else 'sign in again'}.")


@user.command("password")
def user_password(name: UserName, password_stdin: PasswordIn = False) -> None:
    """Give somebody a new password, shown this once; whoever is signed in under the old one is signed out."""
    from facepriv.services.users import change_password

    with _store() as (store, _):
        made = change_password(store, name, _read_password() if password_stdin else None, actor=ACTOR)
    _say("The password is changed.")
    _show_password(made)


@user.command("oidc")
def user_oidc(
    name: UserName,
    claim: Annotated[
        str | None, typer.Argument(help="E-mail address or ISSUER#SUBJECT; none to end coming through the provider.")
    ] = None,
) -> None:
    """Say by what the identity provider knows somebody; whoever is signed in is signed out."""
    from facepriv.services.users import set_claim

    with _store() as (store, _):
        one = set_claim(store, name, claim, actor=ACTOR)
    known = "comes through the provider no more" if one.oidc is None else f"comes through the provider as {one.oidc}"
    _say(f"{one.name} {known}.")


@user.command("sign-out")
def user_sign_out(name: UserName) -> None:
    """End all sessions of somebody."""
    from facepriv.services.users import sign_out_everywhere

    with _store() as (store, _):
        ended = sign_out_everywhere(store, name, actor=ACTOR)
    _say(f"{count(ended, 'session')} ended.")


def _role(text: str) -> Role:
    from facepriv.store import ROLES

    for role in ROLES:
        if role == text:
            return role
    raise BadInputError(f"A role was expected, {' or '.join(ROLES)}, but {text!r} came.", code="bad-role")


def _read_password() -> str:
    return sys.stdin.readline().rstrip("\n")


def _show_password(password: str | None) -> None:
    if password is not None:
        _say(f"Password: {password}")
        _say("It is shown this once and kept as a hash only.")


model = typer.Typer(help="Bring your own models; see docs/your-own-models.md.", no_args_is_help=True)
app.add_typer(model, name="model")
Replace = Annotated[bool, typer.Option("--replace", help="In place of the one of that name.")]


@model.command("add")
def model_add(
    file: Annotated[Path, typer.Argument(help="YAML of a network, whose ONNX file lies beside it, or of a command.")],
    replace: Replace = False,
) -> None:
    """Add a classifier or matcher of your own, after a trial on demo faces. A command can run anything you can."""
    from facepriv.services.own_models import add_model

    with _store() as (store, _):
        added = add_model(store, file, actor=ACTOR, replace=replace)
    typer.echo(f"Added the {added.own.card.kind} {added.own.name}, version {added.own.card.version}.")
    for note in added.notes:
        typer.echo(note)


@model.command("list")
def model_list(json_file: JsonFile = None) -> None:
    """List your own models; facepriv models lists all."""
    from facepriv.services.models import status_of
    from facepriv.services.own_models import list_own

    found, damaged = list_own()
    states = {one.name: status_of(one.card) for one in found}
    if found:
        _table(
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
        _say("There is no model of your own; add one with: facepriv model add FILE.yaml")
    for name in damaged:
        _say(f"{name} cannot be read any more; remove it with: facepriv model remove {name}")
    rows = [
        {
            "name": one.name,
            "form": one.description.form,
            "usable": states[one.name].usable,
            "reason": states[one.name].reason,
            "version": one.card.version,
            "description": one.description.model_dump(mode="json"),
        }
        for one in found
    ]
    _write_json(json_file, {"schema": "facepriv.own-models/1", "models": rows, "damaged": damaged})


@model.command("check")
def model_check(name: Annotated[str, typer.Argument(help="One of your own models.")]) -> None:
    """Look whether a model's files are unchanged, and try it on demo faces again."""
    from facepriv.services.own_models import check_model

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
    from facepriv.services.own_models import remove_model

    with _store() as (store, _):
        if not yes:
            typer.confirm(f"Remove the model {name}?", abort=True)
        remove_model(store, name, actor=ACTOR)
    typer.echo(f"Removed: {name}.")


probe = typer.Typer(help="Make gender classifiers out of matchers.", no_args_is_help=True)
app.add_typer(probe, name="probe")


@probe.command("train")
def probe_train(
    name: Annotated[str, typer.Argument(help="What to call the classifier.")],
    dataset: Annotated[str, typer.Option(help="Labelled data set to train on.")],
    matcher: Annotated[str, typer.Option(help="Matcher whose templates it reads.")] = "sface",
    exclude: Annotated[
        list[str] | None, typer.Option(help="Data set whose people and images are left out; repeatable.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the folds.")] = 0,
    replace: Replace = False,
) -> None:
    """Train a linear classifier on a matcher's templates; it can judge and guide like any other."""
    from facepriv.services.probes import train_probe

    with _store() as (store, _), _progress("Embedding") as report:
        own = train_probe(
            store,
            name,
            matcher=matcher,
            dataset=dataset,
            exclude=exclude or (),
            seed=seed,
            replace=replace,
            actor=ACTOR,
            on_progress=report,
        )
    typer.echo(f"Trained the probe {own.name}, version {own.card.version}. {own.card.notes}")


@app.command()
def worker(
    until_idle: Annotated[bool, typer.Option("--until-idle", help="End once nothing waits.")] = False,
    run: Annotated[int | None, typer.Option(help="Do only this run, if it waits, and end.")] = None,
    executor: Annotated[str | None, typer.Option(help="Where to compute: processes, or dask.")] = None,
    scheduler: Scheduler = None,
    local: Annotated[bool, typer.Option("--local", hidden=True)] = False,
    parent: Annotated[int | None, typer.Option(hidden=True)] = None,
    linger: Annotated[float, typer.Option(hidden=True)] = math.inf,
    ready: Annotated[bool, typer.Option("--ready", hidden=True)] = False,
) -> None:
    """Take up waiting runs and audits until stopped. Any number of workers, on any machines, may serve one database."""
    import logging
    import signal

    from facepriv.config import get_settings
    from facepriv.services.local_worker import serve_local
    from facepriv.services.worker import run_worker

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    settings = _computing(get_settings(), executor, scheduler)
    # Told to stop, give the run back, so that whoever is next goes on at once instead of waiting for the lease to end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if not local:
        run_worker(settings, run_id=run, until_idle=until_idle, ready=ready)
    elif not serve_local(settings, parent=parent, until_idle=until_idle, linger=linger, ready=ready):
        typer.echo("Another worker serves this data folder already.")


@app.command("import-job", hidden=True)
def import_job(folder: Annotated[Path, typer.Argument(help="Folder of the import.")]) -> None:
    """Do an import that the dashboard has put there."""
    import signal

    from facepriv.config import get_settings
    from facepriv.services.import_jobs import run_job

    # Told to stop, clear away what was begun.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    run_job(get_settings(), folder)


@app.command()
def schema(json_file: JsonFile = None) -> None:
    """Print the JSON Schema of what --json writes of a run."""
    from facepriv.results import RunDocument

    document = RunDocument.model_json_schema(by_alias=True, mode="serialization")
    if json_file is None:
        typer.echo(json.dumps(document, indent=2))
    _write_json(json_file, document)


# Helpers


def _computing(settings: Settings, executor: str | None, scheduler: str | None) -> Settings:
    """Give settings that compute where the options say."""
    if executor not in (None, "processes", "dask"):
        raise typer.BadParameter(f"Expected processes or dask, got {executor!r}.", param_hint="--executor")
    update = {"executor": executor, "scheduler": scheduler}
    settings = settings.model_copy(update={name: value for name, value in update.items() if value is not None})
    if settings.executor == "dask" and not settings.scheduler:
        raise typer.BadParameter(
            "With --executor dask the address of a scheduler is needed, such as tcp://10.0.0.1:8786.",
            param_hint="--scheduler",
        )
    if executor is not None:
        from facepriv.services.crew import make_crew

        # A cluster that is not there is told before anything is queued.
        with make_crew(settings) as crew:
            _ = crew.width
    return settings


def _queued(noun: str, number: int, json_file: Path | None) -> None:
    _say_under_way(noun, number, "waiting")
    _write_json(json_file, {"schema": "facepriv.queued/1", f"{noun}_id": number})


def _say_under_way(noun: str, number: int, state: RunState) -> None:
    what = "waits for a worker" if state == "waiting" else f"is {state}"
    option = f"--audit {number}" if noun == "audit" else str(number)
    _say(f"{noun.capitalize()} {number} {what}; see how far it is with: facepriv follow {option}")


def _say_if_not_matched(store: Store, dataset_id: int) -> None:
    from facepriv.services.identities import why_not_matched

    why = why_not_matched(store.datasets.get(dataset_id))
    if why is not None:
        _say(why)


@contextmanager
def _one_of(run: int | None, audit: int | None) -> Iterator[tuple[Settings, RunStore | AuditStore, Store, str, int]]:
    """Open the store; gives the queue, what it is called and the number of the run or audit that was named."""
    if (run is None) == (audit is None):
        raise typer.BadParameter("Name either a run or, with --audit, an audit.")
    with _store() as (store, settings):
        if run is not None:
            yield settings, store.runs, store, "run", run
        else:
            assert audit is not None
            yield settings, store.audits, store, "audit", audit


@contextmanager
def _store() -> Iterator[tuple[Store, Settings]]:
    from facepriv.config import get_settings
    from facepriv.store import open_store

    settings = get_settings()
    with open_store(settings) as store:
        yield store, settings


def _console() -> Any:
    from rich.console import Console

    console = Console(stderr=_json_on_stdout.get())
    # A pipe or a log has no width of its own; 80 columns would break the tables' words.
    return console if console.is_terminal else Console(width=WIDTH, stderr=_json_on_stdout.get())


def _say(text: str) -> None:
    """Tell a person something; on standard error where standard output is for the JSON."""
    typer.echo(text, err=_json_on_stdout.get())


def _error_console() -> Any:
    from rich.console import Console

    return Console(stderr=True)


def _plain(text: str) -> str:
    from rich.markup import escape

    # What others wrote must not command the terminal.
    return escape("".join(letter if letter.isprintable() or letter == "\n" else "�" for letter in text))


def _table(title: str, rows: Sequence[Mapping[str, str]]) -> None:
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for column in rows[0]:
        table.add_column(column)
    for row in rows:
        table.add_row(*(_plain(value) for value in row.values()))
    _console().print(table)


@contextmanager
def _progress(what: str) -> Iterator[Any]:
    """Show a bar; the value is called with done and total, and with stage and pace where the work tells."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("elapsed"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[pace]}"),
    )
    with Progress(*columns, console=_error_console()) as bar:
        task = bar.add_task(what, total=None, pace="")
        begun = time.monotonic()

        def report(done: int, total: int, stage: str = "", pace: tuple[float, float] | None = None) -> None:
            if pace is None and not stage and done:
                rate = done / max(time.monotonic() - begun, 1e-9)
                pace = rate, (total - done) / rate
            shown = "" if pace is None else f"{rate_of(pace[0])}, {duration(pace[1])} left"
            description = f"{what}: {stage}" if stage else what
            bar.update(task, completed=done, total=total, description=description, pace=shown)

        yield report


def _see_through(
    queue: RunStore | AuditStore,
    settings: Settings,
    noun: str,
    number: int,
    executor: str | None = None,
    *,
    cancels: bool = True,
) -> None:
    """Follow a run or an audit to its end; with an executor of its own, do it from here.

    Ctrl+C cancels it if this command put it into the queue (``cancels``), else it ends the following only.
    """
    from facepriv.services.following import follow

    with _progress(f"{noun.capitalize()} {number}") as report:
        try:
            if executor is not None:
                _do_here(settings, noun, number, report)
            for now in follow(queue, settings, number):
                report(now.done, now.total, now.stage or now.state, now.pace(datetime.now(UTC)))
        except KeyboardInterrupt:
            if not cancels:
                raise
            queue.cancel(number)
            _error_console().print(
                f"{noun.capitalize()} {number} is cancelled, since it was interrupted; what was finished is kept: "
                f"facepriv resume {number if noun == 'run' else f'--audit {number}'}"
            )
            raise
    record = queue.get(number)
    if record.result is None:
        why = f": {record.error}" if record.error else "; resume it or start it again."
        raise FaceprivError(f"{noun.capitalize()} {number} is {record.state}{why}")


def _do_here(settings: Settings, noun: str, number: int, report: Any) -> None:
    from facepriv.services.worker import run_worker

    only = {f"{noun}_id": number}
    taken = run_worker(
        settings,
        **only,  # type: ignore[arg-type]
        on_progress=lambda _, stage, done, total: report(done, total, stage),
    )
    if not taken:
        _say(f"Another worker was first to take {noun} {number} up, and computes where it is set to.")


def _execute(store: Store, settings: Settings, run_id: int, executor: str | None = None) -> RunResult:
    _see_through(store.runs, settings, "run", run_id, executor)
    result = store.runs.get(run_id).result
    assert result is not None
    return result


def _proportion(text: str) -> float | None:
    """Read a share; None for auto."""
    if text == "auto":
        return None
    try:
        share = float(text)
    except ValueError:
        share = float("nan")
    if not 0 <= share <= 1:
        raise BadInputError(
            f"A proportion from 0 to 1, or auto, was expected for --p, got {text!r}; write 0.5 for half of the images.",
            code="out-of-range",
        )
    return share


def _select_by(text: str) -> SelectBy:
    if text not in ("image", "subject"):
        raise BadInputError(f"The policy draws by image or by subject, not by {text!r}.", code="bad-selection")
    return "subject" if text == "subject" else "image"


def _audited_policy(
    store: Store,
    settings: Settings,
    run: int,
    share: float | None,
    by: SelectBy,
    floor: float | None,
    wanted: Mapping[str, Any],
) -> tuple[dict[int, float], dict[str, Any]]:
    """Take the share from an audit of the run, the newest that fits or a new one."""
    from facepriv.services.audits import audit_document, prepare_audit, same_audit, start_audit

    spec = prepare_audit(store, run_id=run, p=share, select_by=by, most_fnmr_loss=floor, **wanted)
    record = same_audit(store, spec)
    if record is None:
        record = start_audit(store, spec)
        _see_through(store.audits, settings, "audit", record.id)
    else:
        _say(f"Audit {record.id} of run {run} is at hand; it is used.")
    _show_audit(store, record.id)
    document = audit_document(store, record.id)
    assert document.policy is not None
    found: dict[str, Any] = {"schema": "facepriv.policy/1", "audit_id": record.id}
    return {run: document.policy.p}, found | document.policy.model_dump(mode="json")


def _show_audit(store: Store, audit_id: int, *, variants: bool = False) -> None:
    from facepriv.services import audit_tables as rows
    from facepriv.services.audits import audit_document

    found = audit_document(store, audit_id)
    of = f"run {found.spec.run_id} on " if found.spec.run_id is not None else ""
    _say(
        f"Audit {audit_id} of {of}{found.spec.dataset.name}: {count(found.images, 'image')} of "
        f"{count(found.subjects, 'subject')} ({found.female_subjects} labelled female, {found.male_subjects} male)."
    )
    for reason, images in found.left_out.items():
        _say(f"  Left out: {count(images, 'image')}: {reason}.")
    if found.not_perturbed:
        _say(f"  {count(found.not_perturbed, 'image')} could not be perturbed and are released as they were.")
    _table("Gender error of the classifiers on the untouched images, 95 % interval", rows.baseline_rows(found))
    for one in found.conditions:
        _table(
            f"Attackers against the images {rows.condition_title(one)}: how often they are right (50 % is guessing)",
            rows.attack_rows(one.attacks),
        )
        if variants:
            _table("All their means", rows.attack_rows(one.variants, variants=True))
    if found.curve:
        _table("How often each attacker is right, by the share p of images perturbed", rows.curve_rows(found))
        _table("The share that is best against each attacker alone", rows.optimum_rows(found))
        _table("Matching on the mixed database", rows.utility_rows(found))
        _table("Cost to matching", rows.change_rows(found))
    if found.policy is not None:
        _say(found.policy.sentence)
    _say(found.verdict)
    _say(f"Not tried: {'; '.join(found.not_tried)}.")


def _show_mix(mix: MinimaxPolicy) -> None:
    from facepriv.wording import percent

    _table(
        "Where each image comes from",
        [{"Images": name, "Share": percent(part)} for name, part in mix.shares.items()],
    )
    _table(
        "What an attacker with one classifier gets",
        [
            {
                "Classifier": name,
                "Is right": percent(accuracy),
                "If it were the only one": percent(mix.alone[name]),
            }
            for name, accuracy in mix.accuracies.items()
        ],
    )
    _say(mix.sentence)


def _write_audit(json_file: Path | None, store: Store, audit_id: int) -> None:
    if json_file is not None:
        from facepriv.services.audits import audit_document

        _write_text(json_file, audit_document(store, audit_id).model_dump_json(by_alias=True, indent=2))


def _same_run(store: Store, spec: RunSpec) -> RunRecord | None:
    from facepriv.services.reproduce import same_run

    return same_run(store, spec)


def _show_result(run_id: int, spec: RunSpec, result: RunResult) -> None:
    from facepriv.services import tables
    from facepriv.services.methods import KIND_TITLES

    guides = " and ".join(ref.name for ref in spec.guides)
    mesh = "" if spec.landmarker is None else f" on the landmarks {spec.landmarker.name}"
    kind = f" ({KIND_TITLES[result.kind]})" if result.kind else ""
    _say(f"Run {run_id}: {spec.method}{kind}, guided by {guides}{mesh}, on {count(result.images, 'image')}.")
    if result.attribute_error:
        _table(
            "Error on other attributes, the share of images that a classifier calls other than labelled",
            tables.attribute_error_rows(result),
        )
    if result.gender_error:
        _table(
            f"Run {run_id}: gender error, the share of images that a classifier calls other than labelled",
            tables.gender_error_rows(result),
        )
    if result.attribute_changes:
        _table("What became of verdicts that were not to be turned", tables.attribute_change_rows(result))
    for name in result.gender_confusion:
        _table(f"Confusion of {name}", tables.confusion_rows(result, name))
    if result.matching:
        _table("Face matching", tables.matching_rows(result))
    _table("Flips found by those who have the file, of the images judged", tables.survival_rows(result))
    _table("Effort", tables.effort_rows(result))
    if result.learned:
        _table("Learnt first, from other people", tables.learned_rows(result))
    _table("Change of the image", tables.quality_rows(result))
    failures = tables.failure_rows(result)
    if failures:
        _table(f"Failures ({result.failures.total} of {result.images})", failures)
    for row in tables.note_rows(result):
        _say(f"Note on {row['Images']} of the images: {row['Note']}")
    _say(tables.headline(result, spec.guide.name))
    for sentence in tables.limits(result):
        _say(sentence)


def _compare(runs: Sequence[tuple[int, RunSpec, RunResult]]) -> None:
    """Show several runs side by side in the figures that matter most."""
    from facepriv.services.tables import comparison_rows

    _table("Side by side", comparison_rows([(f"Run {run_id}", spec, result) for run_id, spec, result in runs]))


def _method_json(one: MethodInfo) -> dict[str, Any]:
    return {
        "name": one.name,
        "title": one.title,
        "kind": one.kind,
        "recommended": one.recommended,
        "heeds_guards": one.heeds_guards,
        "keeps": one.keeps,
        "landmarkers": one.landmarkers,
        "parameters": [{"name": p.name, "type": p.type, "default": p.default, "help": p.help} for p in one.parameters],
    }


def _show_import(report: ImportReport, told: Sequence[Problem] = ()) -> None:
    """Tell what an import brought; what was told before is not told again."""
    if not told:
        _say(f"Read as {report.reader}: {report.why}")
    counts = report.counts
    shown = {"female": -1, "male": 1, "unlabelled": None}
    balance = ", ".join(f"{counts.labels.get(value, 0)} {word}" for word, value in shown.items())
    _say(
        f"{report.dataset.name}: {count(counts.images, 'image')} of {count(counts.subjects, 'subject')} ({balance}); "
        f"{len(report.failures)} without a usable face, {count(len(report.problems), 'note')} on what was left out "
        "or changed."
    )
    noted = [problem for problem in report.problems if problem not in told]
    for title, problems in (("No usable face", report.failures), ("Left out or noted", noted)):
        _list_problems(title, problems)


def _list_problems(title: str, problems: Sequence[Problem], most: int = 20) -> None:
    for problem in problems[:most]:
        _say(f"  {title}: {problem.sentence}  [{problem.code}: {problem.name}]")
    if len(problems) > most:
        _say(f"  ... and {len(problems) - most} more; --json lists them all.")


def _problems_json(problems: Sequence[Problem]) -> list[dict[str, Any]]:
    from facepriv.datasets.problems import names

    return [{"names": names(p), "code": p.code, "sentence": p.sentence} for p in problems]


def _dataset_json(store: Store, record: DatasetRecord) -> dict[str, Any]:
    return {
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
        **_counts_json(store.datasets.counts(record.id)),
    }


def _counts_json(counts: Any) -> dict[str, Any]:
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


def _import_json(report: ImportReport, quality: QualityReport | None) -> dict[str, Any]:
    return {
        "schema": "facepriv.import/1",
        "dataset": report.dataset.name,
        "reader": report.reader,
        "reader_reason": report.why,
        **_counts_json(report.counts),
        "left_out": _problems_json(report.problems),
        "no_usable_face": _problems_json(report.failures),
        "quality": None if quality is None else quality.model_dump(mode="json", by_alias=True),
    }


def _write_run(json_file: Path | None, store: Store, run_id: int) -> None:
    if json_file is not None:
        from facepriv.services.export import result_json

        _write_text(json_file, result_json(store, run_id))


def _write_json(json_file: Path | None, document: Mapping[str, Any]) -> None:
    if json_file is not None:
        _write_text(json_file, json.dumps(document, indent=2))


def _write_text(file: Path, text: str) -> None:
    if str(file) == "-":
        typer.echo(text)
        return
    try:
        file.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise BadInputError(
            f"A file that can be written to was expected at {file}, but it cannot ({error.strerror}); name another.",
            code="cannot-write",
        ) from error
