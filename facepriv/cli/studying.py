"""`facepriv study` and `studies`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from facepriv.cli.execution import follow_to_end, say_under_way, submit_or_ask, with_executor
from facepriv.cli.options import Again, Executor, NoWait, Scheduler, with_fields
from facepriv.cli.output import JsonFile, say, show_table, write_json, write_text
from facepriv.cli.store import get_actor, opened_store
from facepriv.errors import FaceprivError
from facepriv.schemas.requests import StudyRequest

if TYPE_CHECKING:
    from facepriv.schemas.studies import StudyDocument
    from facepriv.services.studies.applying import Applied

studies = typer.Typer(help="List studies; show, stop, resume or delete one.", no_args_is_help=False)
Number = Annotated[int, typer.Argument(metavar="ID", help="Number of the study.")]
Full = Annotated[bool, typer.Option("--full", help="Also show all candidates, and why some were given up.")]
LISTED = 50


@with_fields(StudyRequest)
def study(
    fields: dict[str, Any],
    full: Full = False,
    again: Again = False,
    no_wait: NoWait = False,
    executor: Executor = None,
    scheduler: Scheduler = None,
    json_file: JsonFile = None,
) -> None:
    """Search methods, strengths, sides and proportions for a goal, and confirm the best on other people.

    The goal has two numbers: how often the strongest attacker may be right, and how many genuine matches may be lost.
    """
    with opened_store() as (store, settings):
        settings = with_executor(settings, executor, scheduler)
        record = submit_or_ask(store, settings, StudyRequest(**fields), again=again)
        say(
            f"Study {record.id} tries {len(record.spec.candidates)} candidates on {record.spec.rungs[-1].people} "
            f"people and confirms the best on {record.spec.confirmation_people} others, in about "
            f"{fields.get('time', '30m')} at most."
        )
        if no_wait:
            say_under_way("study", record.id, "waiting")
            write_json(json_file, {"schema": "facepriv.queued/1", "study_id": record.id})
            return
        follow_to_end(store, settings, "study", record.id, executor)
        _show(store, record.id, json_file, full)


@studies.callback(invoke_without_command=True)
def list_studies(context: typer.Context, json_file: JsonFile = None) -> None:
    """List studies, newest first."""
    from facepriv.presentation.study_tables import study_rows

    if context.invoked_subcommand is not None:
        return
    with opened_store() as (store, _):
        records = store.studies.list(limit=LISTED)
    show_table("Studies", study_rows(records), none="There is no study yet. Start one with `facepriv study DATASET`.")
    rows = [
        {"study_id": each.id, "dataset": each.dataset_name, "state": each.state, "error": each.error}
        for each in records
    ]
    write_json(json_file, {"schema": "facepriv.studies/1", "studies": rows})


@studies.command()
def show(number: Number, full: Full = False, json_file: JsonFile = None) -> None:
    """Show a study: verdict, frontier, confirmation; of one that is not complete, what was found so far."""
    with opened_store() as (store, _):
        _show(store, number, json_file, full)


@studies.command()
def apply(
    number: Number,
    candidate: Annotated[
        str | None, typer.Option(help="Name of the candidate, as the tables say it. Default: what is recommended.")
    ] = None,
    no_wait: NoWait = False,
    json_file: JsonFile = None,
) -> None:
    """Change all images by a candidate of a study and audit them, or protect all templates; then release them."""
    from facepriv.services.audits.verdicts import verdict_of_audit
    from facepriv.services.studies.applying import (
        apply_candidate,
        attack_together,
        choose_candidates,
        find_applied,
    )

    with opened_store() as (store, settings):
        study = store.studies.get(number)
        chosen = choose_candidates(study, candidate)
        done = []
        for each in chosen:
            say(f"Applying {each.name} to the whole of {study.spec.dataset.name}.")
            applied = apply_candidate(store, settings, study.spec, each, get_actor())
            for noun, job in applied.jobs:
                if no_wait:
                    say_under_way(noun, job, "waiting")
                else:
                    follow_to_end(store, settings, noun, job)
            if not no_wait:
                applied = find_applied(store, study.spec, each)
                if applied.audit is not None:
                    follow_to_end(store, settings, "audit", applied.audit.id, cancels=False)
                    applied = find_applied(store, study.spec, each)
                _show_applied(applied, each.p)
            done.append(applied)
        if len(chosen) > 1 and not no_wait:
            images, templates = done
            audit = attack_together(store, settings, images, templates, chosen[0], get_actor())
            follow_to_end(store, settings, "audit", audit.id, cancels=False)
            say("Attackers who hold both, the images and the protected templates:")
            say(*verdict_of_audit(store, store.audits.get(audit.id)).lines)
        write_json(
            json_file,
            {
                "schema": "facepriv.applied/1",
                "study_id": number,
                "candidates": [each.name for each in chosen],
                "run_ids": [each.run.id for each in done if each.run is not None],
                "audit_ids": [each.audit.id for each in done if each.audit is not None],
                "protection_ids": [trial.id for each in done for trial in each.protections],
            },
        )


@studies.command()
def stop(number: Number) -> None:
    """Stop a study; what was found so far is kept, and it can be resumed."""
    from facepriv.services.jobs import control

    with opened_store() as (store, _):
        state = control.cancel(store, "study", number, get_actor())
    say(f"Study {number} is {'stopping' if state == 'running' else state}.")


@studies.command()
def follow(number: Number) -> None:
    """Show the progress of a study until it ends; Ctrl+C does not stop it."""
    with opened_store() as (store, settings):
        follow_to_end(store, settings, "study", number, cancels=False)
        _show(store, number, None, False)


@studies.command()
def resume(number: Number, no_wait: NoWait = False) -> None:
    """Resume a study that was stopped or has failed; finished steps are kept."""
    from facepriv.services.jobs import control

    with opened_store() as (store, settings):
        state = store.studies.summary(number).state
        if state == "complete":
            raise FaceprivError(f"Study {number} is complete; there is nothing to resume.")
        ended = state in ("failed", "cancelled")
        if ended:
            state = control.resume(store, "study", number, get_actor())
        if no_wait:
            say_under_way("study", number, state)
            return
        follow_to_end(store, settings, "study", number, cancels=ended)
        _show(store, number, None, False)


@studies.command()
def log(number: Number) -> None:
    """Show the log of a study: what each step came to, what was lost, why it ended."""
    from facepriv.presentation.run_tables import log_rows

    with opened_store() as (store, _):
        lines = store.jobs.log(store.studies.job_id(number))
    show_table(f"Log of study {number}", log_rows(lines), none=f"Study {number} has no log yet.")


@studies.command()
def delete(
    number: Number, yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False
) -> None:
    """Permanently delete a study with its runs, their audits and images."""
    with opened_store() as (store, _):
        store.studies.get(number)
        if not yes:
            typer.confirm(f"Permanently delete study {number} with its runs?", abort=True)
        store.studies.delete(number)
        store.access.record(get_actor(), "study-deleted", f"study {number}")
    say(f"Deleted study {number}.")


def _show(store: Any, number: int, json_file: Any, full: bool) -> None:
    from facepriv.presentation.study_tables import time_left
    from facepriv.services.studies.preparing import study_document

    document = study_document(store, number)
    show_study(document, full=full, left=time_left(store.studies.summary(number), document.spec.seconds))
    if json_file is not None:
        write_text(json_file, document.model_dump_json(by_alias=True, indent=2))


def _show_applied(applied: Applied, p: float) -> None:
    """Show the verdict on what applies a candidate to everything, and the command that releases it."""
    from facepriv.presentation.verdict import trial_verdict
    from facepriv.services.audits.verdicts import verdict_of_release

    if applied.run is not None:
        say(*verdict_of_release(applied.run, applied.audit, p).lines)
        say(f"Release it with: facepriv release {applied.run.id} FOLDER")
    for trial in applied.protections:
        if trial.result is not None:
            say(*trial_verdict(trial.result, trial.spec).lines)
        limits = f"--most-accuracy {trial.spec.most_accuracy:g} --most-fnmr-loss {trial.spec.most_fnmr_loss:g}"
        say(
            f"Release them with: facepriv protect {trial.template_set_name} --method {trial.method} {limits} "
            "--out FOLDER"
        )


def show_study(document: StudyDocument, *, full: bool = False, left: str = "") -> None:
    """Show the verdict of a study, how long it will still take, its frontier and its confirmation."""
    from facepriv.presentation import study_tables as tables
    from facepriv.presentation.study_verdict import study_limits, study_sentences, study_symbol
    from facepriv.wording import duration

    first, *others = study_sentences(document)
    say(f"{study_symbol(document)} {first}", *others, study_limits(document.spec), "")
    say(
        f"Study {document.study_id} of {document.spec.dataset.name}, {document.state}: {document.people:,} people "
        f"searched with, {duration(document.seconds)} of {duration(document.spec.seconds)} spent. {left}".rstrip()
    )
    show_table("Frontier: least loss for each attacker (* recommended)", tables.frontier_rows(document))
    show_table("On people who had no part in the search", tables.confirmation_rows(document))
    if full:
        show_table("All candidates", tables.candidate_rows(document))
