"""`facepriv audit` and `audits`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from facepriv.cli.audit_results import show_audit, write_audit
from facepriv.cli.execution import follow_to_end, say_if_not_matched, say_queued, with_executor
from facepriv.cli.json_files import JsonFile, write_json
from facepriv.cli.options import Executor, NoWait, Scheduler, with_fields
from facepriv.cli.printing import say, show_table
from facepriv.cli.store import get_actor, opened_store
from facepriv.schemas.requests import AuditRequest


@with_fields(
    AuditRequest,
    arguments=["dataset"],
    names={
        "attackers": "--attacker",
        "classifiers": "--classifier",
        "matchers": "--matcher",
        "most_fnmr_loss": "--floor",
    },
)
def audit(
    fields: dict[str, Any],
    *,
    variants: Annotated[bool, typer.Option("--variants", help="Also show each means of each attacker.")] = False,
    list_attackers: Annotated[bool, typer.Option("--attackers", help="List the attackers and exit.")] = False,
    no_wait: NoWait = False,
    executor: Executor = None,
    scheduler: Scheduler = None,
    json_file: JsonFile = None,
) -> None:
    """Measure what attackers learn about gender from a database as it is, or after a run."""
    if list_attackers:
        from facepriv.presentation.audit_tables import attacker_rows

        show_table("Attackers", attacker_rows())
        return
    if ("dataset" in fields) == ("run" in fields):
        raise typer.BadParameter("Name a data set, or a run with --run, but not both.")
    from facepriv.services.jobs.submit import submit

    request = AuditRequest(**fields)
    with opened_store() as (store, given):
        settings = with_executor(given, executor, scheduler)
        record = submit(store, settings, request, get_actor())
        say_if_not_matched(store, record.dataset_id)
        if no_wait:
            say_queued("audit", record.id, json_file)
            return
        follow_to_end(store, store.audits, settings, "audit", record.id, executor)
        show_audit(store, record.id, variants=variants)
        write_audit(json_file, store, record.id)


def audits(
    json_file: JsonFile = None, limit: Annotated[int, typer.Option(help="Number of audits to list.")] = 50
) -> None:
    """List the stored audits, newest first."""
    with opened_store() as (store, _):
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
        say("There is no audit yet. Start one with `facepriv audit DATASET`.")
    else:
        from facepriv.presentation.audit_tables import audit_row

        show_table("Audits: how often the strongest attacker is right at most", [audit_row(one) for one in found])
    write_json(json_file, {"schema": "facepriv.audits/1", "audits": rows})
