"""`facepriv demo`: everything on synthetic faces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from facepriv.cli.audit_results import show_audit
from facepriv.cli.execution import execute, follow_to_end
from facepriv.cli.importing import show_import
from facepriv.cli.json_files import JsonFile
from facepriv.cli.printing import progress, say
from facepriv.cli.results import compare, show_result, write_run
from facepriv.cli.serving import serve
from facepriv.cli.store import get_actor, opened_store

if TYPE_CHECKING:
    from facepriv.store import Store

DEMO_USER = "demo"


def demo(
    serve_after: Annotated[bool, typer.Option("--serve/--no-serve", help="Serve the dashboard afterwards.")] = True,
    port: Annotated[int, typer.Option(help="Port on this machine.")] = 8501,
    auth: Annotated[bool, typer.Option("--auth/--no-auth", help="Ask users of the dashboard to sign in.")] = True,
    json_file: JsonFile = None,
) -> None:
    """Import 60 synthetic subjects, perturb them with the recommended method and the paper's, and audit the result."""
    from facepriv.perturb.registry import DEFAULT_METHOD, PAPER_METHOD
    from facepriv.schemas.requests import AuditRequest, RunRequest
    from facepriv.services.datasets.importing import DEMO, import_demo
    from facepriv.services.jobs.following import LINGER_SECONDS
    from facepriv.services.jobs.local_worker import ensure_worker
    from facepriv.services.jobs.submit import submit_once

    with opened_store() as (store, settings):
        ensure_worker(settings, linger=LINGER_SECONDS, ready=True)
        if DEMO not in {record.name for record in store.datasets.list()}:
            with progress("Importing the demo faces") as report:
                show_import(import_demo(store, settings, on_progress=report))
        done = []
        for method in dict.fromkeys((PAPER_METHOD, DEFAULT_METHOD)):
            run = submit_once(store, settings, RunRequest(dataset=DEMO, method=method), get_actor())
            if run.result is not None:
                say(f"Run {run.id} is the same as before and is shown again.")
            done.append((run.id, run.spec, run.result or execute(store, settings, run.id)))
        for run_id, spec, result in done:
            show_result(run_id, spec, result)
        if len(done) > 1:
            compare(done)
        audit = submit_once(store, settings, AuditRequest(run=done[-1][0]), get_actor())
        if audit.result is None:
            follow_to_end(store, store.audits, settings, "audit", audit.id)
        show_audit(store, audit.id)
        # The recommended method's run comes last: the one written as JSON, and the newest on every page.
        write_run(json_file, store, done[-1][0])
        if auth:
            _add_demo_user(store)
    if serve_after:
        serve(port=port, auth=auth)


def _add_demo_user(store: Store) -> None:
    """Add a demo user, unless there are users already; its password is shown only once."""
    from facepriv.services.accounts.users import add_user

    if store.users.list():
        say("Sign in to the dashboard as an existing user (list them with: facepriv user list)")
        return
    added = add_user(store, DEMO_USER, "auditor", actor=get_actor())
    say(f"Sign in to the dashboard as {DEMO_USER} with the password {added.password}")
    say(f"It is shown only once. For a new one: facepriv user password {DEMO_USER}")
