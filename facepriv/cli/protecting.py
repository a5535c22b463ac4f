"""`facepriv protections` and `protect`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facepriv.cli.execution import follow_to_end, say_under_way
from facepriv.cli.options import Executor, NoWait, Scheduler, with_fields
from facepriv.cli.output import Full, JsonFile, only, say, show_table, write_json, write_text
from facepriv.cli.store import get_actor, opened_store
from facepriv.config import get_settings
from facepriv.schemas.requests import ProtectionRequest
from facepriv.wording import count

if TYPE_CHECKING:
    from facepriv.schemas.protections import ProtectionDocument
    from facepriv.store import Store

TRIALS_SHOWN = 50


def protections(full: Full = False, json_file: JsonFile = None) -> None:
    """List the protections of templates, what each needs and who can undo it, and the trials there are."""
    from facepriv.presentation.protection_tables import protection_rows, trial_row
    from facepriv.presentation.verdict import trial_verdict

    with opened_store() as (store, _):
        trials = [store.protections.get(trial.id) for trial in store.protections.list(limit=TRIALS_SHOWN)]
    listed = [
        {**trial_row(trial), "Verdict": trial_verdict(trial.result, trial.spec).short if trial.result else trial.state}
        for trial in trials
    ]
    of_trials = ("Protection", "Verdict", "Templates", "Method")
    show_table("Trials, newest first", listed if full else only(listed, *of_trials))
    rows = protection_rows()
    of_protections = ("Protection", "What it does", "Label at enrolment", "Key")
    show_table("Protections of templates", rows if full else only(rows, *of_protections))
    write_json(
        json_file,
        {
            "schema": "facepriv.protections/1",
            "protections": [{key.lower().replace(" ", "_"): value for key, value in row.items()} for row in rows],
            "trials": [
                {"protection_id": trial.id, "templates": trial.template_set_name, "method": trial.method}
                | {"state": trial.state, "error": trial.error}
                for trial in trials
            ],
        },
    )


@with_fields(
    ProtectionRequest,
    only=[
        "method",
        "parameters",
        "others",
        "fit_on",
        "learn_from",
        "attackers",
        "most_accuracy",
        "most_fnmr_loss",
        "wrong_guesses",
        "partings",
        "seed",
    ],
)
def protect(
    fields: dict[str, Any],
    dataset: Annotated[str, typer.Argument(help="Name of a template set, or of a data set of images.")],
    matcher: Annotated[
        list[str] | None,
        typer.Option(
            help="For images: matcher whose templates are made and protected; repeatable. Default: all usable."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="New or empty folder for the protected templates and the map; one a matcher.")
    ] = None,
    file_format: Annotated[
        str | None, typer.Option("--format", help="With --out: npz, csv or parquet. Default: as the templates came.")
    ] = None,
    keep_as: Annotated[
        str | None,
        typer.Option(help="Keep the protected templates as a template set of this name; one a matcher."),
    ] = None,
    key: Annotated[
        Path | None, typer.Option(help="Key file of an earlier release, so that its people keep their draws.")
    ] = None,
    key_file: Annotated[
        Path | None,
        typer.Option(help="File for the key, mode 0600. Default: beside the folder of --out; without one, no file."),
    ] = None,
    every: Annotated[bool, typer.Option("--every-attack", help="Also show each attacker in each state.")] = False,
    full: Full = False,
    no_wait: NoWait = False,
    executor: Executor = None,
    scheduler: Scheduler = None,
    json_file: JsonFile = None,
) -> None:
    """Take gender out of templates: judge a protection by what attackers still learn, and write what to release."""
    from facepriv.cli.execution import with_executor
    from facepriv.services.jobs.submit import submit
    from facepriv.services.protections.documents import protect_report, protection_document
    from facepriv.services.protections.of_images import find_template_sets

    if no_wait and (out, keep_as) != (None, None):
        raise typer.BadParameter(
            "Nothing can be written with --out or kept with --keep-as before the trial is complete; omit --no-wait."
        )
    with opened_store() as (store, settings):
        settings = with_executor(settings, executor, scheduler)
        sets = find_template_sets(store, dataset, matcher, get_actor())
        documents = []
        for record in sets:
            named = {name: str(fields[name]) for name in ("fit_on", "learn_from") if name in fields}
            others = {name: _of_matcher(store, other, record.matcher) for name, other in named.items()}
            values: dict[str, Any] = fields | others | {"templates": record.id}
            trial = submit(store, settings, ProtectionRequest(**values), get_actor(), once=not no_wait)
            if no_wait:
                say_under_way("protection", trial.id, "waiting")
                continue
            if trial.result is None:
                follow_to_end(store, settings, "protection", trial.id, executor)
            document = protection_document(store, trial.id)
            show_protection(document, every=every or full, full=full)
            secret, target = key, key_file
            if out is not None:
                folder = out if len(sets) == 1 else out / record.name
                # What is kept then has the draws of what was released.
                secret, target = _release(store, trial.id, folder, file_format, key, key_file) or key, None
            if keep_as is not None:
                name = keep_as if len(sets) == 1 else f"{keep_as}-{record.matcher or record.id}"
                _keep(store, trial.id, name, secret, target)
            documents.append(document)
        if documents and json_file is not None:
            write_text(json_file, protect_report(documents).model_dump_json(by_alias=True, indent=2))


def show_protection(document: ProtectionDocument, *, every: bool = False, full: bool = False) -> None:
    """Show the verdict of a trial, its tables, and what no protection of templates covers."""
    from facepriv.presentation import protection_tables as tables
    from facepriv.presentation.protection_findings import NOT_COVERED, protection_findings
    from facepriv.presentation.verdict import trial_verdict

    spec, chosen = document.spec, document.chosen
    say(*trial_verdict(document, spec).lines)
    say(
        f"Protection {document.protection_id}: {spec.method} of {spec.templates.name}, "
        f"{count(chosen.templates, 'template')} of {chosen.people:,} people with a label.",
        protection_findings(document.untouched, chosen),
    )
    outcome = tables.outcome_rows(document)
    short = ("Protection", "Strongest attacker", "Right", "More lost at most")
    show_table("What attackers learn, and what recognition loses", outcome if full else only(outcome, *short))
    if full:
        show_table(f"Matching with {spec.method}", tables.matching_rows(chosen))
    if every:
        for audit in (document.untouched, *document.protected):
            show_table(f"Every attacker: {tables.audit_title(audit)}", tables.attack_rows(audit))
    for name, why in document.failed.items():
        say(f"Not tried: {name}. {why}")
    if not full:
        say("Everything else: the same command with --full")
    say("Not covered by any protection of templates:", *(f"  - {what}" for what in NOT_COVERED))


def _release(
    store: Store, number: int, folder: Path, file_format: str | None, key: Path | None, key_file: Path | None
) -> Path | None:
    """Write a release, and return the file of its key, if it has one."""
    from facepriv.services.protections.release import read_key, write_protected
    from facepriv.services.sharing.signing_off import refuse_unsigned_templates

    refuse_unsigned_templates(get_settings())
    released = write_protected(
        store,
        number,
        folder,
        actor=get_actor(),
        suffix=None if file_format is None else f".{file_format.removeprefix('.')}",
        key=None if key is None else read_key(key),
        key_file=key_file,
    )
    say(f"Wrote {count(released.templates, 'protected template')} to {released.file}, with the map beside it.")
    if released.key_file is not None:
        say(
            f"The key is in {released.key_file}, readable only by you. Keep it apart from the release: new records are "
            "enrolled with it."
        )
    return released.key_file


def _keep(store: Store, number: int, name: str, key: Path | None, key_file: Path | None) -> None:
    from facepriv.services.protections.keeping import keep_protected
    from facepriv.services.protections.release import read_key

    secret = None if key is None else read_key(key)
    kept = keep_protected(store, number, name, actor=get_actor(), key=secret, key_file=key_file)
    say(f"Kept {count(kept.record.templates, 'protected template')} as the template set {kept.record.name}.")
    if kept.key is None or key is not None:
        return
    if key_file is not None:
        say(f"The key is in {key_file}, readable only by you.")
    else:
        say("Its key was not written, so nobody can be enrolled in it later; --key-file writes it.")


def _of_matcher(store: Store, named: str, matcher: str) -> str | int:
    """Return the template set that was named, or the one made of the data set that was named by this matcher."""
    from facepriv.schemas.requests import FOLDS
    from facepriv.services.protections.of_images import find_template_sets

    if named == FOLDS:
        return named
    return find_template_sets(store, named, [matcher], get_actor())[0].id
