"""`facepriv runs`, `show`, `cancel`, `resume`, `follow`, `log`, `delete` and `schema`."""

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
    run: Annotated[int | None, typer.Option(help="Delete this run with its perturbed images and its audits.")] = None,
    audit: Annotated[int | None, typer.Option(help="Delete this audit.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
) -> None:
    """Permanently delete a run or an audit, and files that nothing else uses. For data sets, see purge."""
    with _one_of(run, audit) as (_, queue, store, noun, number):
        queue.get(number)
        if not yes:
            typer.confirm(f"Permanently delete {noun} {number}?", abort=True)
        queue.delete(number)
        store.access.record(get_actor(), f"{noun}-deleted", f"{noun} {number}")
    say(f"Deleted {noun} {number}.")


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
