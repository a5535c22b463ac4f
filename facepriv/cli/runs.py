"""`facepriv runs`, `show`, `cancel`, `resume`, `follow`, `log`, `delete`, `restore` and `schema`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facepriv.cli.execution import follow_to_end, say_under_way, watch
from facepriv.cli.options import NoWait
from facepriv.cli.output import Full, JsonFile, only, progress, say, show_table, write_json
from facepriv.cli.results import show_audit, show_run
from facepriv.cli.store import get_actor, opened_store
from facepriv.errors import FaceprivError
from facepriv.wording import listed

if TYPE_CHECKING:
    from facepriv.config import Settings
    from facepriv.store import AuditStore, RunStore, Store

RunOrNone = Annotated[int | None, typer.Argument(help="Number of the run.")]
AuditOption = Annotated[int | None, typer.Option("--audit", help="Number of an audit, instead of a run.")]


def runs(
    json_file: JsonFile = None,
    limit: Annotated[int, typer.Option(help="Number of runs to list.")] = 50,
    full: Full = False,
) -> None:
    """List the stored runs with their verdicts, newest first."""
    from facepriv.services.audits.verdicts import verdict_of_run

    with opened_store() as (store, _):
        records = store.runs.list(limit=limit)
        verdicts = {
            run.id: verdict_of_run(store, store.runs.get(run.id))[0] for run in records if run.state == "complete"
        }
    listed = [
        {
            "Run": str(run.id),
            "Verdict": verdicts[run.id].short if run.id in verdicts else run.state,
            "Data set": run.dataset_name,
            "Method": run.method,
            "Guide": run.guide,
            "Images": str(run.images),
            "State": run.state,
            "Started": "" if run.started_at is None else f"{run.started_at:%Y-%m-%d %H:%M} UTC",
            "Why": run.error or "",
        }
        for run in records
    ]
    failed = any(run.error for run in records)
    shown = ("Run", "Verdict", "Data set", "Method", "Images", *(["Why"] if failed else []))
    show_table(
        "Runs, newest first",
        listed if full else only(listed, *shown),
        none="There is no run yet. Start one with `facepriv perturb DATASET`.",
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
        for run in records
    ]
    write_json(json_file, {"schema": "facepriv.runs/1", "runs": rows})


def show(
    run: RunOrNone = None,
    audit: AuditOption = None,
    full: Full = False,
    json_file: JsonFile = None,
) -> None:
    """Show a stored run or audit, its verdict first; --full shows all tables."""
    with _one_of(run, audit) as (_, _, store, noun, number):
        if noun == "run":
            show_run(store, number, json_file, full=full)
        else:
            show_audit(store, number, json_file, full=full)


def schema(json_file: JsonFile = None) -> None:
    """Print the JSON Schema of a run's --json output."""
    from facepriv.schemas.runs import RunDocument

    document = RunDocument.model_json_schema(by_alias=True, mode="serialization")
    write_json(json_file or Path("-"), document)


def cancel(run: RunOrNone = None, audit: AuditOption = None) -> None:
    """Cancel a waiting or running run or audit; finished work is kept."""
    from facepriv.services.jobs import control

    with _one_of(run, audit) as (_, _, store, noun, number):
        state = control.cancel(store, noun, number, get_actor())
    say(f"{noun.capitalize()} {number} is {'stopping' if state == 'running' else state}.")


def resume(run: RunOrNone = None, audit: AuditOption = None, no_wait: NoWait = False) -> None:
    """Resume a failed or cancelled run or audit; finished work is kept.

    A waiting or running one is only followed, and Ctrl+C does not cancel it.
    """
    from facepriv.services.jobs import control

    with _one_of(run, audit) as (settings, queue, store, noun, number):
        state = queue.summary(number).state
        if state == "complete":
            raise FaceprivError(f"{noun.capitalize()} {number} is complete; there is nothing to resume.")
        ended = state in ("failed", "cancelled")
        if ended:
            state = control.resume(store, noun, number, get_actor())
        if no_wait:
            say_under_way(noun, number, state)
            return
        follow_to_end(store, settings, noun, number, cancels=ended)
    say(f"{noun.capitalize()} {number} is complete.")


def follow(run: RunOrNone = None, audit: AuditOption = None) -> None:
    """Show the progress of a run or an audit until it ends; Ctrl+C does not cancel it."""
    with _one_of(run, audit) as (settings, queue, _, noun, number):
        with progress(f"{noun.capitalize()} {number}") as report:
            now = watch(queue, settings, number, report)
        say(f"{noun.capitalize()} {number} is {now.state}{f': {now.error}' if now.error else '.'}")


def log(run: RunOrNone = None, audit: AuditOption = None, json_file: JsonFile = None) -> None:
    """Show the log of a run or an audit: which worker took it, what was lost, why it ended."""
    from facepriv.presentation.run_tables import log_rows

    with _one_of(run, audit) as (_, queue, store, noun, number):
        lines = store.jobs.log(queue.job_id(number))
    none = f"{noun.capitalize()} {number} has no log yet; it waits for a worker."
    show_table(f"Log of {noun} {number}", log_rows(lines), none=none)
    rows = [{"at": line.at.isoformat(), "owner": line.owner, "text": line.text} for line in lines]
    write_json(json_file, {"schema": "facepriv.log/1", f"{noun}_id": number, "lines": rows})


def delete(
    run: Annotated[
        list[int] | None, typer.Option(help="Delete this run with its images and audits; may be repeated.")
    ] = None,
    audit: Annotated[list[int] | None, typer.Option(help="Delete this audit; may be repeated.")] = None,
    now: Annotated[
        bool, typer.Option("--now", help="Delete for good at once, also what was deleted before; cannot be undone.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --now: do not ask for confirmation.")] = False,
) -> None:
    """Delete runs or audits; for a day, `facepriv restore` brings them back. For data sets, see purge."""
    from facepriv.services.jobs import deletion

    named = _named(run, audit)
    if not named:
        raise typer.BadParameter("Name a run with --run, or an audit with --audit.")
    with opened_store() as (store, _):
        if now:
            what = listed([f"{noun} {number}" for noun, number in named])
            if not yes:
                typer.confirm(f"Permanently delete {what}?", abort=True)
            for noun, number in named:
                deletion.delete_now(store, noun, number, get_actor())
            say(f"Deleted {what} for good.")
            return
        for noun, number in named:
            gone = deletion.discard(store, noun, number, get_actor())
            say(
                f"Deleted {noun} {number}. Until {gone.until:%Y-%m-%d %H:%M} UTC it can be restored: facepriv restore "
                f"--{noun} {number}"
            )


def restore(
    run: Annotated[list[int] | None, typer.Option(help="Restore this run with its audits; may be repeated.")] = None,
    audit: Annotated[list[int] | None, typer.Option(help="Restore this audit; may be repeated.")] = None,
) -> None:
    """Restore deleted runs or audits as they were, shares included; without a number, list what can be restored."""
    from facepriv.services.jobs import deletion

    named = _named(run, audit)
    with opened_store() as (store, _):
        for noun, number in named:
            deletion.restore(store, noun, number, get_actor())
            say(f"Restored {noun} {number}.")
        if not named:
            rows = [
                {
                    "Deleted": f"{one.noun} {one.number}",
                    "Data set": one.dataset_name,
                    "By": one.deleted_by,
                    "Restorable until": f"{one.until:%Y-%m-%d %H:%M} UTC",
                }
                for one in deletion.list_deleted(store)
            ]
            show_table("Deleted, newest first", rows, none="Nothing that was deleted can be restored.")


def _named(runs: list[int] | None, audits: list[int] | None) -> list[tuple[str, int]]:
    """Return kind and number of each run and audit that was named."""
    named = [*(("run", number) for number in runs or ()), *(("audit", number) for number in audits or ())]
    return list(dict.fromkeys(named))


@contextmanager
def _one_of(run: int | None, audit: int | None) -> Iterator[tuple[Settings, RunStore | AuditStore, Store, str, int]]:
    """Open the store; yield settings, queue, store, noun and number of the run or audit that was named."""
    if (run is None) == (audit is None):
        raise typer.BadParameter("Name a run, or an audit with --audit, but not both.")
    with opened_store() as (store, settings):
        if run is not None:
            yield settings, store.runs, store, "run", run
        else:
            assert audit is not None
            yield settings, store.audits, store, "audit", audit
