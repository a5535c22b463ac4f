"""Ends of jobs that whoever asked for them has not looked at."""

from __future__ import annotations

from dataclasses import dataclass

from facepriv.services.jobs.kinds import KindWithTable, kinds
from facepriv.store import JobState, Store
from facepriv.types import Actor


@dataclass(frozen=True)
class Ended:
    """A job that has ended, or waits for somebody's word."""

    job_id: int
    kind: str
    number: int
    """Of the run, the audit, the protection or the study, or else the job's."""
    about: str
    """Name of the data set or template set."""
    state: JobState
    announced: bool


def list_ends(store: Store, actor: Actor) -> list[Ended]:
    """Return the ended jobs of a user that they have not looked at, newest first."""
    ends = []
    for job, announced in store.job_plans.unseen(actor):
        kind = kinds.create(job.kind)
        number, about = job.id, ""
        if isinstance(kind, KindWithTable):
            record = kind.table(store).of_job(job.id)
            number = record.id
            about = str(getattr(record, "dataset_name", getattr(record, "template_set_name", "")))
        else:
            about = str(getattr(kind.request.model_validate_json(job.request), "name", ""))
        ends.append(Ended(job.id, job.kind, number, about, job.state, announced))
    return ends


def see_all(store: Store, actor: Actor) -> None:
    """Note that a user knows of all ends."""
    for job, _ in store.job_plans.unseen(actor):
        store.job_plans.see(job.id)
