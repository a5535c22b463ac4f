"""Base class of perturbation methods: a method changes a face, the base class stores the image and judges the file."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, final

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from facepriv.errors import BadInputError, FaceprivError
from facepriv.imaging.acquire import find_again
from facepriv.imaging.crop import take_crop
from facepriv.imaging.landmarkers.registry import DEFAULT_LANDMARKER
from facepriv.imaging.png import decode_png, encode_png
from facepriv.imaging.versions import VERSIONS
from facepriv.metrics.gender import predicted_labels
from facepriv.perturb.gallery import Gallery
from facepriv.stopwatch import piece, timed
from facepriv.types import (
    AttributeClassifier,
    Face,
    FaceMatcher,
    Image,
    PerturbFailure,
    PerturbResult,
    PublishedClassifier,
    Stop,
)
from facepriv.wording import listed

PERTURBING, JUDGING = "perturb", "judge"
"""What the stopwatch calls the method's own work, and judging the stored file."""
TOGETHER = "+"
"""Between the names of models that are asked for one image."""
Arrays = Mapping[str, NDArray[np.generic]]
"""By name: what a method has learnt."""
Progress = Callable[[int, int], None]
"""Is called with the number of steps done and of all steps."""


class Parameters(BaseModel):
    """Parameters of a method; each method has its own subclass with defaults and ranges."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True, eq=False)
class Targets:
    """Scores drawn for one image, a guide each, and how near to them those of the stored file must be."""

    scores: NDArray[np.float64]
    """``(guides,)`` log-odds in nats, male positive."""
    tolerance: float
    """Nats, the same for every guide."""

    def reached(self, scores: Sequence[float] | NDArray[np.float64]) -> bool:
        """Return whether scores ``(guides,)`` are all near enough; a NaN is a face not found, so it is not."""
        return bool((np.abs(np.asarray(scores) - self.scores) <= self.tolerance).all())


@dataclass(frozen=True, eq=False)
class Perturbation:
    """What a method says it did; nothing here decides success."""

    pixels: Image
    updates: int
    stop: Stop
    trajectory: NDArray[np.float64]
    """First guide's score of the original and after every update."""
    anchors: tuple[int, ...] = ()
    """Numbers of updates after which the crop was re-anchored."""
    candidate_id: str | None = None
    """The gallery image blended in; None for a method that needs none."""
    notes: tuple[str, ...] = ()
    """Sentences on how it was computed that a user should know of."""
    targets: Targets | None = None
    """The scores drawn for this image, if they were; else every score is to lie on the other side than the label."""


@dataclass(frozen=True, eq=False)
class Learned:
    """What a method has learnt from people other than those it is applied to, and what that cost."""

    arrays: Arrays
    """All that `Perturber.run` needs of it."""
    evaluations: int
    """Images scored by the guides while learning: a cost to be paid once."""
    images: int
    subjects: frozenset[str]
    """Whom it was learnt from; none of their images may be perturbed with it."""


@dataclass(frozen=True, eq=False)
class KeptClassifiers:
    """Classifiers whose scores are to stay as they are while the guides' are moved."""

    classifiers: Sequence[AttributeClassifier]
    """At least one."""
    weight: float = 1.0
    """What a nat of change of theirs counts for, in the method's own measure; see the method."""


@dataclass(frozen=True, eq=False)
class Context:
    """What a method may use beside a face and its guides."""

    gallery: Gallery
    """Faces to choose candidates from."""
    rng: np.random.Generator
    """The only source of randomness."""
    guards: Sequence[FaceMatcher] = ()
    """Matchers that must go on accepting the face, for methods and parameters that ask them."""
    learned: Learned | None = None
    """What `Perturber.learn` gave, if the method learns."""
    kept: KeptClassifiers | None = None
    """Classifiers whose scores are to stay, for a method that can keep them; None keeps nothing."""
    key: bytes = b""
    """What is to depend on a person alone, not on order or company, is drawn with it; made of the run's seed."""

    @property
    def learnt_arrays(self) -> Arrays:
        """Return the arrays that were learnt; none where nothing was."""
        return {} if self.learned is None else self.learned.arrays


class CountingClassifier:
    """A classifier that counts the images it scores: the unit of cost."""

    def __init__(self, classifier: AttributeClassifier) -> None:
        self._classifier = classifier
        self.card = classifier.card
        self.attribute = classifier.attribute
        self.name = classifier.name
        self.version = classifier.version
        self.crop = classifier.crop
        self.evaluations = 0
        self.oversamples = getattr(classifier, "oversamples", False)
        if isinstance(classifier, PublishedClassifier):
            self.score_published = self._score_published

    def score(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Score crops ``(n, ...)`` and count them.

        Raises BadInputError with code ``guide-not-finite`` if a score is not a finite number.
        """
        self.evaluations += len(inputs)
        return self._finite(self._classifier.score(inputs))

    def _score_published(self, face: Face) -> float:
        assert isinstance(self._classifier, PublishedClassifier)
        self.evaluations += 1
        return float(self._finite(np.array([self._classifier.score_published(face)]))[0])

    def _finite(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        if not np.isfinite(scores).all():
            raise BadInputError(
                f"Finite scores were expected of the classifier {self.name}, but {int((~np.isfinite(scores)).sum())} "
                f"of {len(scores)} are not; check its weights, or choose another guide.",
                code="guide-not-finite",
            )
        return scores


def score_face(classifier: AttributeClassifier, face: Face) -> float:
    """Score a face as the classifier's publisher does, else with its own crop: log-odds in nats, male positive."""
    if isinstance(classifier, PublishedClassifier):
        return classifier.score_published(face)
    return float(classifier.score(take_crop(classifier.crop(face), face.pixels)[None])[0])


def file_scores(classifiers: Sequence[AttributeClassifier], face: Face | None) -> list[float]:
    """Score a face found again with every classifier; NaN where none was found."""
    return [float("nan") if face is None else score_face(classifier, face) for classifier in classifiers]


def all_wrong(scores: Sequence[float], sides: Sequence[int]) -> bool:
    """Return whether every score lies on the other side than ``sides``; a NaN is a face not found, so it does not."""
    return all(np.isfinite(s) and int(predicted_labels([s])[0]) != side for s, side in zip(scores, sides, strict=True))


def side_of(face: Face, score: float) -> int:
    """Return the side ``g`` to leave: the label, or the classifier's own verdict where there is no label."""
    return face.label if face.label is not None else (1 if score >= 0 else -1)


def find_side(face: Face, classifier: AttributeClassifier) -> int:
    """Return the same side, asking the classifier only where there is no label."""
    return face.label if face.label is not None else side_of(face, score_face(classifier, face))


class Perturber(ABC):
    """A perturbation method. Subclasses write `run`; the final `__call__` measures what came out."""

    name: ClassVar[str]
    title: ClassVar[str]
    kind: ClassVar[Literal["unnoticeable", "visible"]]
    """Whether a person is meant to notice the change."""
    uses_guards: ClassVar[bool] = False
    """Whether it asks the guard matchers while it changes a face."""
    learns_averages: ClassVar[bool] = False
    """Whether what it learns is of averages, which more people make better, also people from elsewhere."""
    learnt_by: ClassVar[tuple[str, ...] | None] = None
    """Parameters that what it learns depends on, besides the people, guides and guards; None for all of them."""
    keeps_attributes: ClassVar[bool] = False
    """Whether it can keep the scores of other classifiers."""
    landmarkers: ClassVar[tuple[str, ...] | None] = (DEFAULT_LANDMARKER,)
    """Whose points it can lay over a face; None for anybody's, which it then takes from `Face.points`."""
    Parameters: ClassVar[type[Parameters]]

    def __init__(self, **parameters: Any) -> None:
        self.parameters = self.Parameters(**parameters)

    @property
    def learns(self) -> bool:
        """Return whether, with these parameters, `learn` must be called first on other people's images."""
        return False

    @final
    def work(self, guides: Sequence[str], kept: Sequence[str] = (), guards: Sequence[str] = ()) -> str:
        """Return what the stopwatch calls changing one face with these parameters, by the names of all who are asked.

        Matchers that the method does not ask are no part of it.
        """
        heeded = guards if self.uses_guards else ()
        given = self.parameters.model_dump_json().encode()
        stopping = str(getattr(self.parameters, "stopping", ""))
        groups = (TOGETHER.join(sorted(set(group))) for group in (guides, kept, heeded))
        return piece(PERTURBING, self.name, *groups, stopping, hashlib.sha256(given).hexdigest()[:16])

    @final
    def learn(
        self,
        gallery: Gallery,
        classifiers: Sequence[AttributeClassifier],
        *,
        guards: Sequence[FaceMatcher] = (),
        rng: np.random.Generator,
        on_progress: Progress = lambda done, steps: None,
    ) -> Learned:
        """Learn from a labelled gallery of people to whom the method will not be applied."""
        guides = [CountingClassifier(classifier) for classifier in classifiers]
        arrays = self.learn_in(Context(gallery, rng, guards), guides, on_progress)
        evaluations = sum(guide.evaluations for guide in guides)
        # Everybody whom the method was shown, whomever it chose among them.
        return Learned(arrays, evaluations, len(gallery.image_ids), frozenset(gallery.subjects))

    def learn_in(self, context: Context, classifiers: Sequence[AttributeClassifier], on_progress: Progress) -> Arrays:
        """Learn named arrays from the context's gallery; for a method that `learns`."""
        raise NotImplementedError(f"The method {self.name} learns nothing.")

    @abstractmethod
    def run(self, face: Face, classifiers: Sequence[AttributeClassifier], context: Context) -> Perturbation:
        """Perturb one face; raise a `FaceprivError` where that cannot be done.

        Parameters
        ----------
        classifiers
            The guides, at least one.
        """

    @final
    def __call__(
        self,
        faces: Sequence[Face],
        classifiers: Sequence[AttributeClassifier],
        *,
        gallery: Gallery,
        seed: int,
        positions: Sequence[int] | None = None,
        guards: Sequence[FaceMatcher] = (),
        learned: Learned | None = None,
        keep: KeptClassifiers | None = None,
        on_progress: Callable[[int], None] = lambda done: None,
    ) -> list[PerturbResult | PerturbFailure]:
        """Perturb faces and judge each on its stored file.

        Parameters
        ----------
        classifiers
            The guides; success means that all of them take the stored file for the other gender or, where a score was
            drawn for each, that all come near it.
        gallery
            Faces to choose candidates from.
        seed, positions
            The randomness of a face is seeded by ``(seed, position)``, so neither order nor company matters;
            positions default to 0, 1, ...
        guards
            Matchers that must go on accepting the faces.
        learned
            What `learn` gave; a face of someone it was learnt from becomes a failure.
        keep
            Classifiers whose scores are to stay; what they are asked counts as evaluations. None keeps nothing.
        on_progress
            Called with the number of faces done, after each.
        """
        results: list[PerturbResult | PerturbFailure] = []
        key = hashlib.sha256(b"facepriv run\0" + str(seed).encode()).digest()
        for face, position in zip(faces, positions if positions is not None else range(len(faces)), strict=True):
            rng = np.random.default_rng(np.random.SeedSequence([seed, position]))
            results.append(self._perturb_face(face, classifiers, Context(gallery, rng, guards, learned, keep, key)))
            on_progress(len(results))
        return results

    def _perturb_face(
        self, face: Face, classifiers: Sequence[AttributeClassifier], context: Context
    ) -> PerturbResult | PerturbFailure:
        guides = [CountingClassifier(classifier) for classifier in classifiers]
        kept = [CountingClassifier(classifier) for classifier in context.kept.classifiers] if context.kept else []
        keep = replace(context.kept, classifiers=kept) if context.kept and kept else None
        try:
            self._check(face, kept, context.learned)
            names = [[each.name for each in group] for group in (guides, kept, context.guards)]
            with timed(self.work(*names), face.pixels[..., 0].size):
                perturbation = self.run(face, guides, replace(context, kept=keep))
        except FaceprivError as error:
            return _failure(face, error)
        if perturbation.pixels.shape != face.pixels.shape or perturbation.pixels.dtype != np.uint8:
            raise BadInputError(
                f"The method {self.name} must give an image {face.pixels.shape} uint8, but gave "
                f"{perturbation.pixels.shape} {perturbation.pixels.dtype}; this is a fault of the method.",
                code="method-shape",
            )
        evaluations = sum(classifier.evaluations for classifier in (*guides, *kept))
        with timed(judging_work(JUDGING, [guide.name for guide in guides]), face.pixels[..., 0].size):
            return _judge(face, classifiers, perturbation, evaluations)

    def _check(self, face: Face, kept: Sequence[AttributeClassifier], learned: Learned | None) -> None:
        """Raise `BadInputError` where the method cannot keep scores, or lacks what it must have learnt from others."""
        if kept and not self.keeps_attributes:
            raise BadInputError(
                f"The method {self.name} keeps no other classifier's score, but was to keep that of "
                f"{listed([classifier.name for classifier in kept])}; leave that out, or choose a method that does.",
                code="keeps-nothing",
            )
        if self.learns and learned is None:
            raise BadInputError(
                f"The method {self.name} with these parameters needs something learnt from other people first; call "
                "its `learn` on images of others.",
                code="nothing-learnt",
            )
        if self.learns and learned is not None and face.subject in learned.subjects:
            raise BadInputError(
                f"The method {self.name} must learn from people to whom it is not applied, but it has learnt from "
                "images of this subject; learn from other subjects.",
                code="learnt-from-subject",
            )


def _judge(
    face: Face, classifiers: Sequence[AttributeClassifier], perturbation: Perturbation, evaluations: int
) -> PerturbResult | PerturbFailure:
    """Measure a perturbation on the stored image; what that takes is not charged to the method."""
    png = encode_png(perturbation.pixels)
    try:
        stored = decode_png(png)
    except BadInputError as error:
        # An image too small to be imported cannot be judged as a file.
        return _failure(face, error)
    sides = [find_side(face, classifier) for classifier in classifiers]
    file_face = find_again(face, stored)
    scores = file_scores(classifiers, file_face)
    flipped = all_wrong(scores, sides)
    targets = perturbation.targets
    return PerturbResult(
        image_id=face.image_id,
        candidate_id=perturbation.candidate_id,
        png=png,
        pixels=stored,
        updates=perturbation.updates,
        evaluations=evaluations,
        stop=perturbation.stop,
        trajectory=perturbation.trajectory,
        anchors=perturbation.anchors,
        file_face=file_face,
        file_score=scores[0],
        file_scores={classifier.name: score for classifier, score in zip(classifiers, scores, strict=True)},
        fixed_score=float(classifiers[0].score(take_crop(classifiers[0].crop(face), stored)[None])[0]),
        success=flipped if targets is None else targets.reached(scores),
        flipped=flipped,
        survived=judge_versions(face, classifiers, sides, stored, VERSIONS),
        notes=perturbation.notes,
        target=None if targets is None else float(targets.scores[0]),
    )


def judging_work(what: str, guides: Sequence[str]) -> str:
    """Return what the stopwatch calls judging a stored image, or versions of it, with these guides."""
    return piece(what, TOGETHER.join(sorted(set(guides))))


def judge_versions(
    face: Face,
    classifiers: Sequence[AttributeClassifier],
    sides: Sequence[int],
    stored: Image,
    versions: Mapping[str, Callable[[Image], Image]],
) -> dict[str, bool]:
    """Return, by version of a stored image, whether all guides are wrong on it with the face found in it again.

    The sides to leave are those of `find_side`, one for each guide.
    """
    return {
        name: all_wrong(file_scores(classifiers, find_again(face, make(stored))), sides)
        for name, make in versions.items()
    }


def _failure(face: Face, error: FaceprivError) -> PerturbFailure:
    return PerturbFailure(image_id=face.image_id, code=getattr(error, "code", "failed"), sentence=str(error))
