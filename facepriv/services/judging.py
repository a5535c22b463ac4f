"""Work on single images, done in processes of its own: perturb, store, find anew, score, embed.

Nothing here touches the database: a process gets what it needs when it starts, reads and writes artifact files, and
hands numbers back.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facepriv.errors import FaceprivError, StoreError
from facepriv.imaging.quality import psnr_db, ssim
from facepriv.perturb.base import score_face
from facepriv.perturb.candidates import Gallery
from facepriv.results import Phase, RunSpec
from facepriv.services.models import classifier, matcher
from facepriv.services.pictures import face_of, stored_pixels
from facepriv.services.runs import make_method
from facepriv.store import ArtifactStore
from facepriv.store.records import FailureStage, GenderScore, ImageRecord, RunImage
from facepriv.types import Face, PerturbFailure

UNREADABLE, UNEXPECTED = "unreadable-artifact", "unexpected-error"
FAULTS = frozenset([UNREADABLE, UNEXPECTED])
"""Codes of failures that no property of the image explains; where all images fail so, the run does."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """What every process of a run needs to know."""

    spec: RunSpec
    artifacts: Path
    images: tuple[ImageRecord, ...]
    """All images of the data set that show a face: the gallery that candidates are chosen from."""


@dataclass(frozen=True, eq=False)
class Stored:
    """One stored image with its face, to be embedded."""

    sha256: str
    landmarks: NDArray[np.float32]
    box: tuple[int, int, int, int]


class Judge:
    """One process's models and gallery for one run."""

    def __init__(self, job: Job) -> None:
        self._spec = job.spec
        self._artifacts = ArtifactStore(job.artifacts)
        self._method = make_method(job.spec.method, job.spec.parameters)
        self._classifiers = {ref.name: classifier(ref.name) for ref in job.spec.classifiers}
        self._guide = self._classifiers[job.spec.guide.name]
        by_id = {str(image.id): image for image in job.images}
        self._images = by_id

        def read(image_id: str) -> NDArray[np.uint8]:
            sha256 = by_id[image_id].artifact_sha256
            assert sha256 is not None
            return stored_pixels(self._artifacts, sha256)

        self._read = read
        self._gallery = Gallery(
            image_ids=list(by_id),
            subjects=[image.subject for image in job.images],
            labels=[image.label for image in job.images],
            landmarks=np.stack([image.landmarks for image in job.images if image.landmarks is not None]),
            boxes=[image.box for image in job.images if image.box is not None],
            read=read,
        )

    def perturb(self, image_id: int, position: int) -> tuple[RunImage, list[GenderScore]]:
        """Perturb one image and judge it before and after with every classifier.

        A fault at this image, such as a damaged file or an error inside a plug-in, is this image's failure.

        Raises
        ------
        StoreError
            If the perturbed image cannot be stored, which no other could be either.
        """
        start = time.perf_counter()
        scores: list[GenderScore] = []
        try:
            done, png = self._attempt(image_id, position, scores)
        except Exception as error:
            code, sentence = _fault(error)
            _tell(f"Image {image_id} could not be perturbed", error)
            done, png = _failed(image_id, position, code, sentence), None
        sha256 = None if png is None else self._artifacts.put(png)
        return replace(done, artifact_sha256=sha256, seconds=time.perf_counter() - start), scores

    def _attempt(self, image_id: int, position: int, scores: list[GenderScore]) -> tuple[RunImage, bytes | None]:
        """Give what became of an image and the file to be stored, and add to its scores."""
        record = self._images[str(image_id)]
        face = face_of(record, self._read(str(image_id)))
        scores += self._scores(image_id, "before", face)
        (result,) = self._method(
            [face], [self._guide], gallery=self._gallery, seed=self._spec.seed, positions=[position]
        )
        if isinstance(result, PerturbFailure):
            return _failed(image_id, position, result.code, result.sentence), None
        found = result.found
        if found is not None:
            scores += self._scores(image_id, "after", found)
        changed = bool((result.pixels != face.pixels).any())
        failure = _failure_after(result.stop, found, result.success)
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
        )
        return done, result.png

    def embed(self, matcher_name: str, stored: Sequence[Stored]) -> list[NDArray[np.float32] | None]:
        """Embed stored images with one matcher: ``(d,)`` unit vectors, None where a fault left none."""
        try:
            return list(self._embed(matcher_name, stored))
        except Exception as error:
            if len(stored) > 1:  # one of them must not cost the others theirs
                return [vector for item in stored for vector in self.embed(matcher_name, [item])]
            _tell(f"{matcher_name} could not embed an image", error)
            return [None]

    def _embed(self, matcher_name: str, stored: Sequence[Stored]) -> NDArray[np.float32]:
        faces = [
            Face(
                image_id=item.sha256,
                subject="",
                label=None,
                pixels=stored_pixels(self._artifacts, item.sha256),
                landmarks=item.landmarks,
                box=item.box,
            )
            for item in stored
        ]
        return matcher(matcher_name).embed(faces)

    def _scores(self, image_id: int, phase: Phase, face: Face) -> list[GenderScore]:
        return [
            GenderScore(image_id=image_id, classifier=name, phase=phase, score=score_face(model, face))
            for name, model in self._classifiers.items()
        ]


def _failed(image_id: int, position: int, code: str, sentence: str) -> RunImage:
    return RunImage(
        image_id=image_id, position=position, failure=code, failure_stage="perturb", failure_sentence=sentence
    )


def _fault(error: Exception) -> tuple[str, str]:
    """Give code and sentence of an error; the sentence names no folder, since results are passed on."""
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


def _tell(what: str, error: Exception) -> None:
    # Without the error's own text, which a plug-in may have put a name into.
    where = "".join(traceback.format_tb(error.__traceback__))
    _log.error("%s: %s at\n%s", what, type(error).__name__, where.rstrip())


def _failure_after(stop: str, found: Face | None, success: bool) -> tuple[str, FailureStage, str] | None:
    """Say why a perturbed image counts as failed; None if it does not."""
    if found is None:
        return (
            "face-lost",
            "acquire-after",
            "A face was expected in the perturbed image, but none is found there any more; try other candidates or a "
            "smaller step.",
        )
    if not success:
        return (
            "not-flipped",
            "perturb",
            f"The guide was expected to call the stored image the other gender, but does not (stopped by: {stop}); "
            "allow more sweeps, or choose other candidates.",
        )
    return None


_judge: list[Judge] = []


def start_process(job: Job) -> None:
    """Set up a process: one thread for each library, models at first use."""
    import cv2

    # Ctrl+C reaches every process of a terminal; the worker alone decides what becomes of the run.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    cv2.setNumThreads(1)
    _judge[:] = [Judge(job)]


def _end_with_parent() -> None:
    """Wait for the worker's end, by a kill too: a pool's processes would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def perturb_in_process(image_id: int, position: int) -> tuple[RunImage, list[GenderScore]]:
    """Call `Judge.perturb` of this process."""
    return _judge[0].perturb(image_id, position)


def embed_in_process(matcher_name: str, stored: Sequence[Stored]) -> list[NDArray[np.float32] | None]:
    """Call `Judge.embed` of this process."""
    return _judge[0].embed(matcher_name, stored)
