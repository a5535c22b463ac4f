"""`facepriv models`, `fetch`, `model` and `probe`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facepriv.cli.options import Replace
from facepriv.cli.output import Full, JsonFile, only, progress, say, show_table, write_json
from facepriv.cli.store import get_actor, opened_store
from facepriv.wording import size_of

if TYPE_CHECKING:
    from facepriv.datasets.published import PublishedDataset


def models(full: Full = False, json_file: JsonFile = None) -> None:
    """List the models that can be used here, and name the others; --full says licences and how to get each."""
    from facepriv.services.models.catalogue import list_models

    statuses = list_models()
    shown = [
        {
            "Name": status.card.name,
            "Kind": status.kind + (f" of {status.attribute}" if status.attribute else ""),
            "State": status.state,
            "Size": size_of(status.bytes),
            "Version": status.card.version,
            "Licence": status.card.licence,
            "Notes": f"Get it with: {status.how}" if status.state == "not here" else status.reason or status.card.notes,
        }
        for status in statuses
    ]
    if full:
        show_table("Models", shown)
    else:
        here = [row for row, status in zip(shown, statuses, strict=True) if status.usable]
        show_table("Models that can be used here", only(here, "Name", "Kind", "Version"))
        others: dict[str, list[str]] = {}
        for status in statuses:
            if not status.usable:
                others.setdefault(status.state, []).append(status.card.name)
        say(*(f"{state.capitalize()}: {', '.join(names)}." for state, names in others.items()))
        say("Licences, sizes and how to get the others: facepriv models --full")
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
        for status in statuses
    ]
    write_json(json_file, {"schema": "facepriv.models/1", "models": rows})


_RECORDED = "This hash is recorded and checked from now on. If a source you trust publishes it, compare the two."


def fetch(
    name: Annotated[
        str, typer.Argument(help="Model whose weights come with no package (see facepriv models), or lfw or london.")
    ],
    file: Annotated[
        Path | None,
        typer.Option(help="Use this copy instead of downloading; for a data set of several files, their folder."),
    ] = None,
    json_file: JsonFile = None,
) -> None:
    """Download a model's weights or a public data set from its published address; no other command downloads."""
    from facepriv.datasets.published import PUBLISHED_DATASETS
    from facepriv.services.models.fetching import fetch_model

    if name in PUBLISHED_DATASETS:
        _fetch_dataset(PUBLISHED_DATASETS[name], file, json_file)
        return
    fetched = fetch_model(name, file=file, progress=sys.stderr.isatty())
    say(f"{fetched.name}: weights {fetched.origin}, {fetched.bytes:,} bytes, SHA-256 {fetched.sha256}")
    if fetched.newly_recorded:
        say(_RECORDED)
    row = {"name": fetched.name, "came": fetched.origin, "bytes": fetched.bytes, "sha256": fetched.sha256}
    write_json(json_file, {"schema": "facepriv.fetch/1", **row, "first": fetched.newly_recorded})


def _fetch_dataset(dataset: PublishedDataset, file: Path | None, json_file: Path | None) -> None:
    from facepriv.services.datasets.fetching import fetch_dataset

    fetched = fetch_dataset(dataset, file=file, progress=sys.stderr.isatty())
    say(
        f"{dataset.title}: {fetched.origin}, in {fetched.folder}",
        f"Licence: {dataset.licence}. Source: {dataset.source}.",
    )
    for file_name, digest in fetched.sha256.items():
        say(f"{file_name}: SHA-256 {digest}. {_RECORDED if file_name in fetched.newly_recorded else ''}".rstrip())
    say(
        *(f"Left out: {sentence}" for sentence in fetched.skipped),
        f"Import it with: {fetched.command}",
        "The downloaded files stay until you delete that folder.",
    )
    row = {"name": dataset.name, "came": fetched.origin, "folder": str(fetched.folder), "sha256": fetched.sha256}
    rest = {"first": [*fetched.newly_recorded], "without": [*fetched.skipped], "import": fetched.command}
    write_json(json_file, {"schema": "facepriv.fetch-archive/1", **row, **rest})


model = typer.Typer(help="Add your own models; see docs/your-own-models.md.", no_args_is_help=True)


@model.command("add")
def model_add(
    file: Annotated[Path, typer.Argument(help="YAML file of a network (its ONNX file beside it) or of a command.")],
    replace: Replace = False,
) -> None:
    """Add your own classifier or matcher after a trial on demo faces. A command runs with your permissions."""
    from facepriv.services.models.own_models import add_model

    with opened_store() as (store, _):
        added = add_model(store, file, actor=get_actor(), replace=replace)
    say(f"Added the {added.card.kind} {added.name}, version {added.card.version}.", *added.description.found)


@model.command("list")
def model_list(json_file: JsonFile = None) -> None:
    """List your own models; `facepriv models` lists all."""
    from facepriv.own_models.stored import list_readable, list_unreadable
    from facepriv.services.models.catalogue import status_of

    models, damaged = list_readable(), list_unreadable()
    states = {own.name: status_of(own.card) for own in models}
    show_table(
        "Your own models",
        [
            {
                "Name": own.name,
                "Kind": f"{own.card.kind}, {own.description.form}",
                "Usable": "yes" if states[own.name].usable else "no",
                "Version": own.card.version,
                "Licence": own.card.licence,
                "Notes": own.card.notes if states[own.name].usable else states[own.name].reason,
            }
            for own in models
        ],
        none="" if damaged else "You have no model of your own. Add one with: facepriv model add FILE.yaml",
    )
    for name in damaged:
        say(f"{name} is damaged. Remove it with: facepriv model remove {name}")
    rows = [
        {
            "name": own.name,
            "form": own.description.form,
            "usable": states[own.name].usable,
            "reason": states[own.name].reason,
            "version": own.card.version,
            "description": own.description.model_dump(mode="json", exclude={"form"}),
        }
        for own in models
    ]
    write_json(json_file, {"schema": "facepriv.own-models/1", "models": rows, "damaged": damaged})


@model.command("check")
def model_check(name: Annotated[str, typer.Argument(help="One of your own models.")]) -> None:
    """Check that a model's files are unchanged, and try it on demo faces again."""
    from facepriv.services.models.own_models import check_model

    findings = check_model(name)
    say(f"{name} is unchanged and passed its trial on demo faces.", *findings)


@model.command("remove")
def model_remove(
    name: Annotated[str, typer.Argument(help="One of your own models.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
) -> None:
    """Remove your own model; its results stay but can no longer be repeated."""
    from facepriv.services.models.own_models import remove_model

    with opened_store() as (store, _):
        if not yes:
            typer.confirm(f"Remove the model {name}?", abort=True)
        remove_model(store, name, actor=get_actor())
    say(f"Removed {name}.")


probe = typer.Typer(help="Train gender classifiers on matchers' templates.", no_args_is_help=True)


@probe.command("train")
def probe_train(
    name: Annotated[str, typer.Argument(help="Name of the new classifier.")],
    dataset: Annotated[str, typer.Option(help="Labelled data set to train on.")],
    matcher: Annotated[str, typer.Option(help="Matcher whose templates it reads.")] = "sface",
    exclude: Annotated[
        list[str] | None, typer.Option(help="Data set whose people and images are excluded; repeatable.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the folds.")] = 0,
    replace: Replace = False,
) -> None:
    """Train a linear gender classifier on a matcher's templates; it can judge and guide like any other."""
    from facepriv.services.models.probes import train_probe

    with opened_store() as (store, _), progress("Embedding") as report:
        own = train_probe(
            store,
            name,
            matcher=matcher,
            dataset=dataset,
            exclude=exclude or (),
            seed=seed,
            replace=replace,
            actor=get_actor(),
            on_progress=report,
        )
    say(f"Trained the probe {own.name}, version {own.card.version}. {own.card.notes}")
