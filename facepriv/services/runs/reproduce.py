"""Repeat the paper's experiments on a data set as stored runs, and compare them with what it published."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from facepriv.audit.reproduction.comparison import reproduction
from facepriv.audit.reproduction.experiments import ExperimentRun, ImageOutcome
from facepriv.config import Settings
from facepriv.errors import BadInputError
from facepriv.schemas.reproductions import CANDIDATES, Candidates, Experiment, Reproduction, Slot
from facepriv.schemas.requests import DEFAULT_GUIDE, SECOND_GUIDE, RunRequest
from facepriv.schemas.runs import PHASES, RunSpec
from facepriv.services.jobs.submit import submit
from facepriv.services.runs.estimate import plan_run
from facepriv.services.runs.preparing import find_same_run, prepare_run
from facepriv.services.runs.scores import compute_scores
from facepriv.store import ImageRecord, RunRecord, Store
from facepriv.types import GENDERS, Actor
from facepriv.wording import count

GUIDE_A, GUIDE_B = DEFAULT_GUIDE, SECOND_GUIDE
MIXING = "mixing"
METHODS: dict[Experiment, str] = {"by-a": "algorithm1", "by-b": "algorithm1", "mixing": MIXING}
FEWEST_SUBJECTS = 2
"""Of either label, so that there is a candidate of the same label who is another person."""


@dataclass(frozen=True)
class Planned:
    """One run that the paper's experiments need."""

    experiment: Experiment
    candidates: Candidates
    request: RunRequest
    spec: RunSpec
    known: RunRecord | None
    """A run that did this very job before, or is at it."""

    @property
    def done(self) -> bool:
        """Whether nothing is left to compute."""
        return self.known is not None and self.known.result is not None


def plan(
    store: Store, request: RunRequest, *, guide_a: str = DEFAULT_GUIDE, guide_b: str = SECOND_GUIDE
) -> list[Planned]:
    """Prepare all runs: guided by A, guided by B, mixing; each with candidates of either kind.

    Parameters
    ----------
    request
        Data set, images, matchers that judge, landmarks, seed, and parameters of Algorithm 1 other than the paper's;
        methods, guides and classifiers are the experiments' own.

    Raises
    ------
    UnknownNameError
        If the data set or a model does not exist.
    ModelUnavailableError
        If a model's weights are missing.
    BadInputError
        With code ``same-guides`` if both guides are one, ``unlabelled`` if an image has no label, ``too-few-subjects``
        if fewer than `FEWEST_SUBJECTS` subjects of either label have a usable face.
    """
    if guide_a == guide_b:
        raise BadInputError(
            f"Two different classifiers were expected, but both are {guide_a}; the paper's experiments ask what images "
            "made to fool one do to another.",
            code="same-guides",
        )
    record = store.datasets.get(request.dataset)
    _check_labels(record.name, store.datasets.images(record.id, failed=False))
    planned = []
    for experiment, method in METHODS.items():
        guide = guide_b if experiment == "by-b" else guide_a
        for candidates in CANDIDATES:
            wanted = request.model_copy(
                update={
                    "aim": None,
                    "method": method,
                    "parameters": {**({} if method == MIXING else request.parameters), "candidates": candidates},
                    "guides": (guide,),
                    "classifiers": (guide_a, guide_b),
                }
            )
            spec = prepare_run(store, wanted)
            planned.append(Planned(experiment, candidates, wanted, spec, find_same_run(store, spec)))
    chosen = store.datasets.images(record.id, ids=planned[0].spec.image_ids)
    _check_labels(record.name, [image for image in chosen if image.failure is None])
    return planned


def _check_labels(name: str, images: Sequence[ImageRecord]) -> None:
    unlabelled = sum(image.label is None for image in images)
    if unlabelled:
        raise BadInputError(
            f"A gender label for every image was expected, but {count(unlabelled, 'usable image')} of {name} "
            f"{'has' if unlabelled == 1 else 'have'} none; import the data set with labels, or without these images.",
            code="unlabelled",
        )
    subjects = {word: len({i.subject for i in images if i.label == label}) for word, label in GENDERS.items()}
    if min(subjects.values()) < FEWEST_SUBJECTS:
        raise BadInputError(
            f"Usable faces of at least {FEWEST_SUBJECTS} subjects of either label were expected, but those taken of "
            f"{name} show {subjects['female']} labelled female and {subjects['male']} labelled male; choose a data set "
            "with more, or take more images.",
            code="too-few-subjects",
        )


@dataclass(frozen=True)
class Expected:
    """How long repeating the experiments will take."""

    low: float
    high: float
    """Seconds, at least and at most."""
    basis: str


def estimate(store: Store, settings: Settings, planned: Sequence[Planned]) -> Expected:
    """Estimate how long all that is not known yet will take."""
    left = [run for run in planned if not run.done]
    plans = [plan_run(store, settings, run.spec) for run in left]
    return Expected(
        sum(plan.low for plan in plans),
        sum(plan.high for plan in plans),
        f"{count(len(left), 'run')} to compute, {count(len(planned) - len(left), 'run')} known already",
    )


def reproduce(
    store: Store,
    settings: Settings,
    planned: Sequence[Planned],
    *,
    actor: Actor,
    execute: Callable[[int], object],
) -> Reproduction:
    """See all runs through, one after the other, and compare them with the paper.

    Raises BadInputError with code ``run-not-complete`` if a run did not come to its end.

    Parameters
    ----------
    planned
        As `plan` gives them. Runs that are known and complete are not computed again.
    actor
        Who starts those that are not, for the access log.
    execute
        Sees the run of that id through to its end; called once for each run that is not complete.
    """
    guides = {run.experiment: run.spec.guide.name for run in planned}
    classifiers: dict[Slot, str] = {"a": guides["by-a"], "b": guides["by-b"]}
    runs = []
    for needed in planned:
        run = needed.known or submit(store, settings, needed.request, actor)
        if run.result is None:
            execute(run.id)
            run = store.runs.get(run.id)
        runs.append(_experiment(store, needed, run))
    spec = planned[0].spec
    return reproduction(
        spec.dataset,
        runs,
        classifiers=classifiers,
        seed=spec.seed,
        landmarker=None if spec.landmarker is None else spec.landmarker.name,
    )


def _experiment(store: Store, planned: Planned, run: RunRecord) -> ExperimentRun:
    if run.result is None:
        raise BadInputError(
            f"All runs of the paper's experiments were expected to be complete, but run {run.id} is {run.state}"
            f"{f': {run.error}' if run.error else ''}; start it again.",
            code="run-not-complete",
        )
    images = store.datasets.images(run.dataset_id, ids=run.spec.image_ids)
    scores = compute_scores(store, run)
    records = {record.image_id: record for record in store.runs.outcomes(run.id)}
    outcomes = []
    for image in images:
        outcome = records[image.id]
        before, after = (
            {name: score for (name, at), score in scores[image.id].items() if at == phase} for phase in PHASES
        )
        outcomes.append(
            ImageOutcome(
                image_id=image.id,
                subject=image.subject,
                label=image.label,
                updates=outcome.updates or 0,
                success=bool(outcome.success),
                anchors=len(outcome.anchors),
                before=before,
                after=after,
            )
        )
    return ExperimentRun(
        experiment=planned.experiment,
        candidates=planned.candidates,
        run_id=run.id,
        method=run.method,
        guide=run.guide,
        result=run.result,
        images=outcomes,
    )
