"""Plans of jobs: stages made of pieces of work, how long each will take, and how much is left of a job under way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from facepriv.schemas.plans import JobPlan, PlannedStage
from facepriv.services.jobs.speeds import Piece, Speeds, share_known
from facepriv.store.records import JobProgress

SPREAD_KNOWN, SPREAD_UNKNOWN = 1.2, 1.5
"""By how many times the truth may be off either way where all, or nothing, was measured on this installation."""
STARTS_COUNT = 0.1
"""Share of a stage's steps that what was promised counts for, beside what the steps done took."""
LEAST_STARTS = 4.0
"""So many steps at least, since the first ones come several at once."""
STEPS_TOOK = 0.1
"""Share of the time spent that the steps took at least, where starting took less than promised."""
OVERDUE = 0.2
"""Share of the time already spent that is still expected of what takes longer than promised."""
MEASURED, PARTLY, UNMEASURED = (
    "by what earlier jobs took here",
    "partly by what earlier jobs took here, partly by figures of another machine",
    "by figures of another machine, since nothing like it was done here yet",
)


@dataclass(frozen=True)
class Stage:
    """A stage that is to be planned."""

    name: str
    pieces: tuple[Piece, ...]
    steps: int = 0
    """What its progress counts."""
    pooled: bool = True
    """Whether processes share the work; else the worker does it alone."""


def make_plan(speeds: Speeds, stages: Sequence[Stage], *, rest: Piece, width: int) -> JobPlan:
    """Return the plan of a job whose processes are so many.

    What a job takes besides its pieces, such as starting processes and loading models, comes before its first pooled
    stage with anything to do.
    """
    planned: list[PlannedStage] = []
    begin = speeds.seconds(rest.what, rest.steps, rest.scale)
    for stage in stages:
        seconds = sum(speeds.seconds(each.what, each.steps, each.scale) for each in stage.pieces)
        longest = max((speeds.seconds(p.what, p.steps, p.scale) / max(p.steps, 1.0) for p in stage.pieces), default=0.0)
        if stage.pooled:
            # The last ones under way are not shared any more.
            seconds = max(seconds / width, min(seconds, longest))
        fixed = 0.0
        if seconds > 0 and begin > 0:
            fixed, begin = begin, 0.0
        planned.append(PlannedStage(stage=stage.name, steps=stage.steps, fixed=fixed, seconds=seconds + fixed))
    pieces = [each for stage in stages for each in stage.pieces] + [rest]
    known = share_known(speeds, pieces)
    spread = SPREAD_KNOWN + (SPREAD_UNKNOWN - SPREAD_KNOWN) * (1.0 - known)
    seconds = sum(stage.seconds for stage in planned) + begin
    basis = MEASURED if known > 0.9 else PARTLY if known > 0.1 else UNMEASURED
    return JobPlan(stages=tuple(planned), low=seconds / spread, high=seconds * spread, basis=basis)


def seconds_left(plan: JobPlan, job: JobProgress, now: datetime) -> float | None:
    """Return how much longer a job will take, all its stages together; None for one that is not under way.

    What its first steps took corrects what was promised of the stage under way and, half as much, of those after it.
    """
    if job.state == "waiting":
        return plan.seconds
    if job.state != "running":
        return None
    place = next((i for i, stage in enumerate(plan.stages) if stage.stage == job.stage), None)
    if place is None or job.stage_since is None:
        begun = job.started_at or job.created_at
        return _at_least(plan.seconds - (now - begun).total_seconds(), (now - begun).total_seconds())
    stage = plan.stages[place]
    spent = max(0.0, (now - job.stage_since).total_seconds())
    done, total = max(0, job.done - job.stage_from), max(0, job.total - job.stage_from)
    computing = max(stage.seconds - stage.fixed, 1e-6)
    times = 1.0
    if total > 0 and stage.steps > 1:
        each = computing / max(stage.steps, total)
        starts = max(LEAST_STARTS, STARTS_COUNT * total)
        # Of what it took, that before the first step is not of the steps.
        steps_took = max(spent - stage.fixed, STEPS_TOOK * spent)
        times = (starts * each + steps_took) / (starts + done) / each
        here = times * each * (total - done)
    else:
        here = _at_least(stage.seconds - spent, spent)
    later = sum(each.seconds for each in plan.stages[place + 1 :])
    return here + later * (1.0 + times) / 2


def _at_least(left: float, spent: float) -> float:
    return max(left, OVERDUE * spent, 1.0)
