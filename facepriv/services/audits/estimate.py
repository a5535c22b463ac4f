"""Plan how long an audit will take, stage by stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from facepriv.audit.attackers.registry import attackers
from facepriv.audit.leak.policy_draws import PROPORTIONS, number_of_draws
from facepriv.config import Settings
from facepriv.measures.compute import APPEARANCE, RESIDUALS, RESTORED, RESTORING, SCORE, TEMPLATE, TEXTURE
from facepriv.schemas.audits import AuditSpec
from facepriv.schemas.plans import JobPlan
from facepriv.schemas.requests import AUTO, AuditRequest
from facepriv.services.audits.evidence import WITHOUT_FILTERS
from facepriv.services.audits.job import (
    ATTACKING,
    MEASURING,
    PREPARING,
    SUMMING_UP,
    attack_work,
    name_work,
)
from facepriv.services.datasets.identities import why_not_matched
from facepriv.services.jobs.planning import Stage, make_plan
from facepriv.services.jobs.speeds import Piece, alone, get_speeds, rest
from facepriv.services.jobs.worker_pool import processes
from facepriv.services.models.catalogue import usable_classifiers, usable_matchers
from facepriv.stopwatch import piece
from facepriv.store import Store


@dataclass(frozen=True)
class AuditWork:
    """What an audit has to do, by names."""

    name: str
    """What the stopwatch calls it."""
    run_id: int | None
    images: int
    attackers: Sequence[str]
    classifiers: Sequence[str]
    matchers: Sequence[str]
    attempts: int
    """Draws of releases on which an attacker tries in short what it tries in full on others."""
    full_attempts: int
    filters: bool
    """Whether classifiers also score filtered images."""
    elsewhere: tuple[int, int | None, int] | None = None
    """Data set, run and number of images that the attackers learn from instead."""


def estimate_audit(store: Store, settings: Settings, request: AuditRequest) -> JobPlan:
    """Plan an audit before it is prepared: it reads rows, and loads no model and no image.

    Raises UnknownNameError if its data set or run does not exist.
    """
    run = None if request.run is None else store.runs.summary(request.run)
    record = store.datasets.get(request.dataset or "" if run is None else run.dataset_id)
    images = store.datasets.counts(record.id).images if run is None else run.images
    matchers = request.matchers
    if matchers is None:
        matchers = tuple(usable_matchers()) if why_not_matched(record) is None else ()
    fixed = None if request.p == AUTO else float(request.p)
    short, full = (0, 1) if run is None else _count_attempts(PROPORTIONS, fixed, request.draws, guessed=1)
    work = AuditWork(
        name="audit" if run is None else "audit of a run",
        run_id=request.run,
        images=min(images, request.limit or images),
        attackers=attackers.names() if request.attackers is None else request.attackers,
        classifiers=usable_classifiers() if request.classifiers is None else request.classifiers,
        matchers=matchers,
        attempts=short,
        full_attempts=full,
        filters=True,
    )
    return plan_work(store, settings, record.id, work)


def plan_audit(store: Store, settings: Settings, spec: AuditSpec) -> JobPlan:
    """Plan an audit that was prepared."""
    short, full = 0, 1
    if spec.run_id is not None:
        grid = {0.0, *spec.proportions} if spec.proportions else set(PROPORTIONS)
        short, full = _count_attempts(sorted(grid), spec.p, spec.draws, guessed=0 if spec.proportions else 1)
    if spec.brief:
        short, full = short + full, 0
    people = spec.learn_from
    work = AuditWork(
        name=name_work(spec),
        run_id=spec.run_id,
        images=len(spec.image_ids),
        attackers=spec.attackers,
        classifiers=[ref.name for ref in spec.classifiers],
        matchers=[ref.name for ref in spec.matchers],
        attempts=short,
        full_attempts=full,
        filters=not (spec.brief and WITHOUT_FILTERS.issuperset(spec.attackers)),
        elsewhere=None if people is None else (people.dataset.id, people.run_id, len(people.image_ids)),
    )
    return plan_work(store, settings, spec.dataset.id, work)


def _count_attempts(grid: Sequence[float], fixed: float | None, draws: int, *, guessed: int) -> tuple[int, int]:
    """Count the draws of releases on which each attacker is tried in short, and in full.

    Of the proportion that is best against the simplest attacker, ``guessed``, only the audit itself learns which it is;
    one that is chosen among all is tried again on draws of its own.
    """
    proportions = sorted({*grid, *([] if fixed is None else [fixed])})
    full = {p for p in proportions if p in (0.0, 1.0, fixed)}
    short = sum(number_of_draws(p, draws) for p in proportions if p not in full)
    mix = draws if fixed is None else 0
    return short + guessed * draws + mix, sum(number_of_draws(p, draws) for p in full)


def plan_work(store: Store, settings: Settings, dataset_id: int, work: AuditWork) -> JobPlan:
    """Plan what an audit of a data set has to do; what is known of its images already is not measured again."""
    measuring = _measuring(store, dataset_id, work.run_id, work.images, work)
    if work.elsewhere is not None:
        measuring += _measuring(store, *work.elsewhere, work)
    attacks = [
        Piece.of(attack_work(name, in_full=in_full), number, work.images)
        for name in work.attackers
        for number, in_full in ((work.attempts, False), (work.full_attempts, True))
        if number
    ]
    tries = len(work.attackers) * (work.attempts + work.full_attempts)
    files = round(max((each.steps for each in measuring), default=0))
    stages = [
        Stage(MEASURING, tuple(measuring), files),
        Stage(PREPARING, (), 1, pooled=False),
        Stage(ATTACKING, tuple(attacks), tries),
        Stage(SUMMING_UP, (alone(work.name, work.images),), 1, pooled=False),
    ]
    return make_plan(get_speeds(store), stages, rest=rest(work.name), width=processes(settings))


def _measuring(store: Store, dataset_id: int, run_id: int | None, images: int, work: AuditWork) -> list[Piece]:
    """Return what is to be measured of images as they are and, of a run, as it left them."""
    usable, pixels = store.datasets.extent(dataset_id)
    names = [(SCORE, name) for name in work.classifiers] + [(TEMPLATE, name) for name in work.matchers]
    names += [(kind, "facepriv") for kind in (RESIDUALS, APPEARANCE, TEXTURE)]
    names += [(RESTORED, name) for name in work.classifiers if work.filters]
    pieces = []
    phases = [(store.measures.counts(dataset_id), usable)]
    if run_id is not None:
        phases.append((store.measures.counts(dataset_id, run_id), images))
    for known, of in phases:
        unknown = {
            (kind, name): images
            * (1.0 - min(1.0, known.get(kind if name == "facepriv" else f"{kind}:{name}", 0) / max(of, 1)))
            for kind, name in names
        }
        pieces += [Piece.of(piece(*named), steps, pixels) for named, steps in unknown.items() if steps > 0]
        restored = max((steps for (kind, _), steps in unknown.items() if kind == RESTORED), default=0.0)
        if restored > 0:
            pieces.append(Piece.of(RESTORING, restored, pixels))
    return pieces
