"""Queue runs and audits, and follow them to their end."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from facepriv.cli.json_files import write_json
from facepriv.cli.printing import error_console, progress, say
from facepriv.cli.store import get_actor
from facepriv.errors import FaceprivError

if TYPE_CHECKING:
    from facepriv.config import Settings
    from facepriv.schemas.runs import RunResult
    from facepriv.store import AuditStore, JobState, RunStore, Store


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


def say_queued(noun: str, number: int, json_file: Path | None) -> None:
    """Tell what was put into the queue, and write its number as JSON."""
    say_under_way(noun, number, "waiting")
    write_json(json_file, {"schema": "facepriv.queued/1", f"{noun}_id": number})


def say_under_way(noun: str, number: int, state: JobState) -> None:
    """Tell in what state a run or an audit is, and how to follow it."""
    what = "waits for a worker" if state == "waiting" else f"is {state}"
    option = f"--audit {number}" if noun == "audit" else str(number)
    say(f"{noun.capitalize()} {number} {what}. Follow it with: facepriv follow {option}")


def say_if_not_matched(store: Store, dataset_id: int) -> None:
    """Tell why no matcher will judge a data set's images, where that is so."""
    from facepriv.services.datasets.identities import why_not_matched

    why = why_not_matched(store.datasets.get(dataset_id))
    if why is not None:
        say(why)


def follow_to_end(
    store: Store,
    queue: RunStore | AuditStore,
    settings: Settings,
    noun: str,
    number: int,
    executor: str | None = None,
    *,
    cancels: bool = True,
) -> None:
    """Follow a run or an audit to its end; with an executor of its own, do it from here.

    Ctrl+C cancels it if this command put it into the queue (``cancels``), else it ends the following only.
    """
    from facepriv.services.jobs import control
    from facepriv.services.jobs.following import follow

    with progress(f"{noun.capitalize()} {number}") as report:
        try:
            if executor is not None:
                _do_here(settings, queue.job_id(number), f"{noun} {number}", report)
            for now in follow(queue, settings, number):
                report(now.done, now.total, now.stage or now.state, now.pace(datetime.now(UTC)))
        except KeyboardInterrupt:
            if not cancels:
                raise
            control.cancel(store, noun, number, get_actor())
            error_console().print(
                f"{noun.capitalize()} {number} cancelled. Finished work is kept; resume with: "
                f"facepriv resume {number if noun == 'run' else f'--audit {number}'}"
            )
            raise
    record = queue.get(number)
    if record.result is None:
        why = f": {record.error}" if record.error else ". Resume it or start it again."
        raise FaceprivError(f"{noun.capitalize()} {number} is {record.state}{why}")


def _do_here(settings: Settings, job_id: int, title: str, report: Any) -> None:
    from facepriv.services.jobs.worker import run_worker

    if not run_worker(settings, job_id=job_id, on_progress=lambda _, stage, done, total: report(done, total, stage)):
        say(f"Another worker has already taken {title} and computes it.")


def execute(store: Store, settings: Settings, run_id: int, executor: str | None = None) -> RunResult:
    """Follow a run to its end and give its result."""
    follow_to_end(store, store.runs, settings, "run", run_id, executor)
    result = store.runs.get(run_id).result
    assert result is not None
    return result
