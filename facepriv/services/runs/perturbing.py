"""Perturb single images in the processes of a run, and measure each as it was and as it is stored."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from facepriv.errors import FaceprivError, StoreBusyError, StoreError
from facepriv.imaging.panel import PANEL_VERSIONS
from facepriv.imaging.quality import psnr_db, ssim
from facepriv.measures.compute import SCORE, TEMPLATE, Measure, compute_each, pixels_of
from facepriv.measures.faults import log_fault, unexpected
from facepriv.measures.landmarks import Points
from facepriv.measures.stored_faces import face_of
from facepriv.perturb.base import find_side, judge_versions, judging_work
from facepriv.schemas.runs import NOT_FLIPPED, STOP_TITLES, Phase, RunSpec
from facepriv.services.jobs.pool_process import Job
from facepriv.services.jobs.speeds import PANEL
from facepriv.services.runs.attributes import UNLABELLED_NOTE
from facepriv.services.runs.learning import get_learned
from facepriv.services.runs.process import RunInProcess, get_run
from facepriv.stopwatch import timed
from facepriv.store.measures import Vector
from facepriv.store.records import FailureStage, RunImage
from facepriv.types import GENDER, Face, PerturbFailure, PerturbResult

UNREADABLE, UNEXPECTED, PROCESS_LOST = "unreadable-artifact", "unexpected-error", "process-lost"
FAULTS = frozenset([UNREADABLE, UNEXPECTED, PROCESS_LOST])
"""Codes of failures that no property of the image explains; where all images fail so, the run does."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PerturbTask:
    """One image of a run that is still to be perturbed."""

    image_id: int
    position: int
    learned: str | None = None
    """Hash of what was learnt from others, for a method that learns."""
    unknown: tuple[Measure, ...] = ()
    """Measures of the untouched image that are still to be computed."""


@dataclass(frozen=True, eq=False)
class PerturbedImage:
    """What became of an image, and its measures."""

    image: RunImage
    measures: Mapping[Phase, Mapping[str, Vector]] = field(default_factory=dict)
    """By phase and name; of the untouched image those that were not known, of the perturbed one all."""


def list_measures(spec: RunSpec) -> tuple[Measure, ...]:
    """Return the measures of a run's images, before and after."""
    return (
        *(Measure(SCORE, classifier) for classifier in spec.classifiers),
        *(Measure(TEMPLATE, matcher) for matcher in spec.matchers),
    )


def perturb_in_process(job: Job, tasks: Sequence[PerturbTask]) -> list[PerturbedImage]:
    """Call `perturb` in a worker's process."""
    run = get_run(job)
    return [perturb(run, task) for task in tasks]


def perturb(run: RunInProcess, task: PerturbTask) -> PerturbedImage:
    """Perturb one image and measure it before and after, each file decoded once.

    A fault at this image, such as a damaged file or an error inside a plug-in, is this image's failure.

    Raises StoreError if the perturbed image cannot be stored, which no other could be either, or the store is away.
    """
    start = time.perf_counter()
    measures: dict[Phase, dict[str, Vector]] = {}
    try:
        image, png = _perturb(run, task, measures)
    except StoreBusyError:
        # An artifact store that is away is no fault of this image.
        raise
    except Exception as error:
        code, sentence = _fault(error)
        log_fault(_log, f"Image {task.image_id} could not be perturbed", error)
        image, png = _failed(task, code, sentence), None
        measures.pop("after", None)
    sha256 = None if png is None else run.artifacts.put(png)
    return PerturbedImage(replace(image, artifact_sha256=sha256, seconds=time.perf_counter() - start), measures)


def _perturb(
    run: RunInProcess, task: PerturbTask, measures: dict[Phase, dict[str, Vector]]
) -> tuple[RunImage, bytes | None]:
    """Return what became of an image and the file to be stored, and add its measures."""
    record = run.images[task.image_id]
    face = replace(face_of(record, run.pixels(record)), mesh=_points_of(run, task.image_id))
    measures["before"] = _measure(face, task.unknown)
    (result,) = run.method(
        [face],
        run.guides,
        gallery=run.gallery,
        seed=run.spec.seed,
        positions=[task.position],
        guards=run.guards,
        learned=None if task.learned is None else get_learned(run, task.learned),
        keep=run.keep,
    )
    if isinstance(result, PerturbFailure):
        return _failed(task, result.code, result.sentence), None
    if result.file_face is not None:
        measures["after"] = _measure(result.file_face, list_measures(run.spec), result.file_scores)
    survived = dict(result.survived)
    if run.spec.panel:
        sides = [find_side(face, guide) for guide in run.guides]
        with timed(judging_work(PANEL, [guide.name for guide in run.guides]), pixels_of(face)):
            survived |= judge_versions(face, run.guides, sides, result.pixels, PANEL_VERSIONS)
    return _run_image(run.spec, task, face, result, survived), result.png


def _measure(face: Face, measures: Iterable[Measure], scores: Mapping[str, float] | None = None) -> dict[str, Vector]:
    """Return measures of a face; a matcher that fails gives no template, a classifier's fault is the image's."""
    known = scores or {}
    vectors = {
        measure.name: np.array([known[measure.model.name]]) if measure.model.name in known else measure.compute(face)
        for measure in measures
        if measure.kind == SCORE
    }
    return vectors | compute_each(face, [measure for measure in measures if measure.kind != SCORE])


def _run_image(
    spec: RunSpec, task: PerturbTask, face: Face, result: PerturbResult, survived: Mapping[str, bool]
) -> RunImage:
    after = result.file_face
    unlabelled = spec.attribute != GENDER and face.label is None
    changed = bool((result.pixels != face.pixels).any())
    failure = _failure_after(result.stop, after, result.success, drawn=result.target is not None)
    return RunImage(
        image_id=task.image_id,
        position=task.position,
        candidate_image_id=None if result.candidate_id is None else int(result.candidate_id),
        updates=result.updates,
        evaluations=result.evaluations,
        stop=result.stop,
        success=result.success,
        file_score=result.file_score,
        anchors=result.anchors,
        trajectory=result.trajectory,
        psnr_db=psnr_db(face.pixels, result.pixels, face.box) if changed else None,
        ssim=ssim(face.pixels, result.pixels, face.box) if changed else None,
        failure=failure[0] if failure else None,
        failure_stage=failure[1] if failure else None,
        failure_sentence=failure[2] if failure else None,
        after_box=None if after is None else after.box,
        after_landmarks=None if after is None else after.landmarks,
        fixed_score=result.fixed_score,
        survived=survived,
        notes=(*result.notes, UNLABELLED_NOTE) if unlabelled else result.notes,
    )


def _points_of(run: RunInProcess, image_id: int) -> Points | None:
    """Return the points that the run's landmarker found in an image; None for a run without one."""
    if run.spec.landmarker is None:
        return None
    points = run.points.get(image_id)
    if points is None:
        raise FaceprivError(
            f"The landmarks {run.spec.landmarker.name} of this image were expected, but a fault has left none; "
            "look at what the worker logged, or start a run with the landmarks dlib-68."
        )
    return points


def lost_image(task: PerturbTask) -> RunImage:
    """Return the outcome of an image at which its process was lost again and again."""
    return _failed(
        task,
        PROCESS_LOST,
        "The process that perturbed this image was lost each time, perhaps for lack of memory or by a fault of a "
        "model's library; leave the image out, or try it on a machine with more memory.",
    )


def _failed(task: PerturbTask, code: str, sentence: str) -> RunImage:
    return RunImage(
        image_id=task.image_id,
        position=task.position,
        failure=code,
        failure_stage="perturb",
        failure_sentence=sentence,
    )


def _fault(error: Exception) -> tuple[str, str]:
    """Return code and sentence of an error; the sentence names no folder, since results are passed on."""
    if isinstance(error, StoreError):
        return UNREADABLE, (
            "The stored file of this image or of a candidate is missing or damaged; restore the data folder from a "
            "backup, or import the data set and start the run again."
        )
    if isinstance(error, FaceprivError):
        return UNEXPECTED, str(error)
    return UNEXPECTED, unexpected("The work on this image stopped", error)


def _failure_after(
    stop: str, after: Face | None, success: bool, *, drawn: bool
) -> tuple[str, FailureStage, str] | None:
    """Return why a perturbed image counts as failed; None if it does not. ``drawn``: a score was drawn for it."""
    if after is None:
        return (
            "face-lost",
            "acquire-after",
            "A face was expected in the perturbed image, but none is found there any more; choose parameters that "
            "change the image less.",
        )
    if not success and drawn:
        return (
            "missed-target",
            "perturb",
            "The guides' scores of the stored image were expected near those drawn for it, but they are not all (why "
            f"it ended: {STOP_TITLES.get(stop, stop)}); allow the method more or a wider tolerance, or draw scores "
            "nearer to zero.",
        )
    if not success:
        return (
            NOT_FLIPPED,
            "perturb",
            "The guides were expected to call the stored image the other gender, but they do not all do so (why it "
            f"ended: {STOP_TITLES.get(stop, stop)}); allow the method more, or choose other parameters.",
        )
    return None
