"""What guides and guards say of an image: the margins of all guides and the similarities to the original."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from facepriv.errors import BadInputError
from facepriv.imaging.crop import apply_operator, crop_operator, take_crop
from facepriv.perturb.semantic.probes import Probe
from facepriv.types import AttributeClassifier, CropFunction, Face, FaceMatcher, Image


@dataclass(frozen=True, eq=False)
class Reading:
    """What the panel says of one image."""

    score: float
    """The first guide's score, in nats."""
    margins: NDArray[np.float64]
    """``(guides + guards,)`` scores by their spread: first the guides, then the probes; male positive."""
    similarity: NDArray[np.float64]
    """``(guards,)`` similarity to the original; NaN where a guard acquires no template."""
    templates: tuple[NDArray[np.float64], ...]
    """Each guard's template."""

    def mean(self, side: int) -> float:
        """Return the mean margin on the side ``side``, -1 or +1, that is to be left; negative = left on the whole.

        A margin ``m`` below 0 counts as ``exp(m) - 1``, so that a guide which has long turned, or took the original
        for the other gender, cannot outvote those which have not.
        """
        own = side * self.margins
        return float(np.where(own < 0, np.expm1(np.minimum(own, 0)), own).mean())


class Panel:
    """Guides and guards for one face.

    Parameters
    ----------
    original
        The face as it is; similarities are to its templates.
    classifiers, spreads
        The guides, and the spread of each one's scores over other people.
    guards, probes
        Matchers, and the probe of each by its name.
    """

    def __init__(
        self,
        original: Face,
        classifiers: Sequence[AttributeClassifier],
        spreads: Sequence[float],
        guards: Sequence[FaceMatcher],
        probes: Mapping[str, Probe],
    ) -> None:
        self._face = original
        self._classifiers = classifiers
        self._spreads = spreads
        self._guards = guards
        self._probes = [probes[guard.name] for guard in guards]
        self._templates = [guard.embed([original]) for guard in guards]
        lost = [g.name for g, rows in zip(guards, self._templates, strict=True) if not np.isfinite(rows).all()]
        if lost:
            raise BadInputError(
                f"A template of the original was expected of {', '.join(lost)}, but none came; leave the image out, or "
                "choose other matchers to heed.",
                code="no-template",
            )
        self._anchor(original)

    def _anchor(self, face: Face) -> None:
        """Fix the crops on a face's landmarks, so that many versions of it need no new ones."""
        self._crops = [_cropper(classifier, face) for classifier in self._classifiers]

    def read(self, pixels: Image) -> Reading:
        """Read a version of the original that has its size, under the original's landmarks."""
        return self._read(replace(self._face, pixels=pixels))

    def read_anew(self, found: Face) -> Reading:
        """Read an image with a face found anew in it, as whoever holds the file would."""
        self._anchor(found)
        reading = self._read(found)
        self._anchor(self._face)
        return reading

    def _read(self, face: Face) -> Reading:
        scores = [
            float(classifier.score(crop(face.pixels)[None])[0])
            for classifier, crop in zip(self._classifiers, self._crops, strict=True)
        ]
        margins = [score / spread for score, spread in zip(scores, self._spreads, strict=True)]
        similarity, templates = [], []
        for guard, probe, own in zip(self._guards, self._probes, self._templates, strict=True):
            rows = guard.embed([face])
            margins.append(float(probe.score(rows)[0]) / probe.spread)
            similarity.append(float(guard.compare(own, rows)[0, 0]))
            templates.append(rows[0].astype(np.float64))
        return Reading(scores[0], np.array(margins), np.array(similarity), tuple(templates))


def _cropper(classifier: AttributeClassifier, face: Face) -> Callable[[Image], NDArray[np.float32]]:
    """Return a classifier's crop of any image that has this face where it is."""
    spec = classifier.crop(face)
    if isinstance(spec, CropFunction):
        return lambda pixels: take_crop(spec, pixels)
    operator = crop_operator(spec, *face.pixels.shape[:2])
    return lambda pixels: apply_operator(operator, pixels).reshape(spec.height, spec.width, 3)
