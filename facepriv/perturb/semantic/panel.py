"""Score versions of one face: margins of all guides and probes, and similarities to the original under the guards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from facepriv.errors import BadInputError
from facepriv.perturb.base import Arrays, score_face
from facepriv.perturb.common.anchored_crop import AnchoredCrop, SparseCrop
from facepriv.perturb.semantic.probes import Probe
from facepriv.types import AttributeClassifier, CropMatcher, Face, FaceMatcher, Image


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

    def has_left(self, side: int) -> bool:
        """Return whether the mean margin no longer lies on the side, -1 or +1, that is to be left.

        A margin past zero counts as 1 at most, so that a guide which has long turned cannot outvote others.
        """
        return float(np.maximum(side * self.margins, -1.0).mean()) < 0


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
        self.spreads = np.array([float(learnt[f"spread:{c.name}"]) for c in classifiers])
        """``(guides,)`` nats of score to one of margin."""
        self._probes = [
            Probe(learnt[f"probe:{g.name}"].astype(np.float64), float(learnt[f"spread:{g.name}"])) for g in guards
        ]
        self._templates = [guard.embed([original]) for guard in guards]
        failing = [g.name for g, rows in zip(guards, self._templates, strict=True) if not np.isfinite(rows).all()]
        if failing:
            raise BadInputError(
                f"A template of the original was expected of {', '.join(failing)}, but none came; leave the image "
                "out, or choose other matchers to heed.",
                code="no-template",
            )

    @cached_property
    def _crops(self) -> list[AnchoredCrop]:
        return [AnchoredCrop.of(classifier, self._face) for classifier in self._classifiers]

    @cached_property
    def _guard_crops(self) -> list[SparseCrop | None]:
        # A matcher that takes crops need not find the face in every look again.
        return [
            SparseCrop(guard.crop(self._face), self._face.pixels.shape) if isinstance(guard, CropMatcher) else None
            for guard in self._guards
        ]

    @cached_property
    def _look_templates(self) -> list[NDArray[np.float32]]:
        return [
            own if crop is None else self._embed(guard, crop, [self._face.pixels])
            for guard, crop, own in zip(self._guards, self._guard_crops, self._templates, strict=True)
        ]

    def look(self, images: Sequence[Image]) -> list[PanelScores]:
        """Score versions of the original that have its size, under the original's crops, in one pass a network."""
        scores = [crop.classifier.score(np.stack([crop.take(pixels) for pixels in images])) for crop in self._crops]
        rows = [self._embed(guard, crop, images) for guard, crop in zip(self._guards, self._guard_crops, strict=True)]
        return [
            self._scores([own[i] for own in scores], [own[i : i + 1] for own in rows], self._look_templates)
            for i in range(len(images))
        ]

    def score_file_face(self, face: Face) -> PanelScores:
        """Score a face found again in a stored image, as whoever holds the file would."""
        scores = [score_face(classifier, face) for classifier in self._classifiers]
        return self._scores(scores, [guard.embed([face]) for guard in self._guards], self._templates)

    def _embed(self, guard: FaceMatcher, crop: SparseCrop | None, images: Sequence[Image]) -> NDArray[np.float32]:
        if crop is None or not isinstance(guard, CropMatcher):
            return guard.embed([replace(self._face, pixels=pixels) for pixels in images])
        return guard.embed_crops(np.stack([crop.take(pixels) for pixels in images]))

    def _scores(
        self,
        scores: Sequence[float],
        rows: Sequence[NDArray[np.float32]],
        originals: Sequence[NDArray[np.float32]],
    ) -> PanelScores:
        margins = [*(np.asarray(scores) / self.spreads)]
        similarity, templates = [], []
        for guard, probe, own, row in zip(self._guards, self._probes, originals, rows, strict=True):
            margins.append(float(probe.score(row)[0]) / probe.spread)
            similarity.append(float(guard.compare(own, row)[0, 0]))
            templates.append(row[0].astype(np.float64))
        return PanelScores(float(scores[0]), np.array(margins), np.array(similarity), tuple(templates))
