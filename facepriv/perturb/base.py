"""What every perturbation method has in common: it is run, stored, loaded, and judged by others than itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, final

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from facepriv.errors import BadInputError, FaceprivError, FailureToAcquireError
from facepriv.imaging.acquire import acquire
from facepriv.imaging.crop import take_crop
from facepriv.imaging.decode import encode_png
from facepriv.imaging.stored import decode_stored
from facepriv.metrics.gender import predicted
from facepriv.perturb.candidates import Gallery
from facepriv.types import AttributeClassifier, Face, Image, PerturbFailure, PerturbResult, Stop


class Parameters(BaseModel):
    """Parameters of a method; each method has its own subclass with defaults and ranges."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True, eq=False)
class Perturbation:
    """What a method says it did; nothing here decides success."""

    pixels: Image
    candidate_id: str
    updates: int
    stop: Stop
    trajectory: NDArray[np.float64]
    anchors: tuple[int, ...]


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

    def score(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Score crops ``(n, ...)`` and count them."""
        self.evaluations += len(inputs)
        return self._classifier.score(inputs)


def score_face(classifier: AttributeClassifier, face: Face) -> float:
    """Score a face with the classifier's own crop, log-odds in nats, male positive."""
    return float(classifier.score(take_crop(classifier.crop(face), face.pixels)[None])[0])


def find_again(face: Face, stored: Image) -> Face | None:
    """Find the face anew in a stored image of it, as an attacker would; None if there is none to be found."""
    try:
        found = acquire(stored, several="largest")
    except FailureToAcquireError:
        return None
    return replace(face, pixels=stored, landmarks=found.landmarks, box=found.box)


def side_of(face: Face, score: float) -> int:
    """Give the side ``g`` to leave: the label, or the classifier's own verdict where there is no label."""
    return face.label if face.label is not None else (1 if score >= 0 else -1)


class Perturber(ABC):
    """A perturbation method. Subclasses write `run`; the final `__call__` measures what came out."""

    name: ClassVar[str]
    title: ClassVar[str]
    kind: ClassVar[Literal["unnoticeable", "visible"]]
    """Whether a person is meant to notice the change."""
    Parameters: ClassVar[type[Parameters]]

    def __init__(self, **parameters: Any) -> None:
        self.parameters = self.Parameters(**parameters)

    @abstractmethod
    def run(
        self,
        face: Face,
        classifiers: Sequence[AttributeClassifier],
        *,
        gallery: Gallery,
        rng: np.random.Generator,
    ) -> Perturbation:
        """Perturb one face, guided by the classifiers; raise a `FaceprivError` where that cannot be done."""

    @final
    def __call__(
        self,
        faces: Sequence[Face],
        classifiers: Sequence[AttributeClassifier],
        *,
        gallery: Gallery,
        seed: int,
        positions: Sequence[int] | None = None,
        on_progress: Callable[[int], None] | None = None,
    ) -> list[PerturbResult | PerturbFailure]:
        """Perturb faces and judge each on its stored file.

        Parameters
        ----------
        classifiers
            The guide first; it is the one whose score decides success.
        gallery
            Faces to choose candidates from.
        seed, positions
            The randomness of a face is seeded by ``(seed, position)``, so neither order nor company matters;
            positions default to 0, 1, ...
        on_progress
            Called with the number of faces done, after each.

        Returns
        -------
        list
            One entry a face, in order. Pixels are what a PNG of the result decodes to; ``file_score`` is the guide's
            score with face and landmarks found anew in them.
        """
        results: list[PerturbResult | PerturbFailure] = []
        for face, position in zip(faces, positions if positions is not None else range(len(faces)), strict=True):
            results.append(self._one(face, classifiers, gallery, np.random.SeedSequence([seed, position])))
            if on_progress is not None:
                on_progress(len(results))
        return results

    def _one(
        self,
        face: Face,
        classifiers: Sequence[AttributeClassifier],
        gallery: Gallery,
        seed: np.random.SeedSequence,
    ) -> PerturbResult | PerturbFailure:
        counting = [CountingClassifier(classifier) for classifier in classifiers]
        try:
            done = self.run(face, counting, gallery=gallery, rng=np.random.default_rng(seed))
        except FaceprivError as error:
            code = getattr(error, "code", "failed")
            return PerturbFailure(image_id=face.image_id, code=code, sentence=str(error))
        if done.pixels.shape != face.pixels.shape or done.pixels.dtype != np.uint8:
            raise BadInputError(
                f"The method {self.name} must give an image {face.pixels.shape} uint8, but gave "
                f"{done.pixels.shape} {done.pixels.dtype}; this is a fault of the method.",
                code="method-shape",
            )
        png = encode_png(done.pixels)
        stored = decode_stored(png)
        found = find_again(face, stored)
        file_score = float("nan") if found is None else score_face(counting[0], found)
        # The side is the judge's own measurement, too; the evaluations of a method are not charged with it.
        side = face.label if face.label is not None else side_of(face, score_face(classifiers[0], face))
        return PerturbResult(
            image_id=face.image_id,
            candidate_id=done.candidate_id,
            png=png,
            pixels=stored,
            updates=done.updates,
            evaluations=counting[0].evaluations,
            stop=done.stop,
            trajectory=done.trajectory,
            anchors=done.anchors,
            found=found,
            file_score=file_score,
            success=found is not None and int(predicted([file_score])[0]) != side,
        )
