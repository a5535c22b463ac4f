"""Search a colour field that brings the guides' scores of the stored file to targets drawn for it, from either side.

The rounds are those of `facepriv.perturb.colour_field.search`: slopes, the least change that would do if scores were
linear, half of the first step, the face found anew. What differs is the goal. Since a target may lie beyond zero, short
of it, or beyond the original's own score, going past it is no good, so a step demands equality of every guide, and a
round ends with a landing: small steps by the slopes known, the stored file scored after each.

The landmarks found anew lie on whole pixels and move in leaps as the image changes, and with them the score, by a nat
or so: along one line a target may be leapt over for good. So every small step is sought under the crop of the last
file, and through patterns drawn anew, until one hits that leaves the landmarks where they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from facepriv.imaging.quality import psnr_db
from facepriv.perturb.base import KeptClassifiers, Perturbation
from facepriv.perturb.colour_field.search import (
    FIRST_SHARE,
    LENGTHS,
    RETREAT,
    RETREATS,
    SMALLER,
    FieldSearch,
    PatternInput,
    Plan,
    crossings,
)
from facepriv.perturb.common.anchored_crop import AnchoredCrop
from facepriv.perturb.common.least_change import exact_change
from facepriv.perturb.targets import Targets
from facepriv.types import AttributeClassifier, Face, Image, Stop

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
"""Share of the patterns that each small step goes through, drawn anew."""


@dataclass(frozen=True, eq=False)
class LandingFile:
    """A field rendered, and the guides' scores of the stored file."""

    field: NDArray[np.float64]
    pixels: Image
    face: Face | None
    """The face found anew in the file."""
    scores: NDArray[np.float64]
    """``(guides,)`` log-odds; NaN where no face was found."""
    distance: float
    """Nats from the worst guide's score to its target; infinite where no face was found."""


class FieldLanding(FieldSearch):
    """The search for one face's field that ends at its targets.

    Parameters
    ----------
    plan
        Its margin and its versions say nothing here.
    rng
        Draws the patterns of small steps.
    """

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
        # What the search takes for margins are scores here: there is no side to leave.
        self.sides = [1] * len(classifiers)
        self._landed: LandingFile | None = None
        self._nearest: LandingFile | None = None

    def result(self) -> Perturbation:
        """Search the field and return the perturbation; an image that is at its targets already is left alone."""
        last = self._score_landing(np.zeros(len(self.units)), record=False)
        if not self.targets.reached(last.scores):
            last = self._approach()
        if self._landed is not None and self._landed is not last:
            # A later field was tried and did no better: back to the one that is stored.
            last = self._landed
            self.trajectory.append(float(last.scores[0]))
        elif self._nearest is not None and self._nearest.distance < last.distance:
            last = self._nearest
            self.trajectory.append(float(last.scores[0]))
        stop: Stop = "face-lost" if last.face is None else "rounds"
        perturbation = self._perturbation(last.pixels, "landed" if self.targets.reached(last.scores) else stop)
        return replace(perturbation, targets=self.targets)

    def _approach(self) -> LandingFile:
        """Go from field to field; `_landed` is the smallest that lands. Return the last file, or the landed one."""
        field, anchor = np.zeros(len(self.units)), self.face
        number, hard = self._first_round(), False
        while True:
            chosen = self._choose_units(number, hard) if self._landed is None else self.patterns
            inputs = self._inputs(anchor, chosen)
            scores = self._measure_slopes(inputs, chosen)
            self._measure_kept_slopes(anchor, chosen)
            shares = self._field_shares(number, field, smaller=self._landed is not None)
            step, left = self._find_leap(inputs, field, scores, shares)
            if self._landed is not None and (left > 0 or self._is_no_smaller(step)):
                return self._landed
            distance = self._distance(scores)
            if number == 0:
                hard = self._is_hard(step, distance, distance - left)
            half = number == 0 and left <= 0 and distance > NEAR
            file = self._score_landing(field + (FIRST_SHARE if half else 1.0) * (step - field))
            for _ in range(RETREATS):
                if file.face is not None or self._landed is not None:
                    break
                file = self._score_landing(RETREAT * file.field)
            if not half and file.distance <= LANDING_DISTANCE:
                file = self._land(file)
            if self.targets.reached(file.scores):
                if self._landed is not None and self._is_no_smaller(file.field):
                    return self._landed
                self._landed = file
                if psnr_db(self.face.pixels, file.pixels, self.face.box) >= self.plan.psnr:
                    return file
            elif self._landed is not None:
                return self._landed
            number += 1
            if number >= self.plan.rounds or file.face is None:
                return file
            field, anchor = file.field, file.face
            self.anchors.append(len(self.trajectory) - 1)

    def _is_no_smaller(self, field: NDArray[np.float64]) -> bool:
        """Return whether a field is hardly smaller than the one that landed."""
        assert self._landed is not None
        return self._size(field) > SMALLER * self._size(self._landed.field)

    def _distance(self, scores: NDArray[np.float64]) -> float:
        """Return the nats from the worst guide's score to its target; infinite where a score is NaN."""
        return float(np.nan_to_num(np.abs(scores - self.targets.scores), nan=np.inf).max())

    def _find_leap(
        self,
        inputs: list[PatternInput],
        field: NDArray[np.float64],
        scores: NDArray[np.float64],
        shares: tuple[float, ...],
    ) -> tuple[NDArray[np.float64], float]:
        """Return the smallest field tried that brings all guides to their targets, else the best, and the nats left.

        Parameters
        ----------
        field, scores
            The anchor's field, and the scores ``(guides,)`` there.
        shares
            Of that field from which a step may start.
        """
        known = np.asarray(self.slopes.any(axis=0))
        metric, slopes = self.metric[np.ix_(known, known)], self.slopes[:, known]
        lengths = np.array((0.0, *LENGTHS))
        fields = np.empty((len(shares), len(lengths), len(field)))
        for row, share in enumerate(shares):
            start = share * field
            step = np.zeros(len(field))
            demands = self.targets.scores - scores - self.slopes @ (start - field)
            step[known] = self.kept.solve_step(exact_change, metric, slopes, demands, known, start - field)
            fields[row] = start + np.outer(lengths, step)
        tried = self._margins(inputs, fields.reshape(-1, len(field)) - field).T.reshape(*fields.shape[:2], -1)
        past = tried - self.targets.scores
        # From each start, every guide has its own side of the target to come from; 0 once it is there.
        left = (past * np.where(past[:, :1] < 0, -1, 1)).max(axis=-1)
        reaching = crossings(left, fields, 0.0)
        if reaching:
            return min(reaching, key=self._size), 0.0
        if field.any():
            nearest = np.unravel_index(int(np.argmin(left)), left.shape)
            return fields[nearest], float(left[nearest])
        best = 1 + self._efficient_length(left[0, 1:], fields[0, 1:], left[0, 0])
        return fields[0, best], float(left[0, best])

    def _land(self, file: LandingFile) -> LandingFile:
        """Bring a field near its targets to them by small steps; return the best file."""
        known = np.flatnonzero(self.slopes.any(axis=0))
        share = 1.0
        for _ in range(LANDING_STEPS):
            if file.face is None or file.distance <= AIM * self.targets.tolerance:
                break
            count = max(len(self.classifiers), round(PATTERN_SHARE * len(known)))
            units = np.sort(self._rng.permutation(known)[:count])
            trial = self._score_landing(self._small_step(file, file.face, units, share))
            # Where a step leads from one side of a leap to the other, a shorter one may stay before it.
            share = 1.0 if trial.distance < file.distance else max(share / 2, LEAST_SHARE)
            file = min(file, trial, key=lambda each: each.distance)
        return file

    def _small_step(self, file: LandingFile, face: Face, units: NDArray[np.int64], share: float) -> NDArray[np.float64]:
        """Return a field, moved through some units, that goes a share of the distance if the face stays in place."""
        metric, slopes = self.metric[np.ix_(units, units)], self.slopes[:, units]
        crops = [AnchoredCrop(classifier, face) for classifier in self.classifiers]
        field, scores = file.field.copy(), file.scores
        goal = scores + share * (self.targets.scores - scores)
        for _ in range(STEP_TRIALS):
            field[units] += exact_change(metric, slopes, goal - scores)
            pixels = self._render(field)
            inputs = [crop.take(pixels)[None] for crop in crops]
            scores = np.array([float(c.score(i)[0]) for c, i in zip(self.classifiers, inputs, strict=True)])
            if np.abs(goal - scores).max() <= AIM * self.targets.tolerance:
                break
        return field

    def _score_landing(self, field: NDArray[np.float64], *, record: bool = True) -> LandingFile:
        """Render a field, and score the file with the face found anew."""
        pixels = self._render(field)
        margins = self.guides.score_file(self.face, pixels)
        scores = margins.margins[0] * self.guides.sides
        if record:
            self.trajectory.append(float(scores[0]))
        file = LandingFile(field, pixels, margins.face, scores, self._distance(scores))
        if self._nearest is None or file.distance < self._nearest.distance:
            self._nearest = file
        return file
