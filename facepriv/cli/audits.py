"""`facepriv audit` and `audits`."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import typer

from facepriv.cli.execution import submit_and_show
from facepriv.cli.options import Executor, NoWait, Scheduler, with_fields
from facepriv.cli.output import JsonFile, show_table, write_json
from facepriv.cli.results import show_audit
from facepriv.cli.store import opened_store
from facepriv.schemas.requests import AuditRequest


@with_fields(AuditRequest)
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
    submit_and_show(
        AuditRequest(**fields),
        partial(show_audit, variants=variants),
        no_wait=no_wait,
        executor=executor,
        scheduler=scheduler,
        json_file=json_file,
    )


def audits(
    json_file: JsonFile = None, limit: Annotated[int, typer.Option(help="Number of audits to list.")] = 50
) -> None:
    """List the stored audits, newest first."""
    from facepriv.presentation.audit_tables import audit_row

    with opened_store() as (store, _):
        records = [store.audits.get(summary.id) for summary in store.audits.list(limit=limit)]
    show_table(
        "Audits: how often the strongest attacker is right at most",
        [audit_row(audit) for audit in records],
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
