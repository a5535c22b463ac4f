"""Queue runs and audits, and follow them to their end."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from facepriv.cli.output import error_console, fitted, progress, say, write_json
from facepriv.cli.store import get_actor, opened_store
from facepriv.config import Settings
from facepriv.errors import FaceprivError
from facepriv.schemas.requests import AuditRequest, Request, RunRequest

if TYPE_CHECKING:
    from facepriv.store import (
        AuditStore,
        AuditSummary,
        JobState,
        ProtectionStore,
        ProtectionSummary,
        RunStore,
        RunSummary,
        Store,
        StudyStore,
        StudySummary,
    )


def with_executor(settings: Settings, executor: str | None, scheduler: str | None) -> Settings:
    """Return settings that compute where the options say."""
    if executor not in (None, "processes", "dask"):
        raise typer.BadParameter(f"Expected processes or dask, got {executor!r}.", param_hint="--executor")
    update = {"executor": executor, "scheduler": scheduler}
    settings = settings.model_copy(update={name: value for name, value in update.items() if value is not None})
    if settings.executor == "dask" and not settings.scheduler:
        raise typer.BadParameter(
            "--executor dask needs the address of a scheduler, such as tcp://10.0.0.1:8786.",
            param_hint="--scheduler",
        )
    if executor is not None:
        from facepriv.services.jobs.worker_pool import make_pool

        # A cluster that is not there is told before anything is queued.
        with make_pool(settings) as pool:
            _ = pool.width
    return settings


def submit_or_ask(store: Store, settings: Settings, request: Request, *, again: bool) -> Any:
    """Put a job into the queue, say how long it will take, and return its record.

    Where just this was asked for before, and is done or is to be, a person at a terminal is asked whether it is to be
    done again; a script is told and gets what it asked for.
    """
    from facepriv.errors import SameJobError
    from facepriv.services.jobs.kinds import kinds
    from facepriv.services.jobs.submit import submit
    from facepriv.wording import some_time

    try:
        record = submit(store, settings, request, get_actor(), again=again)
    except SameJobError as error:
        typer.echo(fitted(str(error)), err=True)
        asks = sys.stdin.isatty() and sys.stderr.isatty()
        if asks and not typer.confirm("Do the same again?", err=True):
            raise typer.Exit(0) from error
        if not asks:
            typer.echo("It is done again, as asked for; --again says so without this line.", err=True)
        record = submit(store, settings, request, get_actor())
    plan = store.job_plans.get(kinds.create(request.kind).job_id(store, record.id))
    if plan is not None:
        typer.echo(fitted(f"It will take {some_time(plan.low, plan.high)} ({plan.basis})."), err=True)
    return record


def submit_and_show(
    request: RunRequest | AuditRequest,
    show: Callable[[Store, int, Path | None], object],
    *,
    again: bool,
    no_wait: bool,
    executor: str | None,
    scheduler: str | None,
    json_file: Path | None,
) -> None:
    """Queue a run or an audit, follow it to its end and show it; with ``no_wait`` only say that it is queued."""
    from facepriv.services.datasets.identities import why_not_matched

    with opened_store() as (store, settings):
        settings = with_executor(settings, executor, scheduler)
        record = submit_or_ask(store, settings, request, again=again)
        why = why_not_matched(store.datasets.get(record.dataset_id))
        if why is not None:
            say(why)
        if no_wait:
            say_under_way(request.kind, record.id, "waiting")
            write_json(json_file, {"schema": "facepriv.queued/1", f"{request.kind}_id": record.id})
            return
        follow_to_end(store, settings, request.kind, record.id, executor)
        show(store, record.id, json_file)


def say_under_way(noun: str, number: int, state: JobState) -> None:
    """Say in what state a run or an audit is, and how to follow it."""
    what = "waits for a worker" if state == "waiting" else f"is {state}"
    option = str(number) if noun == "run" else f"--{noun} {number}"
    say(f"{noun.capitalize()} {number} {what}. Follow it with: facepriv follow {option}")


def follow_to_end(
    store: Store, settings: Settings, noun: str, number: int, executor: str | None = None, *, cancels: bool = True
) -> None:
    """Follow a run or an audit to its end; with an executor of its own, do it from here.

    Ctrl+C cancels it if this command put it into the queue (``cancels``), else it ends the following only.
    """
    from facepriv.services.jobs import control

    queue = queue_of(store, noun)
    with progress(f"{noun.capitalize()} {number}") as report:
        try:
            if executor is not None and not work_here(settings, queue.job_id(number), report):
                say(f"Another worker has already taken {noun} {number} and computes it.")
            watch(queue, settings, number, report)
        except KeyboardInterrupt:
            if not cancels:
                raise
            control.cancel(store, noun, number, get_actor())
            error_console().print(
                f"{noun.capitalize()} {number} cancelled. Finished work is kept; resume with: "
                f"facepriv resume {number if noun == 'run' else f'--{noun} {number}'}"
            )
            raise
    record = queue.get(number)
    if record.result is None:
        why = f": {record.error}" if record.error else ". Resume it or start it again."
        raise FaceprivError(f"{noun.capitalize()} {number} is {record.state}{why}")


def queue_of(store: Store, noun: str) -> RunStore | AuditStore | ProtectionStore | StudyStore:
    """Return the table of the jobs of a kind."""
    from facepriv.services.jobs.kinds import KindWithTable, kinds

    kind = kinds.create(noun)
    assert isinstance(kind, KindWithTable)
    return kind.table(store)


def work_here(settings: Settings, job_id: int, report: Any, kinds: Collection[str] | None = None) -> bool:
    """Do a waiting job in this process, and return whether no other worker has taken it."""
    from facepriv.services.jobs.worker import run_worker

    def show(_: int, stage: str, done: int, total: int) -> None:
        report(done, total, stage)

    return run_worker(settings, kinds=kinds, job_id=job_id, on_progress=show) > 0


def watch(
    queue: RunStore | AuditStore | ProtectionStore | StudyStore, settings: Settings, number: int, report: Any
) -> RunSummary | AuditSummary | ProtectionSummary | StudySummary:
    """Show the progress of a run, an audit or a protection until it ends, and return how it ended."""
    from facepriv.services.jobs.following import follow

    for now in follow(queue, settings, number):
        report(now.done, now.total, now.stage or now.state, now.pace(datetime.now(UTC)))
    return now
