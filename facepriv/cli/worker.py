"""`facepriv worker`."""

from __future__ import annotations

import math
import sys
from typing import Annotated

import typer

from facepriv.cli.execution import with_executor
from facepriv.cli.options import Scheduler


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

    from facepriv.config import get_settings
    from facepriv.services.jobs.local_worker import serve_local
    from facepriv.services.jobs.worker import run_worker
    from facepriv.store import open_store

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    settings = get_settings() if apart else with_executor(get_settings(), executor, scheduler)
    # On SIGTERM, give the job back, so that another worker continues at once instead of waiting for the lease to end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if not local:
        job_id = None
        if run is not None:
            with open_store(settings) as store:
                job_id = store.runs.job_id(run)
        run_worker(settings, job_id=job_id, until_idle=until_idle, ready=ready)
    elif not serve_local(settings, parent=parent, apart=apart, until_idle=until_idle, linger=linger, ready=ready):
        typer.echo("Another worker already serves this data folder.")
