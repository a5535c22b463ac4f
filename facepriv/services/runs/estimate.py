"""Estimate how long a run takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from facepriv.config import Settings
from facepriv.perturb.base import Perturber
from facepriv.perturb.registry import make_method
from facepriv.registry import VALUE
from facepriv.schemas.requests import DEFAULT_LANDMARKER, RunRequest
from facepriv.schemas.runs import RunSpec
from facepriv.services.jobs.worker_pool import processes
from facepriv.services.models.catalogue import usable_matchers
from facepriv.services.runs.aims import choose_guides, choose_method
from facepriv.services.runs.preparing import landmarker_name
from facepriv.store import RunRecord, Store

PRIOR_EVALUATIONS = {"algorithm1": 1400, "colour-field": 400, "descent": 150, "mixing": 0, "semantic": 35}
"""Evaluations that one guide's image takes while nothing is known: means of first runs on the demo faces, rounded."""
OTHER_PRIOR_EVALUATIONS = 500
STOPPING_TIMES = {"matched": 3.5}
"""How many times as many a way of stopping takes that lies far out; ways not named take as many."""
EVALUATION_SECONDS = {"dlib-gender": 0.0003, "levi-hassner": 0.028, "dlib-age": 0.012, "levi-hassner-age": 0.028}
"""One evaluation: medians of 15 batches of two crops of a demo face, measured on a server with two x86-64 cores."""
OTHER_EVALUATION_SECONDS = 0.1
"""For guides not measured: large networks take about so long."""
EMBEDDING_SECONDS = {"sface": 0.025, "dlib-resnet": 0.06}
"""One template, measured likewise; `OTHER_EVALUATION_SECONDS` for others."""
GUARD_LOOKS = {"semantic": 35, "descent": 15}
"""Templates that an image takes from each matcher that the method heeds; methods not named heed none."""
OVERHEAD = 1.25
"""Time that a method takes for that of its evaluations."""
LOCATING_SECONDS = 0.15
"""What other landmarks than the detector's take an image, where they are not kept yet; Stasm's, measured likewise."""
JUDGING_SECONDS = 0.7
"""What every image takes besides its perturbing: finding its face again in the file and its versions, two classifiers
before and after, two matchers after; measured on the same server with demo faces."""
PANEL_SECONDS = 0.2
"""What the panel of processed versions takes, measured likewise."""
STARTING_SECONDS = 4.0
"""Importing libraries, checking and loading weights, in every process at once."""
LOOK_BACK = 20
"""Complete runs of the same method and guide whose parameters are looked at."""
ENOUGH_IMAGES = 50
"""Images of an earlier run from which on it tells what any number takes; below, starting and learning, which every run
pays once, would be counted for each image."""


@dataclass(frozen=True)
class Estimate:
    """How long a run will take, roughly."""

    seconds: float
    basis: str
    """What the figure rests on, in words."""


def estimate_run(store: Store, settings: Settings, request: RunRequest, images: int) -> Estimate:
    """Estimate the wall time of a run of so many images from an earlier run alike, else from tables of speeds.

    Cheap enough for every click on a page: it reads rows and computes no score and no image.
    Raises UnknownNameError, or BadInputError if a parameter is unknown or out of its range.
    """
    method = make_method(choose_method(request), request.parameters)
    guides, guards = choose_guides(request), _choose_guards(request, method)
    dataset_id = store.datasets.get(request.dataset).id
    like = [
        run
        for run in store.runs.list(states=("complete",), method=method.name, limit=10 * LOOK_BACK)
        if run.guide == guides[0] and run.attempts == 1
    ]
    # Images of one data set are alike; sorting is stable, so the newest run comes first among equals.
    for summary in sorted(like, key=lambda run: run.dataset_id != dataset_id)[:LOOK_BACK]:
        earlier = store.runs.get(summary.id)
        if earlier.result is None or earlier.result.images < min(images / 4, ENOUGH_IMAGES):
            continue
        if _is_whole(earlier) and _asks_as_much(earlier.spec, request, method, guides, guards):
            each = earlier.result.seconds / earlier.result.images
            return Estimate(each * images, f"run {earlier.id} took {each:.2f} s an image")
    return _from_tables(settings, request, method, guides, guards, images)


def _choose_guards(request: RunRequest, method: Perturber) -> Sequence[str]:
    """Return the guards as `prepare_run` chooses them, without looking whether the data set's subjects are people."""
    if request.guards is not None:
        return request.guards
    if not (method.kind == "visible" and method.uses_guards):
        return ()
    return usable_matchers() if request.matchers is None else request.matchers


def _asks_as_much(
    spec: RunSpec, request: RunRequest, method: Perturber, guides: Sequence[str], guards: Sequence[str]
) -> bool:
    """Return whether an image of an earlier run took as many evaluations and templates as one of this request."""
    return (
        spec.parameters == method.parameters.model_dump(mode="json")
        and tuple(ref.name for ref in spec.guides) == tuple(dict.fromkeys(guides))
        and {ref.name for ref in spec.guards} == set(guards)
        and tuple(ref.name for ref in spec.keep) == tuple(dict.fromkeys(request.keep))
        and landmarker_name(spec) == request.landmarker
    )


def estimate_each_image(request: RunRequest) -> float:
    """Return the seconds that one image takes one process, by tables of speeds alone; raises as `estimate_run`."""
    method = make_method(choose_method(request), request.parameters)
    return _each_image(request, method, choose_guides(request), _choose_guards(request, method))[0]


def _from_tables(
    settings: Settings,
    request: RunRequest,
    method: Perturber,
    guides: Sequence[str],
    guards: Sequence[str],
    images: int,
) -> Estimate:
    each_image, basis = _each_image(request, method, guides, guards)
    return Estimate(STARTING_SECONDS + images * each_image / processes(settings), basis)


def _each_image(
    request: RunRequest, method: Perturber, guides: Sequence[str], guards: Sequence[str]
) -> tuple[float, str]:
    # What is kept is asked about as often as a guide.
    names = (*dict.fromkeys(guides), *request.keep)
    asked = [EVALUATION_SECONDS.get(name.partition(VALUE)[0], OTHER_EVALUATION_SECONDS) for name in names]
    each_evaluation = sum(asked) / len(asked)
    stopping = str(getattr(method.parameters, "stopping", ""))
    evaluations = PRIOR_EVALUATIONS.get(method.name, OTHER_PRIOR_EVALUATIONS) * len(asked)
    evaluations = round(evaluations * STOPPING_TIMES.get(stopping, 1.0))
    templates = sum(EMBEDDING_SECONDS.get(name, OTHER_EVALUATION_SECONDS) for name in guards)
    looks = templates * GUARD_LOOKS.get(method.name, 0)
    each_image = (evaluations * each_evaluation + looks) * OVERHEAD + JUDGING_SECONDS + PANEL_SECONDS * request.panel
    if request.landmarker != DEFAULT_LANDMARKER:
        each_image += LOCATING_SECONDS
    basis = (
        f"no run like it yet: about {1000 * each_evaluation:.1f} ms an evaluation, {evaluations:,} evaluations "
        f"an image, {'asking matchers, ' if looks else ''}and judging it"
    )
    return each_image, basis + ("; learning comes on top" if method.learns else "")


def _is_whole(run: RunRecord) -> bool:
    """Return whether the computation that is counted is the whole run, not only what was left after a restart."""
    if run.result is None or not run.result.judged or run.started_at is None or run.finished_at is None:
        return False
    return run.result.seconds >= 0.5 * (run.finished_at - run.started_at).total_seconds() - 5.0
