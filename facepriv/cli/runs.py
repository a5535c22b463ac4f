"""`facepriv runs`, `note`, `show`, `cancel`, `resume`, `follow`, `log`, `delete`, `restore` and `schema`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facepriv.cli.execution import follow_to_end, say_under_way, watch
from facepriv.cli.options import NoWait
from facepriv.cli.output import Full, JsonFile, only, printable, progress, say, show_table, write_json
from facepriv.cli.results import show_audit, show_run
from facepriv.cli.store import get_actor, opened_store
from facepriv.errors import FaceprivError
from facepriv.wording import listed

if TYPE_CHECKING:
    from facepriv.config import Settings
    from facepriv.store import AuditStore, RunStore, Store

STATES = ("waiting", "running", "complete", "failed", "cancelled")
RunOrNone = Annotated[int | None, typer.Argument(help="Number of the run.")]
AuditOption = Annotated[int | None, typer.Option("--audit", help="Number of an audit, instead of a run.")]


def runs(
    json_file: JsonFile = None,
    limit: Annotated[int, typer.Option(help="Number of runs to list.")] = 50,
    study: Annotated[int | None, typer.Option(help="List the runs of this study.")] = None,
    search: Annotated[
        str,
        typer.Option(help="Only runs that have all these words in name, notes, tags, method, settings or data set."),
    ] = "",
    tag: Annotated[list[str] | None, typer.Option(help="Only runs with this tag; may be repeated.")] = None,
    dataset: Annotated[list[str] | None, typer.Option(help="Only runs on this data set; may be repeated.")] = None,
    state: Annotated[
        list[str] | None, typer.Option(help=f"Only runs in this state ({', '.join(STATES)}); may be repeated.")
    ] = None,
    full: Full = False,
) -> None:
    """List the stored runs with verdict, strongest attacker and cost, newest first."""
    from facepriv.presentation.run_list import RunFilter, in_words
    from facepriv.services.audits.run_table import run_table

    for name in state or ():
        if name not in STATES:
            raise typer.BadParameter(f"There is no state {name!r}; choose among: {', '.join(STATES)}.")
    asked = RunFilter(text=search, tags=tag or (), datasets=dataset or (), states=state or ())
    with opened_store() as (store, _):
        if study is not None:
            store.studies.summary(study)
        lines = asked.apply(run_table(store, study_id=study).lines)[:limit]
    listed = [in_words(line) for line in lines]
    failed = any(row["Why"] for row in listed)
    named = any(row["Name"] for row in listed)
    shown = (
        "Run",
        *(["Name"] if named else []),
        "Verdict",
        "Right",
        "Lost",
        "Data set",
        "Method",
        *(["Why"] if failed else []),
    )
    filtered = asked != RunFilter() or study is not None
    show_table(
        "Runs, newest first" if study is None else f"Runs of study {study}, newest first",
        listed if full else only(listed, *shown),
        none="No run matches." if filtered else "There is no run yet. Start one with `facepriv perturb DATASET`.",
    )
    rows = [
        {
            "run_id": line.number,
            "dataset": line.run.dataset_name,
            "method": line.run.method,
            "guide": line.run.guide,
            "images": line.run.images,
            "state": line.run.state,
            "created_at": line.run.created_at.isoformat(),
            "error": line.run.error,
            "name": line.notes.name,
            "notes": line.notes.notes,
            "tags": list(line.notes.tags),
            "level": line.level,
            "attacker": line.attacker or None,
            "audit_id": line.audit,
            "sign_off": line.decision,
            "sign_off_is_current": None if line.decision is None else line.current,
            "numbers": line.numbers,
        }
        for line in lines
    ]
    write_json(json_file, {"schema": "facepriv.runs/1", "runs": rows})


def note(
    run: RunOrNone = None,
    audit: AuditOption = None,
    name: Annotated[str | None, typer.Option(help="Call it so; an empty text takes the name away.")] = None,
    notes: Annotated[str | None, typer.Option(help="Write this about it, in place of the notes of before.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Add this tag; may be repeated.")] = None,
    untag: Annotated[list[str] | None, typer.Option(help="Take this tag away; may be repeated.")] = None,
) -> None:
    """Give a run or an audit a name, notes and tags, which lists show and searches find; without options show them."""
    from facepriv.services.jobs.notes import get_notes, save_notes
    from facepriv.store import JobNotes

    with _one_of(run, audit) as (_, _, store, noun, number):
        kept = get_notes(store, noun, number)
        if any(given is not None for given in (name, notes, tag, untag)):
            wanted = JobNotes(
                name=kept.name if name is None else name,
                notes=kept.notes if notes is None else notes,
                tags=tuple(one for one in (*kept.tags, *(tag or ())) if one not in (untag or ())),
            )
            kept = save_notes(store, noun, number, wanted, actor=get_actor())
    said = [f"Name: {kept.name}"] if kept.name else []
    said += [f"Tags: {', '.join(kept.tags)}"] if kept.tags else []
    said += [f"Notes: {kept.notes}"] if kept.notes else []
    say(f"{noun.capitalize()} {number}" + ("" if said else " has no name, notes or tags."), *map(printable, said))


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
