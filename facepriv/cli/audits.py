"""`facepriv audit`, `audits` and `policy`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facepriv.cli.execution import follow_to_end, submit_and_show
from facepriv.cli.options import Again, Executor, NoWait, Scheduler, with_fields
from facepriv.cli.output import Full, JsonFile, only, say, show_table, write_json
from facepriv.cli.releasing import Key, KeyFile, release_images
from facepriv.cli.results import show_audit
from facepriv.cli.store import get_actor, opened_store
from facepriv.schemas.requests import AUTO, AuditRequest

if TYPE_CHECKING:
    from facepriv.config import Settings
    from facepriv.policy.minimax import MinimaxPolicy
    from facepriv.store import Store


@with_fields(AuditRequest)
def audit(
    fields: dict[str, Any],
    *,
    variants: Annotated[bool, typer.Option("--variants", help="Also show each means of each attacker.")] = False,
    list_attackers: Annotated[bool, typer.Option("--attackers", help="List the attackers and exit.")] = False,
    full: Full = False,
    again: Again = False,
    no_wait: NoWait = False,
    executor: Executor = None,
    scheduler: Scheduler = None,
    json_file: JsonFile = None,
) -> None:
    """Measure what attackers learn about gender from a database as it is, or after a run."""
    if list_attackers:
        from facepriv.presentation.audit_tables import attacker_rows

        rows = attacker_rows()
        show_table("Attackers", rows if full else only(rows, "Attacker", "In plain words"))
        return
    if ("dataset" in fields) == ("run" in fields):
        raise typer.BadParameter("Name a data set, or a run with --run, but not both.")
    submit_and_show(
        AuditRequest(**fields),
        partial(show_audit, variants=variants, full=full),
        again=again,
        no_wait=no_wait,
        executor=executor,
        scheduler=scheduler,
        json_file=json_file,
    )


def audits(
    json_file: JsonFile = None,
    limit: Annotated[int, typer.Option(help="Number of audits to list.")] = 50,
    full: Full = False,
) -> None:
    """List the stored audits with their verdicts, newest first."""
    from facepriv.presentation.audit_rows import audit_row

    with opened_store() as (store, _):
        records = [store.audits.get(summary.id) for summary in store.audits.list(limit=limit)]
    listed = [audit_row(audit) for audit in records]
    show_table(
        "Audits: how often the strongest attacker is right at most",
        listed if full else only(listed, "Audit", "Verdict", "Data set", "Run", "Right at most"),
        none="There is no audit yet. Start one with `facepriv audit DATASET`.",
    )
    rows = [
        {
            "audit_id": audit.id,
            "dataset": audit.dataset_name,
            "run_id": audit.run_id,
            "images": audit.images,
            "state": audit.state,
            "error": audit.error,
            "headlines": [line.model_dump(mode="json") for line in audit.result.headlines] if audit.result else [],
        }
        for audit in records
    ]
    write_json(json_file, {"schema": "facepriv.audits/1", "audits": rows})


@with_fields(
    AuditRequest,
    only=["p", "against", "classifiers", "select_by", "most_fnmr_loss", "learn_from"],
)
def policy(
    fields: dict[str, Any],
    run: Annotated[int, typer.Argument(help="Number of a complete run.")],
    with_run: Annotated[
        list[int] | None,
        typer.Option("--with", help="Another run on the same images, to mix guides; repeatable."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="New or empty folder, or new .zip, for the mixed database (unmarked, original names)."),
    ] = None,
    sees: Annotated[str, typer.Option(help="With --with: attackers see the sign or the score.")] = "score",
    key: Key = None,
    key_file: KeyFile = None,
    full: Full = False,
    json_file: JsonFile = None,
) -> None:
    """Choose how many images to perturb against the strongest attacker, and write the database to release.

    With one run, the proportion comes from an audit of it, which is made if there is none; with several, from a linear
    programme over the classifiers that judged them all.
    """
    from facepriv.presentation.verdict import not_attacked
    from facepriv.services.audits.verdicts import verdict_of_release
    from facepriv.services.releases.guide_mix import guide_mix, run_title

    request = AuditRequest(run=run, **fields)
    with opened_store() as (store, settings):
        if with_run:
            if request.p != AUTO or request.most_fnmr_loss is not None:
                raise typer.BadParameter("With several runs the proportions are computed; omit --p and --floor.")
            if sees not in ("sign", "score"):
                raise typer.BadParameter(f"Expected sign or score, got {sees!r}.")
            mix = guide_mix(store, [run, *with_run], sees="sign" if sees == "sign" else "score")
            numbers = {run_title(store.runs.get(number)): number for number in dict.fromkeys([run, *with_run])}
            shares = {numbers[name]: part for name, part in mix.weights.items() if name in numbers}
            _show_mix(mix)
            document: dict[str, Any] = {"schema": "facepriv.policy/1", "shares": mix.weights, "p": mix.p}
            document |= {"accuracies": mix.accuracies, "sentence": mix.sentence}
            verdict, audit_id = not_attacked("mixed images"), None
        else:
            shares, document = _audited_policy(store, settings, request, full=full)
            audit_id = document["audit_id"]
            verdict = verdict_of_release(store.runs.get(run), store.audits.get(audit_id), shares[run])
        shown = " ".join(f"run {number}: {share:.6g}" for number, share in shares.items())
        store.access.record(get_actor(), "policy-decided", f"run {run}", shown)
        if out is None:
            say("To write the database, add --out FOLDER, or release it with `facepriv release`.")
        else:
            release_images(
                store,
                settings,
                shares,
                out,
                select_by=request.select_by,
                verdict=verdict.sentence,
                audit_id=audit_id,
                key=key,
                key_file=key_file,
            )
        write_json(json_file, document)


def _audited_policy(
    store: Store, settings: Settings, request: AuditRequest, *, full: bool
) -> tuple[dict[int, float], dict[str, Any]]:
    """Return the proportion from an audit of the run, the newest that fits or a new one, and its document."""
    from facepriv.services.jobs.submit import submit

    record = submit(store, settings, request, get_actor(), once=True)
    if record.result is None:
        follow_to_end(store, settings, "audit", record.id)
    policy = show_audit(store, record.id, full=full).policy
    if record.result is not None:
        say(f"Using audit {record.id} of run {request.run}.")
    assert policy is not None
    assert request.run is not None
    document = {"schema": "facepriv.policy/1", "audit_id": record.id, **policy.model_dump(mode="json")}
    return {request.run: policy.p}, document


def _show_mix(mix: MinimaxPolicy) -> None:
    from facepriv.presentation.audit_tables import holder_rows, share_rows

    say(mix.sentence)
    show_table("Where each image comes from", share_rows(mix))
    show_table(
        "How often an attacker with one classifier is right (in brackets: with a mix tuned against it only)",
        holder_rows(mix),
    )
