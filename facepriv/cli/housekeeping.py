"""`facepriv purge`, `retain`, `collect` and `doctor`."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import asdict
from typing import Annotated

import typer

from facepriv.cli.json_files import JsonFile, json_on_stdout, write_json
from facepriv.cli.printing import progress, say, show_table
from facepriv.cli.store import ACTOR, opened_store
from facepriv.errors import FaceprivError
from facepriv.wording import count, listed


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
    from facepriv.services.datasets import retention
    from facepriv.services.upkeep.purging import plan_purge
    from facepriv.services.upkeep.purging import purge as remove

    with opened_store() as (store, settings):
        records = retention.expired(store) if dataset is None else (store.datasets.get(dataset),)
        plans = [plan_purge(store, record.id) for record in records]
        if dry_run or not yes:
            for sentence in [sentence for plan in plans for sentence in plan.sentences]:
                say(sentence)
        if not plans:
            say("No data set is past the day until which it may be kept.")
        if dry_run:
            write_json(json_file, {"schema": "facepriv.purge/1", "would_go": [asdict(plan) for plan in plans]})
            return
        if plans and not yes:
            typer.confirm(f"Purge {count(len(plans), 'data set')} for good?", abort=True, err=json_on_stdout.get())
        reports = []
        for plan in plans:
            reports.append(remove(store, settings, plan.dataset_id, actor=ACTOR, cancel=cancel))
            for sentence in reports[-1].sentences:
                say(sentence)
    purged = [{**asdict(report), "complete": report.complete} for report in reports]
    write_json(json_file, {"schema": "facepriv.purge/1", "purged": purged})
    left = [report.dataset for report in reports if not report.complete]
    if left:
        raise FaceprivError(f"Of {listed(left)} something remains; what and why is told above.")


def retain(
    dataset: Annotated[str, typer.Argument(help="Name of the data set.")],
    day: Annotated[str, typer.Argument(help="Last day on which it may be kept, like 2027-03-31, or none.")],
) -> None:
    """Set until when a data set may be kept; it is shown, and nothing is removed without your word."""
    from facepriv.services.datasets import retention

    until = retention.read_day(day)
    with opened_store() as (store, _):
        record = retention.retain(store, store.datasets.get(dataset).id, until, actor=ACTOR)
    if until is None:
        typer.echo(f"{record.name} may be kept without a last day.")
    else:
        past = " That is past: facepriv purge --expired removes it." if retention.is_past(record) else ""
        typer.echo(f"{record.name} may be kept until {until}.{past}")


def collect(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and touch nothing.")] = False,
    json_file: JsonFile = None,
) -> None:
    """Remove files that belong to no data set, no run and nothing under way, and what the database still holds of them.

    A worker does the first by itself, hours later.
    """
    from facepriv.services.upkeep.orphans import collect_orphans, find_orphans

    with opened_store() as (store, settings):
        found = find_orphans(store, settings) if dry_run else collect_orphans(store, settings)
        for sentence in found.sentences:
            say(sentence)
        write_json(json_file, {"schema": "facepriv.collect/1", **asdict(found)})
        if not dry_run:
            say(store.erase_deleted())


def doctor(
    quick: Annotated[bool, typer.Option("--quick", help="Do not read and hash all artifact files.")] = False,
    json_file: JsonFile = None,
) -> None:
    """Look whether everything is in order, and say what to do where it is not; exit code 1 on any problem."""
    from facepriv.config import get_settings
    from facepriv.services.upkeep.doctor import examine

    with nullcontext() if quick else progress("Hashing files") as report:
        checks = examine(get_settings(), quick=quick, on_progress=report)
    show_table("Checks", [{"Check": one.name, "Is": one.status, "What": one.sentence} for one in checks])
    write_json(json_file, {"schema": "facepriv.doctor/1", "checks": [asdict(one) for one in checks]})
    problems = [one.name for one in checks if one.status == "problem"]
    if problems:
        raise FaceprivError(f"{count(len(problems), 'problem')} found: {listed(problems)}.")
