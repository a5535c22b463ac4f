"""Score versions of one face: margins of all guides and probes, and similarities to the original under the guards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from facepriv.errors import BadInputError
from facepriv.perturb.base import Arrays, score_face
from facepriv.perturb.common.anchored_crop import AnchoredCrop
from facepriv.perturb.semantic.probes import Probe
from facepriv.types import AttributeClassifier, Face, FaceMatcher, Image


@dataclass(frozen=True, eq=False)
class PanelScores:
    """Scores, margins and similarities of one image."""

    score: float
    """The first guide's score, in nats."""
    margins: NDArray[np.float64]
    """``(guides + guards,)`` scores by their spread: first the guides, then the probes; male positive."""
    similarity: NDArray[np.float64]
    """``(guards,)`` similarity to the original; NaN where a guard acquires no template."""
    templates: tuple[NDArray[np.float64], ...]
    """Each guard's template."""

    def mean_margin(self, side: int) -> float:
        """Return the mean margin on the side ``side``, -1 or +1, that is to be left; negative = left on the whole.

        A margin ``m`` below 0 counts as ``exp(m) - 1``, so that a guide which has long turned, or took the original
        for the other gender, cannot outvote those which have not.
        """
        own = side * self.margins
        return float(np.where(own < 0, np.expm1(np.minimum(own, 0)), own).mean())


class Panel:
    """Guides and guards for one face.

    Raises BadInputError with code ``learnt-with-others`` if something was learnt with other guides or guards,
    ``no-template`` if a guard gives none of the original.

    Parameters
    ----------
    original
        The face as it is; similarities are to its templates.
    learnt
        What was learnt of guides and guards (`facepriv.perturb.semantic.learning`).
    """

    def __init__(
        self, original: Face, classifiers: Sequence[AttributeClassifier], guards: Sequence[FaceMatcher], learnt: Arrays
    ) -> None:
        missing = [c.name for c in classifiers if f"spread:{c.name}" not in learnt]
        missing += [g.name for g in guards if f"probe:{g.name}" not in learnt]
        if missing:
            raise BadInputError(
                f"The method semantic must learn with the guides and matchers that it is run with, but it has not met "
                f"{', '.join(missing)}; learn again with them.",
                code="learnt-with-others",
            )
        self._face, self._classifiers, self._guards = original, classifiers, guards
        self._spreads = [float(learnt[f"spread:{c.name}"]) for c in classifiers]
        self._probes = [
            Probe(learnt[f"probe:{g.name}"].astype(np.float64), float(learnt[f"spread:{g.name}"])) for g in guards
        ]
        self.strangers = np.array([float(learnt[f"strangers:{g.name}"]) for g in guards])
        """``(guards,)`` mean similarity of different people."""
        self._templates = [guard.embed([original]) for guard in guards]
        failing = [g.name for g, rows in zip(guards, self._templates, strict=True) if not np.isfinite(rows).all()]
        if failing:
            raise BadInputError(
                f"A template of the original was expected of {', '.join(failing)}, but none came; leave the image "
                "out, or choose other matchers to heed.",
                code="no-template",
            )
        self._crops = [AnchoredCrop.of(classifier, original) for classifier in classifiers]

    def score(self, pixels: Image) -> PanelScores:
        """Score a version of the original that has its size, under the original's crops."""
        return self._scores([crop.score(pixels) for crop in self._crops], replace(self._face, pixels=pixels))

    def score_file_face(self, face: Face) -> PanelScores:
        """Score a face found again in a stored image, as whoever holds the file would."""
        return self._scores([score_face(classifier, face) for classifier in self._classifiers], face)

    def _scores(self, scores: list[float], face: Face) -> PanelScores:
        margins = [score / spread for score, spread in zip(scores, self._spreads, strict=True)]
        similarity, templates = [], []
        for guard, probe, own in zip(self._guards, self._probes, self._templates, strict=True):
            rows = guard.embed([face])
            margins.append(float(probe.score(rows)[0]) / probe.spread)
            similarity.append(float(guard.compare(own, rows)[0, 0]))
            templates.append(rows[0].astype(np.float64))
        return PanelScores(scores[0], np.array(margins), np.array(similarity), tuple(templates))
