"""`facepriv serve`, `worker` and `demo`."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from facepriv.cli.execution import follow_to_end, with_executor
from facepriv.cli.importing import show_import
from facepriv.cli.options import Scheduler
from facepriv.cli.output import JsonFile, progress, say, show_table
from facepriv.cli.protecting import show_protection
from facepriv.cli.results import show_audit, show_run, write_model
from facepriv.cli.store import get_actor, opened_store, private_scratch
from facepriv.config import get_settings

if TYPE_CHECKING:
    from facepriv.store import Store


def serve(
    port: Annotated[int, typer.Option(help="Port on this machine.")] = 8501,
    address: Annotated[
        str, typer.Option(help="Address to listen on; any but a loopback address needs FACEPRIV_PUBLIC_URL.")
    ] = "127.0.0.1",
    auth: Annotated[
        bool,
        typer.Option("--auth/--no-auth", help="Ask users to sign in; otherwise only a loopback address is allowed."),
    ] = True,
) -> None:
    """Serve the dashboard on this machine to the users added with `facepriv user add`."""
    import os

    from facepriv.resources import root

    command = [sys.executable, str(root() / "app.py"), "--port", str(port), "--address", address]
    command += [] if auth else ["--no-auth"]
    sys.stdout.flush()
    sys.stderr.flush()
    # The server takes this process's place, so that whatever ends this command ends the server.
    os.execv(command[0], command)


def worker(
    until_idle: Annotated[bool, typer.Option("--until-idle", help="Stop once no job waits.")] = False,
    run: Annotated[int | None, typer.Option(help="Do only this run, if it waits, and stop.")] = None,
    executor: Annotated[str | None, typer.Option(help="Where to compute: processes, or dask.")] = None,
    scheduler: Scheduler = None,
    local: Annotated[bool, typer.Option("--local", hidden=True)] = False,
    parent: Annotated[int | None, typer.Option(hidden=True)] = None,
    linger: Annotated[float, typer.Option(hidden=True)] = math.inf,
    ready: Annotated[bool, typer.Option("--ready", hidden=True)] = False,
    apart: Annotated[bool, typer.Option("--apart", hidden=True)] = False,
) -> None:
    """Do waiting jobs until stopped. Any number of workers, on any machines, can serve one database."""
    import logging
    import signal

    from facepriv.services.jobs.local_worker import serve_local
    from facepriv.services.jobs.worker import run_worker
    from facepriv.store import open_store

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    settings = get_settings() if apart else with_executor(get_settings(), executor, scheduler)
    # On SIGTERM, give the job back, so that another worker continues at once instead of waiting for the lease to end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with private_scratch(make=True):
        if not local:
            job_id = None
            if run is not None:
                with open_store(settings) as store:
                    job_id = store.runs.job_id(run)
            run_worker(settings, job_id=job_id, until_idle=until_idle, ready=ready)
        elif not serve_local(settings, parent=parent, apart=apart, until_idle=until_idle, linger=linger, ready=ready):
            typer.echo("Another worker already serves this data folder.")


DEMO_USER = "demo"
DEMO_IMAGES_UNSEEN = 80
"""Of the demo's 120 images, so that the demo takes less than eight minutes, and FNMR at FMR 0.1 % can still be told."""


def demo(
    serve_after: Annotated[bool, typer.Option("--serve/--no-serve", help="Serve the dashboard afterwards.")] = True,
    port: Annotated[int, typer.Option(help="Port on this machine.")] = 8501,
    auth: Annotated[bool, typer.Option("--auth/--no-auth", help="Ask users of the dashboard to sign in.")] = True,
    json_file: JsonFile = None,
) -> None:
    """Perturb 60 synthetic subjects for both aims and by the paper's method, audit them, protect their templates."""
    from facepriv.perturb.registry import PAPER_METHOD
    from facepriv.presentation.run_tables import comparison_rows
    from facepriv.schemas.requests import AuditRequest, ProtectionRequest, RunRequest
    from facepriv.services.datasets.importing import DEMO, import_demo
    from facepriv.services.jobs.following import LINGER_SECONDS
    from facepriv.services.jobs.local_worker import ensure_worker
    from facepriv.services.jobs.submit import submit
    from facepriv.services.protections.documents import protection_document
    from facepriv.services.protections.of_images import find_template_sets

    with opened_store() as (store, settings):
        ensure_worker(settings, linger=LINGER_SECONDS, ready=True)
        if DEMO not in {record.name for record in store.datasets.list()}:
            with progress("Importing the demo faces") as report:
                show_import(import_demo(store, settings, on_progress=report))
        numbers = []
        # The first aim's run comes last: it is audited, written as JSON, and the newest on every page.
        for request in (
            RunRequest(dataset=DEMO, method=PAPER_METHOD),
            RunRequest(dataset=DEMO, aim="guide"),
            RunRequest(dataset=DEMO, aim="unseen", limit=DEMO_IMAGES_UNSEEN),
        ):
            run = submit(store, settings, request, get_actor(), once=True)
            if run.result is None:
                follow_to_end(store, settings, "run", run.id)
            else:
                say(f"Run {run.id} is the same as before and is shown again.")
            numbers.append(run.id)
        documents = [show_run(store, number) for number in numbers]
        show_table("Side by side", comparison_rows([(f"Run {run.run_id}", run.spec, run) for run in documents]))
        audit = submit(store, settings, AuditRequest(run=numbers[-1]), get_actor(), once=True)
        if audit.result is None:
            follow_to_end(store, settings, "audit", audit.id)
        show_audit(store, audit.id)
        for templates in find_template_sets(store, DEMO, None, get_actor()):
            trial = submit(store, settings, ProtectionRequest(templates=templates.id), get_actor(), once=True)
            if trial.result is None:
                follow_to_end(store, settings, "protection", trial.id)
            show_protection(protection_document(store, trial.id))
        write_model(json_file, documents[-1])
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
    added = add_user(store, DEMO_USER, "admin", actor=get_actor())
    say(f"Sign in to the dashboard as {DEMO_USER} with the password {added.password}")
    say(f"It is shown only once. For a new one: facepriv user password {DEMO_USER}")
