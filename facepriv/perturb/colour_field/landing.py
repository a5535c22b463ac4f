"""Search a colour field that brings the guides' scores of the stored file to targets drawn for it, from either side.

The rounds are those of `facepriv.perturb.colour_field.search`: slopes, the least change that would do if scores were
linear, half of the first step, the face found again. What differs is the goal. As a target may lie beyond zero, short
of it, or beyond the original's own score, going past it is no good, so a step demands equality of every guide, and a
round ends with a landing: small steps by the slopes known, the stored file scored after each.

The landmarks found again lie on whole pixels and move in leaps as the image changes, and with them the score, by a nat
or so: along one line a target may be leapt over for good. So every small step is sought under the crop of the last
file, and through patterns drawn for each, until one hits that leaves the landmarks where they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from facepriv.perturb.base import KeptClassifiers, Perturbation, Targets
from facepriv.perturb.colour_field.search import LENGTHS, FieldFile, FieldSearch, PatternInput, Plan
from facepriv.perturb.common.anchored_crop import AnchoredCrop
from facepriv.perturb.common.guides import FileMargins
from facepriv.perturb.common.least_change import exact_change
from facepriv.types import AttributeClassifier, Face, Stop

LANDING_STEPS = 8
"""Most small steps, and scores of the file, at the end of a round."""
STEP_TRIALS = 3
"""Most images that a small step tries under the crop of the last file, before the file is scored."""
AIM = 0.4
"""Share of the tolerance that a landing aims at, since the last file may miss by a little more."""
NEAR = 3.0
"""Nats from the target within which no step is halved."""
LANDING_DISTANCE = 2.0
"""Nats from the target within which small steps are tried; from farther away, new slopes are measured."""
LEAST_SHARE = 0.25
"""Share of the distance left that a small step goes at least."""
PATTERN_SHARE = 0.5
"""Share of the patterns that a small step goes through, drawn for each step."""


class FieldLanding(FieldSearch):
    """The search for one face's field that ends at its targets.

    What the search takes for margins are scores here, since there is no side to leave; its goal is to have no nats left
    to the targets.
    The plan's margin and versions say nothing here; the generator draws the patterns of small steps.
    """

    lengths = (0.0, *LENGTHS)
    solver = staticmethod(exact_change)
    half_from = NEAR

    def __init__(
        self,
        face: Face,
        classifiers: Sequence[AttributeClassifier],
        plan: Plan,
        targets: Targets,
        rng: np.random.Generator,
        kept: KeptClassifiers | None = None,
    ) -> None:
        super().__init__(face, classifiers, replace(plan, margin=0.0, versions=()), kept)
        self.targets, self._rng = targets, rng
        self.sides = [1] * len(classifiers)
        self.goal = 0.0
        self._nearest: FieldFile | None = None

    def result(self) -> Perturbation:
        """Search the field and return the perturbation; an image that is at its targets already is left alone."""
        last = self._score_file(np.zeros(len(self.units)))
        if not self._holds(last):
            last = self._search()
        chosen = self.best
        if chosen is None or chosen is last:
            chosen = min(last, self._nearest or last, key=lambda file: file.worst)
        if chosen is not last:
            # A later field was tried and did no better: back to the one that is stored.
            self.trajectory.append(float(chosen.scores[0]))
        stop: Stop = "landed" if self._holds(chosen) else "face-lost" if chosen.face is None else "rounds"
        return replace(self._perturbation(chosen, stop), targets=self.targets)

    def _choose_units(self, number: int, hard: bool) -> NDArray[np.int64]:
        return super()._choose_units(number, hard) if self.best is None else self.patterns

    def _way(self, margins: NDArray[np.float64]) -> float:
        """Return the nats from the worst guide's score to its target; infinite where a score is NaN."""
        return float(np.nan_to_num(np.abs(margins - self.targets.scores), nan=np.inf).max())

    def _demands(self, margins: NDArray[np.float64], moved: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.targets.scores - margins - self.slopes @ moved

    def _worst_view(self, margins: NDArray[np.float64]) -> NDArray[np.float64]:
        past = margins - self.targets.scores[:, None, None]
        # From each start, every guide has its own side of the target to come from; 0 once it is there.
        return (past * np.where(past[..., :1] < 0, -1, 1)).max(axis=0)

    def _worst_of_file(self, file: FileMargins) -> float:
        return self._way(file.margins[0] * self.guides.sides)

    def _holds(self, file: FieldFile) -> bool:
        return self.targets.reached(file.scores)

    def _judge(self, file: FieldFile) -> tuple[float, bool]:
        return self._size(file.field), self._psnr(file) >= self.plan.psnr

    def _costs(
        self, kept_inputs: list[PatternInput], fields: Sequence[NDArray[np.float64]], field: NDArray[np.float64]
    ) -> list[float]:
        return [self._size(each) for each in fields]

    def _move_goal(self, file: FieldFile, missed: bool) -> None:
        """Leave the targets where they are."""

    def _improve(self, file: FieldFile, *, half: bool, reached: bool) -> FieldFile:
        """Bring a field near its targets to them by small steps; return the best file."""
        if half or file.worst > LANDING_DISTANCE:
            return file
        known = np.flatnonzero(self.slopes.any(axis=0))
        share = 1.0
        for _ in range(LANDING_STEPS):
            if file.face is None or file.worst <= AIM * self.targets.tolerance:
                break
            count = max(len(self.classifiers), round(PATTERN_SHARE * len(known)))
            units = np.sort(self._rng.permutation(known)[:count])
            trial = self._score_file(self._small_step(file, file.face, units, share), record=True)
            # Where a step leads from one side of a leap to the other, a shorter one may stay before it.
            share = 1.0 if trial.worst < file.worst else max(share / 2, LEAST_SHARE)
            file = min(file, trial, key=lambda each: each.worst)
        return file

    def _small_step(self, file: FieldFile, face: Face, units: NDArray[np.int64], share: float) -> NDArray[np.float64]:
        """Return a field, moved through some units, that goes a share of the distance if the face stays in place."""
        metric, slopes = self.metric[np.ix_(units, units)], self.slopes[:, units]
        crops = [AnchoredCrop.of(classifier, face) for classifier in self.classifiers]
        field, scores = file.field.copy(), file.scores
        goal = scores + share * (self.targets.scores - scores)
        # The file is scored as the publisher does, which the crop is only near.
        beside = scores - self._crop_scores(crops, field)
        for _ in range(STEP_TRIALS):
            field[units] += exact_change(metric, slopes, goal - scores)
            scores = beside + self._crop_scores(crops, field)
            if np.abs(goal - scores).max() <= AIM * self.targets.tolerance:
                break
        return field

    def _crop_scores(self, crops: Sequence[AnchoredCrop], field: NDArray[np.float64]) -> NDArray[np.float64]:
        pixels = self._render(field)
        return np.array([crop.score(pixels) for crop in crops])

    def _score_file(
        self, field: NDArray[np.float64], *, until_it_fails: bool = False, record: bool = False
    ) -> FieldFile:
        file = super()._score_file(field, until_it_fails=until_it_fails, record=record)
        if self._nearest is None or file.worst < self._nearest.worst:
            self._nearest = file
        return file
