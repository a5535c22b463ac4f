"""Plan how long a run will take, stage by stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from facepriv.config import Settings
from facepriv.measures.compute import LANDMARKS, SCORE, TEMPLATE
from facepriv.perturb.base import JUDGING, Perturber, judging_work
from facepriv.perturb.registry import make_method
from facepriv.schemas.plans import JobPlan
from facepriv.schemas.requests import DEFAULT_LANDMARKER, RunRequest
from facepriv.schemas.runs import RunSpec
from facepriv.services.datasets.identities import why_not_matched
from facepriv.services.jobs.planning import Stage, make_plan
from facepriv.services.jobs.speeds import (
    PANEL,
    Piece,
    alone,
    get_speeds,
    perturbing_seconds,
    rest,
)
from facepriv.services.jobs.worker_pool import processes
from facepriv.services.models.catalogue import usable_classifiers, usable_matchers
from facepriv.services.runs.aims import choose_guides, choose_method
from facepriv.services.runs.job import LEARNING, LOCATING, PERTURBING, SUMMING_UP
from facepriv.services.runs.learning import (
    DEMO,
    DEMO_FACES,
    DEMO_IMAGES,
    ENOUGH,
    FOLDS,
    PLENTY,
    learning_work,
)
from facepriv.services.runs.preparing import landmarker_name
from facepriv.stopwatch import piece
from facepriv.store import Store

EACH_JUDGED = 0.7
"""Seconds that an image takes besides its perturbing, where only settings are compared with each other."""
PANEL_SECONDS, LOCATING_SECONDS = 0.2, 0.15


@dataclass(frozen=True)
class RunWork:
    """What a run has to do, by names."""

    method: Perturber
    guides: Sequence[str]
    kept: Sequence[str]
    guards: Sequence[str]
    classifiers: Sequence[str]
    matchers: Sequence[str]
    landmarker: str
    panel: bool
    images: int
    lessons: Sequence[int]
    """Images that are learnt from, each time."""
    from_demo: int
    """How often the faces of the demo set have to be found first."""


def estimate_run(store: Store, settings: Settings, request: RunRequest, images: int) -> JobPlan:
    """Plan a run of so many images before it is prepared.

    Cheap enough for every click on a page: it reads rows and computes no score and no image.
    Raises UnknownNameError, or BadInputError if a parameter is unknown or out of its range.
    """
    method = make_method(choose_method(request), request.parameters)
    record = store.datasets.get(request.dataset)
    guides, guards = choose_guides(request), choose_guards(request, method)
    classifiers = usable_classifiers() if request.classifiers is None else request.classifiers
    matchers = usable_matchers() if request.matchers is None and why_not_matched(record) is None else request.matchers
    counts = store.datasets.counts(record.id)
    people = counts.subjects // 4
    source = request.learn_from or (FOLDS if people >= ENOUGH else DEMO)
    demo = source == DEMO or (source == FOLDS and method.learns_averages and people < PLENTY)
    work = RunWork(
        method=method,
        guides=guides,
        kept=request.keep,
        guards=guards,
        classifiers=(*guides, *request.keep, *classifiers, *request.jury),
        matchers=(*(matchers or ()), *guards),
        landmarker=request.landmarker,
        panel=request.panel,
        images=images,
        lessons=_lessons(store, method, source, counts.images, demo=demo),
        from_demo=(2 if source == FOLDS else 1) * demo * method.learns,
    )
    return plan_work(store, settings, record.id, work)


def plan_run(store: Store, settings: Settings, spec: RunSpec) -> JobPlan:
    """Plan a run that was prepared."""
    method = make_method(spec.method, spec.parameters)
    source = spec.learn_from
    demo = source is not None and (source.demo or source.source == DEMO)
    kind = "" if source is None else source.dataset.name if source.dataset is not None else source.source
    images = store.datasets.counts(spec.dataset.id).images
    work = RunWork(
        method=method,
        guides=[ref.name for ref in spec.guides],
        kept=[ref.name for ref in spec.keep],
        guards=[ref.name for ref in spec.guards],
        classifiers=[ref.name for ref in spec.classifiers],
        matchers=[ref.name for ref in spec.matchers],
        landmarker=landmarker_name(spec),
        panel=spec.panel,
        images=len(spec.image_ids),
        lessons=_lessons(store, method, kind, images, demo=demo),
        from_demo=(2 if kind == FOLDS else 1) * demo * method.learns,
    )
    return plan_work(store, settings, spec.dataset.id, work)


def choose_guards(request: RunRequest, method: Perturber) -> Sequence[str]:
    """Return the guards as `prepare_run` chooses them, without looking whether the data set's subjects are people."""
    if request.guards is not None:
        return request.guards
    if not (method.kind == "visible" and method.uses_guards):
        return ()
    return usable_matchers() if request.matchers is None else request.matchers


def _lessons(store: Store, method: Perturber, source: str, images: int, *, demo: bool) -> Sequence[int]:
    if not method.learns:
        return ()
    if source == DEMO:
        return (DEMO_IMAGES,)
    if source == FOLDS:
        return (images // 2 + demo * DEMO_IMAGES,) * 2
    return (store.datasets.counts(store.datasets.get(source).id).images,)


def plan_work(store: Store, settings: Settings, dataset_id: int, work: RunWork) -> JobPlan:
    """Plan what a run on a data set has to do; what is known of its images already is not computed again."""
    usable, pixels = store.datasets.extent(dataset_id)
    known = store.measures.counts(dataset_id)
    images = work.images

    def unknown(name: str, of: int) -> float:
        return of * (1.0 - min(1.0, known.get(name, 0) / max(usable, 1)))

    def measured(kind: str, name: str, steps: float) -> Piece:
        return Piece.of(piece(kind, name), steps, pixels)

    locating = []
    if work.landmarker != DEFAULT_LANDMARKER:
        locating = [measured(LANDMARKS, work.landmarker, unknown(f"{LANDMARKS}:{work.landmarker}", usable))]
    learning = [
        Piece.of(learning_work(work.method.name, work.guides, work.guards), 1, number) for number in work.lessons
    ]
    if work.from_demo:
        learning.append(Piece.of(DEMO_FACES, work.from_demo))
    names = {SCORE: list(dict.fromkeys(work.classifiers)), TEMPLATE: list(dict.fromkeys(work.matchers))}
    before = [measured(kind, name, unknown(f"{kind}:{name}", images)) for kind, each in names.items() for name in each]
    after = [
        measured(kind, name, images)
        for kind, each in names.items()
        for name in each
        if kind != SCORE or name not in work.guides
    ]
    changing = [Piece.of(work.method.work(work.guides, work.kept, work.guards), images, pixels)]
    changing.append(Piece.of(judging_work(JUDGING, work.guides), images, pixels))
    if work.panel:
        changing.append(Piece.of(judging_work(PANEL, work.guides), images, pixels))
    stages = [
        *([Stage(LOCATING, tuple(locating), usable)] if locating else []),
        *([Stage(LEARNING, tuple(learning))] if learning else []),
        Stage(PERTURBING, (*before, *changing, *after), images),
        Stage(SUMMING_UP, (alone("run", images),), 1, pooled=False),
    ]
    return make_plan(get_speeds(store), stages, rest=rest("run"), width=processes(settings))


def estimate_each_image(request: RunRequest) -> float:
    """Return the seconds that one image takes one process at the reference speed, to tell settings apart.

    It depends on nothing that was measured here, so that a study's spec is the same on every machine. Raises as
    `estimate_run`.
    """
    method = make_method(choose_method(request), request.parameters)
    names = (*dict.fromkeys(choose_guides(request)), *request.keep)
    stopping = str(getattr(method.parameters, "stopping", ""))
    seconds = perturbing_seconds(method.name, names, choose_guards(request, method), stopping)
    return (
        seconds
        + EACH_JUDGED
        + PANEL_SECONDS * request.panel
        + LOCATING_SECONDS * (request.landmarker != DEFAULT_LANDMARKER)
    )
