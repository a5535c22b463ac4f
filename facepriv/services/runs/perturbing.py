"""Work on single images, done in processes of its own: perturb, store, find anew, score, embed."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from facepriv.datasets.demo import read_demo
from facepriv.errors import FaceprivError, StoreBusyError, StoreError
from facepriv.imaging.acquire import acquire
from facepriv.imaging.decode import decode
from facepriv.imaging.quality import psnr_db, ssim
from facepriv.measures.faults import log_fault
from facepriv.measures.landmarks import Points, known_points, locate
from facepriv.measures.loaded_models import check_versions, get_classifier, get_matcher, make_reference
from facepriv.measures.stored_faces import StoredFace, face_of, stored_pixels
from facepriv.perturb.base import CountingClassifier, KeptClassifiers, Learned, score_face
from facepriv.perturb.gallery import Gallery
from facepriv.perturb.parameters import make_method
from facepriv.schemas.runs import STOP_TITLES, Phase, RunSpec
from facepriv.services.jobs.pool_process import (
    Job,
    JobRef,
    PortableJob,
    artifacts,
    content_of,
    process_settings,
    report_steps,
)
from facepriv.services.runs.attributes import UNLABELLED_NOTE, labelled_by
from facepriv.services.runs.learning import (
    DEMO,
    DEMO_IMAGES_PER_SUBJECT,
    Lesson,
    other_people,
    pack,
    unpack,
)
from facepriv.store import ArtifactStore, Store
from facepriv.store.artifacts import LEARNED
from facepriv.store.measures import Vector
from facepriv.store.records import FailureStage, GenderScore, ImageRecord, Learning, RunImage
from facepriv.types import GENDER, Face, PerturbFailure

UNREADABLE, UNEXPECTED, PROCESS_LOST = "unreadable-artifact", "unexpected-error", "process-lost"
FAULTS = frozenset([UNREADABLE, UNEXPECTED, PROCESS_LOST])
"""Codes of failures that no property of the image explains; where all images fail so, the run does."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunJob:
    """What every process of a run needs to know."""

    spec: RunSpec
    images: tuple[ImageRecord, ...]
    """All images of the data set that show a face: the gallery that candidates are chosen from."""
    points: Mapping[int, Points | None] = field(default_factory=dict)
    """Where the run has a landmarker, what it finds in them, by image; candidates are only those with points."""


class ImagePerturber:
    """One process's models and gallery for one run.

    Parameters
    ----------
    max_pixels
        Largest image, width x height, that is decoded where the demo set is learnt from.
    """

    def __init__(self, job: RunJob, artifacts: ArtifactStore, max_pixels: int = 50_000_000) -> None:
        self._spec = job.spec
        self._artifacts = artifacts
        self._method = make_method(job.spec.method, job.spec.parameters)
        self._classifiers = {ref.name: get_classifier(ref.name) for ref in job.spec.classifiers}
        self._guides = [self._classifiers[guide.name] for guide in job.spec.guides]
        kept = [self._classifiers[one.name] for one in job.spec.keep]
        self._keep = KeptClassifiers(kept, job.spec.keep_weight) if kept else None
        self._guards = [get_matcher(guard.name) for guard in job.spec.guards]
        # This process may be on another machine than the worker, which has looked at its own models only.
        for ref in job.spec.classifiers:
            check_versions(ref, make_reference(self._classifiers[ref.name]))
        for ref in dict.fromkeys((*job.spec.guards, *job.spec.matchers)):
            check_versions(ref, make_reference(get_matcher(ref.name)))
        self._max_pixels = max_pixels
        # For the methods, a label is what the guides are to be wrong about.
        images = job.images if job.spec.attribute == GENDER else labelled_by(self._guides[0], job.images)
        self._images = {str(image.id): image for image in images}
        self._points = job.points
        self._gallery = self._gallery_of(
            [i for i in images if job.spec.landmarker is None or self._points.get(i.id) is not None],
            meshes=job.spec.landmarker is not None,
        )
        self._learned: dict[str, Learned] = {}

    def _read(self, image: ImageRecord) -> NDArray[np.uint8]:
        assert image.artifact_sha256 is not None
        return stored_pixels(self._artifacts, image.artifact_sha256)

    def _gallery_of(
        self, images: Sequence[ImageRecord], elsewhere: str | None = None, *, meshes: bool = False
    ) -> Gallery:
        """Make a gallery of stored images; subjects of ``elsewhere`` are nobody of the data set.

        Parameters
        ----------
        meshes
            Take the landmarker's points along.
        """
        by_id = {str(image.id): image for image in images}
        points = [self._points.get(image.id) for image in images] if meshes else []
        return Gallery(
            image_ids=list(by_id),
            subjects=[i.subject if elsewhere is None else other_people(elsewhere, i.subject) for i in images],
            labels=[image.label for image in images],
            landmarks=np.array([image.landmarks for image in images if image.landmarks is not None]),
            boxes=[image.box for image in images if image.box is not None],
            read=lambda image_id: self._read(by_id[image_id]),
            meshes=np.array([one for one in points if one is not None]) if meshes else None,
        )

    def learn(self, lesson: Lesson, on_progress: Callable[[int, int], None] = lambda done, steps: None) -> Learning:
        """Let the method learn, and keep what it learnt as an artifact.

        Raises
        ------
        FaceprivError
            If it cannot.
        """
        source = self._spec.learn_from
        assert source is not None
        if lesson.images is None:
            gallery = demo_gallery(self._max_pixels)
        else:
            elsewhere = None if source.dataset is None else f"dataset {source.dataset.id}"
            gallery = self._gallery_of(lesson.images, elsewhere)
        counting = [CountingClassifier(guide) for guide in self._guides]
        seeds = np.random.SeedSequence(self._spec.seed, spawn_key=(lesson.part,))
        learned = self._method.learn(
            gallery, counting, guards=self._guards, rng=np.random.default_rng(seeds), on_progress=on_progress
        )
        # Everybody whom the method was shown, and every image it had scored, whatever it says itself.
        learned = replace(
            learned,
            subjects=frozenset(gallery.subjects),
            images=len(gallery.image_ids),
            evaluations=sum(one.evaluations for one in counting),
        )
        return Learning(
            part=lesson.part,
            source=source.source,
            artifact_sha256=self._artifacts.put(pack(learned), LEARNED),
            subjects=len(learned.subjects),
            images=learned.images,
            evaluations=learned.evaluations,
        )

    def _what_was_learnt(self, sha256: str) -> Learned:
        if sha256 not in self._learned:
            self._learned[sha256] = unpack(self._artifacts.get(sha256, LEARNED))
        return self._learned[sha256]

    def perturb(
        self, image_id: int, position: int, learned: str | None = None, known: Mapping[str, float] | None = None
    ) -> tuple[RunImage, list[GenderScore]]:
        """Perturb one image and judge it before and after with every classifier.

        A fault at this image, such as a damaged file or an error inside a plug-in, is this image's failure.

        Parameters
        ----------
        learned
            Hash of what was learnt from others, for a method that learns.
        known
            Log-odds of the untouched image that are known already, by classifier.

        Raises
        ------
        StoreError
            If the perturbed image cannot be stored, which no other could be either, or the store is away.
        """
        start = time.perf_counter()
        scores: list[GenderScore] = []
        try:
            done, png = self._attempt(image_id, position, learned, known or {}, scores)
        except StoreBusyError:
            # An artifact store that is away is no fault of this image.
            raise
        except Exception as error:
            code, sentence = _fault(error)
            log_fault(_log, f"Image {image_id} could not be perturbed", error)
            done, png = _failed(image_id, position, code, sentence), None
        sha256 = None if png is None else self._artifacts.put(png)
        return replace(done, artifact_sha256=sha256, seconds=time.perf_counter() - start), scores

    def _attempt(
        self,
        image_id: int,
        position: int,
        learned: str | None,
        known: Mapping[str, float],
        scores: list[GenderScore],
    ) -> tuple[RunImage, bytes | None]:
        """Return what became of an image and the file to be stored, and add to its scores."""
        record = self._images[str(image_id)]
        face = replace(face_of(record, self._read(record)), mesh=self._mesh_of(image_id))
        scores += self._scores(image_id, "before", face, known)
        (result,) = self._method(
            [face],
            self._guides,
            gallery=self._gallery,
            seed=self._spec.seed,
            positions=[position],
            guards=self._guards,
            learned=None if learned is None else self._what_was_learnt(learned),
            keep=self._keep,
        )
        if isinstance(result, PerturbFailure):
            return _failed(image_id, position, result.code, result.sentence), None
        found = result.file_face
        if found is not None:
            scores += self._scores(image_id, "after", found)
        unlabelled = self._spec.attribute != GENDER and face.label is None
        changed = bool((result.pixels != face.pixels).any())
        failure = _failure_after(result.stop, found, result.success, drawn=result.target is not None)
        done = RunImage(
            image_id=image_id,
            position=position,
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
            after_box=None if found is None else found.box,
            after_landmarks=None if found is None else found.landmarks,
            fixed_score=result.fixed_score,
            survived=dict(result.survived),
            notes=(*result.notes, UNLABELLED_NOTE) if unlabelled else result.notes,
        )
        return done, result.png

    def _mesh_of(self, image_id: int) -> Points | None:
        """Return the points that the run's landmarker found in an image; None for a run without one.

        Raises
        ------
        FaceprivError
            If a fault has left none.
        """
        if self._spec.landmarker is None:
            return None
        points = self._points.get(image_id)
        if points is None:
            raise FaceprivError(
                f"The landmarks {self._spec.landmarker.name} of this image were expected, but a fault has left none; "
                "look at what the worker logged, or start a run with the landmarks dlib-68."
            )
        return points

    def _scores(
        self, image_id: int, phase: Phase, face: Face, known: Mapping[str, float] | None = None
    ) -> list[GenderScore]:
        found = dict(known or {})
        for name, model in self._classifiers.items():
            if name not in found:
                found[name] = score_face(model, face)
        return [
            GenderScore(image_id=image_id, classifier=name, phase=phase, score=found[name])
            for name in self._classifiers
        ]


def lost_image(item: PerturbTask) -> RunImage:
    """Return the outcome of an image at which its process was lost again and again."""
    return _failed(
        item.image_id,
        item.position,
        PROCESS_LOST,
        "The process that perturbed this image was lost each time, perhaps for lack of memory or by a fault of a "
        "model's library; leave the image out, or try it on a machine with more memory.",
    )


def _failed(image_id: int, position: int, code: str, sentence: str) -> RunImage:
    return RunImage(
        image_id=image_id, position=position, failure=code, failure_stage="perturb", failure_sentence=sentence
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
    return UNEXPECTED, (
        f"The work on this image stopped at an unexpected {type(error).__name__}, a fault of facepriv or of a plug-in; "
        "report it with what the worker logged."
    )


def _failure_after(
    stop: str, found: Face | None, success: bool, *, drawn: bool
) -> tuple[str, FailureStage, str] | None:
    """Say why a perturbed image counts as failed; None if it does not. ``drawn``: a score was drawn for it."""
    if found is None:
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
            "not-flipped",
            "perturb",
            "The guides were expected to call the stored image the other gender, but they do not all do so (why it "
            f"ended: {STOP_TITLES.get(stop, stop)}); allow the method more, or choose other parameters.",
        )
    return None


def demo_gallery(max_pixels: int) -> Gallery:
    """Find the faces of the demo set that the package carries, to learn from."""
    faces = []
    for item in read_demo(images_per_subject=DEMO_IMAGES_PER_SUBJECT).images:
        pixels = decode(item.path, name=item.name, max_pixels=max_pixels).pixels
        subject = other_people(DEMO, item.subject)
        faces.append(acquire(pixels, image_id=item.name, subject=subject, label=item.label, several="largest"))
    return Gallery.of(faces)


_judges: dict[JobRef, ImagePerturber] = {}
"""The judge of the run that this process works for."""
_judging = threading.Lock()


def load_run(store: Store, run_id: int) -> RunJob:
    """Read what every process of a run needs to know."""
    spec = store.runs.get(run_id).spec
    return RunJob(spec, store.datasets.images(spec.dataset.id, failed=False), known_points(store, spec))


def load_nothing(store: Store, run_id: int) -> None:
    """Read nothing, for work that needs to know nothing of its run."""


def _judge_of(job: Job) -> ImagePerturber:
    """Return the judge of a run; a process that has worked for another run makes a new one."""
    ref = job.ref if isinstance(job, PortableJob) else job
    with _judging:
        if ref not in _judges:
            content: RunJob = content_of(job)
            _judges.clear()
            _judges[ref] = ImagePerturber(content, artifacts(), process_settings().max_pixels)
        return _judges[ref]


def learn_in_process(job: Job, lessons: Sequence[Lesson]) -> list[Learning | str]:
    """Call `ImagePerturber.learn` of this process; where it fails, the reason as a sentence."""
    return [_learn(job, lesson) for lesson in lessons]


def _learn(job: Job, lesson: Lesson) -> Learning | str:
    try:
        return _judge_of(job).learn(lesson, lambda done, total: report_steps(lesson.part, done, total))
    except FaceprivError as error:
        return str(error)
    except Exception as error:
        log_fault(_log, "Learning stopped", error)
        return (
            f"The method stopped learning at an unexpected {type(error).__name__}, a fault of facepriv or of a "
            "plug-in; report it with what the worker logged."
        )


@dataclass(frozen=True)
class PerturbTask:
    """One image of a run that is still to be perturbed."""

    image_id: int
    position: int
    learned: str | None = None
    """Hash of what was learnt from others, for a method that learns."""
    known: Mapping[str, float] = field(default_factory=dict, hash=False)
    """Log-odds of the untouched image that are known already, by classifier."""


def perturb_in_process(job: Job, images: Sequence[PerturbTask]) -> list[tuple[RunImage, list[GenderScore]]]:
    """Call `ImagePerturber.perturb` of this process."""
    judge = _judge_of(job)
    return [judge.perturb(one.image_id, one.position, one.learned, one.known) for one in images]


@dataclass(frozen=True, eq=False)
class LocateTask:
    """One stored image in which a landmarker has not looked for points yet."""

    landmarker: str
    image_id: int
    stored: StoredFace


def locate_in_process(job: Job, images: Sequence[LocateTask]) -> list[Vector | None]:
    """Call `facepriv.measures.landmarks.locate` for stored images; None where a fault left no points."""
    kept = artifacts()
    return [_locate(kept, one) for one in images]


def _locate(kept: ArtifactStore, wanted: LocateTask) -> Vector | None:
    try:
        return locate(wanted.landmarker, wanted.stored.face(kept))
    except StoreBusyError:
        raise
    except Exception as error:
        log_fault(_log, f"{wanted.landmarker} could not look for points in an image", error)
        return None


@dataclass(frozen=True, eq=False)
class EmbedTask:
    """One stored image that a matcher has not embedded yet."""

    matcher: str
    phase: Phase
    image_id: int
    stored: StoredFace


def embed_in_process(job: Job, images: Sequence[EmbedTask]) -> list[NDArray[np.float32] | None]:
    """Embed stored images: ``(d,)`` unit vectors, None where a fault left none.

    Raises
    ------
    FaceprivError
        If a model of this process has another version than the run's.
    """
    _judge_of(job)
    kept = artifacts()
    return [embed(kept, one.matcher, one.stored) for one in images]


def embed(kept: ArtifactStore, matcher_name: str, stored: StoredFace) -> NDArray[np.float32] | None:
    """Embed one stored image with one matcher: a ``(d,)`` unit vector, None where a fault left none."""
    try:
        vector: NDArray[np.float32] = get_matcher(matcher_name).embed([stored.face(kept)])[0]
    except StoreBusyError:
        raise
    except Exception as error:
        log_fault(_log, f"{matcher_name} could not embed an image", error)
        return None
    return vector
