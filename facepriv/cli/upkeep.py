"""`facepriv purge`, `retain`, `collect`, `doctor` and `db`."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from facepriv.cli.output import JsonFile, file_target, json_on_stdout, progress, say, show_table, write_json
from facepriv.cli.store import get_actor, opened_store, private_scratch
from facepriv.config import get_settings
from facepriv.errors import FaceprivError
from facepriv.wording import count, listed


def purge(
    dataset: Annotated[str | None, typer.Argument(help="Name of the data set or template set.")] = None,
    expired: Annotated[
        bool, typer.Option("--expired", help="Every data set and template set whose retention date has passed.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be deleted.")] = False,
    cancel: Annotated[bool, typer.Option("--cancel", help="Cancel running work first, instead of refusing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    json_file: JsonFile = None,
) -> None:
    """Delete a data set, its images, runs, audits and everything derived from it, and verify that it is gone."""
    if (dataset is None) != expired:
        raise typer.BadParameter("Name a data set, or use --expired alone.")
    from facepriv.services.datasets import retention
    from facepriv.services.templates.sets import expired_template_sets, find_set
    from facepriv.services.upkeep.purging import plan_purge
    from facepriv.services.upkeep.purging import purge as remove
    from facepriv.services.upkeep.template_purging import purge_template_set

    with opened_store() as (store, settings):
        template_set = None if dataset is None else find_set(store, dataset)
        if dataset is None:
            records = retention.expired(store)
        else:
            records = () if template_set is not None else (store.datasets.get(dataset),)
        plans = [plan_purge(store, record.id) for record in records]
        going = {name for plan in plans for name in plan.template_sets}
        of_their_own = expired_template_sets(store) if dataset is None else ([template_set] if template_set else [])
        sets = [each for each in of_their_own if each.name not in going]
        if dry_run or not yes:
            say(*(sentence for plan in plans for sentence in plan.sentences))
            say(
                *(f"This deletes the template set {each.name!r}: {count(each.templates, 'template')}." for each in sets)
            )
        if not plans and not sets:
            say("No data set has passed its retention date.")
        if dry_run:
            names = [each.name for each in sets]
            would_go = [asdict(plan) for plan in plans]
            write_json(json_file, {"schema": "facepriv.purge/1", "would_go": would_go, "template_sets": names})
            return
        if (plans or sets) and not yes:
            what = [count(len(plans), "data set")] * bool(plans) + [count(len(sets), "template set")] * bool(sets)
            typer.confirm(f"Permanently delete {listed(what)}?", abort=True, err=json_on_stdout.get())
        reports = []
        for plan in plans:
            reports.append(remove(store, settings, plan.dataset_id, actor=get_actor(), cancel=cancel))
            say(*reports[-1].sentences)
        of_sets = [purge_template_set(store, settings, each.id, actor=get_actor()) for each in sets]
        say(*(sentence for each in of_sets for sentence in each.sentences))
    purged = [{**asdict(report), "complete": report.complete} for report in reports]
    purged_sets = [{**asdict(report), "complete": report.complete} for report in of_sets]
    write_json(json_file, {"schema": "facepriv.purge/1", "purged": purged, "template_sets": purged_sets})
    left = [report.dataset for report in reports if not report.complete]
    left += [report.template_set for report in of_sets if not report.complete]
    if left:
        raise FaceprivError(f"{listed(left)} could not be deleted completely; see above.")


def retain(
    dataset: Annotated[str, typer.Argument(help="Name of the data set or template set.")],
    day: Annotated[str, typer.Argument(help="Last day on which it may be kept, such as 2027-03-31, or none.")],
) -> None:
    """Set the last day on which a data set or template set may be kept; nothing is deleted automatically."""
    from facepriv.services.datasets import retention
    from facepriv.services.templates.sets import find_set, retain_template_set

    until = retention.read_day(day)
    with opened_store() as (store, _):
        if (template_set := find_set(store, dataset)) is not None:
            name = retain_template_set(store, template_set.id, until, actor=get_actor()).name
        else:
            name = retention.retain(store, store.datasets.get(dataset).id, until, actor=get_actor()).name
    if until is None:
        say(f"{name} may be kept without limit.")
    else:
        past = " That day has passed: facepriv purge --expired deletes it." if until < date.today() else ""
        say(f"{name} may be kept until {until}.{past}")


def collect(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be deleted.")] = False,
    many: Annotated[bool, typer.Option("--many", help="Delete more than 100 unused files at once.")] = False,
    json_file: JsonFile = None,
) -> None:
    """Delete files that no data set, run or running work uses, and clear deleted rows from the database file.

    A worker deletes such files on its own some hours later.
    """
    from facepriv.services.upkeep.orphans import collect_orphans, find_orphans

    with opened_store() as (store, settings):
        orphans = find_orphans(store, settings) if dry_run else collect_orphans(store, settings, many=many)
        say(*orphans.sentences)
        write_json(json_file, {"schema": "facepriv.collect/1", **asdict(orphans)})
        if not dry_run:
            say(store.erase_deleted())


def doctor(
    quick: Annotated[bool, typer.Option("--quick", help="Skip reading and hashing every stored file.")] = False,
    json_file: JsonFile = None,
) -> None:
    """Check the installation and the data, and say how to fix problems; exit code 1 if there are any."""
    from facepriv.services.upkeep.doctor import examine

    with private_scratch(), nullcontext() if quick else progress("Hashing files") as report:
        checks = examine(get_settings(), quick=quick, on_progress=report)
    notices = [check.name for check in checks if check.status == "notice"]
    problems = [check.name for check in checks if check.status == "problem"]
    found = count(len(problems), "problem") if problems else "No problem"
    say(f"{found} and {count(len(notices), 'notice')} in {count(len(checks), 'check')}.")
    show_table("Checks", [{"Check": check.name, "Result": check.status, "Details": check.sentence} for check in checks])
    write_json(json_file, {"schema": "facepriv.doctor/1", "checks": [asdict(check) for check in checks]})
    if problems:
        raise FaceprivError(f"{count(len(problems), 'problem')}: {listed(problems)}.")


db = typer.Typer(help="Upgrade, check, back up and restore the database.", no_args_is_help=True)


@db.command("upgrade")
def upgrade() -> None:
    """Upgrade the database to the revision that this release needs; back it up first."""
    from facepriv.store import migrate

    with private_scratch():
        migrate.upgrade(get_settings().database_url)
    say(f"The database is at revision {migrate.head()}.")


@db.command("check")
def check() -> None:
    """Check that the database is intact and has the right revision, and count what it holds."""
    from facepriv.services.upkeep.database import check_database

    with private_scratch():
        say(check_database(get_settings()))


@db.command("backup")
def backup(file: Annotated[Path, typer.Argument(help="New file to write.", callback=file_target)]) -> None:
    """Back up the database to one SQLite file while workers run; it does not contain artifact files."""
    from facepriv.services.upkeep.database import back_up_database

    with private_scratch():
        say(back_up_database(get_settings(), file, actor=get_actor()))


@db.command("restore")
def restore(
    file: Annotated[Path, typer.Argument(help="A file from facepriv db backup, or a copy of facepriv.sqlite.")],
) -> None:
    """Restore a backup into a new, empty database; the backup may come from an older release or the other database."""
    from facepriv.services.upkeep.database import restore_database

    with private_scratch(make=True):
        say(restore_database(get_settings(), file, actor=get_actor()))
