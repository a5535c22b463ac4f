"""Search the coefficients of a smooth field that turns all guides on the stored file with little change of the image.

1. One batch of one-sided differences in the guide's input tells the slope of its score along every pattern.
2. The least change of the image that would bring the score to its goal if it were linear is a small quadratic problem
   (`least_change`). A second batch along that direction, and along mixtures with what was found before, tells how far
   to go since the score is not linear.
3. The first time only half of the way is gone. The image is rounded and the face found anew in it, so that the next
   slopes are those of what will be stored; on most faces they are taken only along the patterns that count most.
4. A flip counts on the stored file and on every version of it that is asked for, with the face found anew in each.
   Where it does not hold, the goal is moved. Where it does, the whole field is made weaker until it would fail, and if
   the image has still changed more than is wanted, further patterns are tried to make it smaller.

Where directions were learnt from other people, they are tried first: some slopes instead of a hundred.

Where other classifiers' scores are to be kept, their slopes are taken too, and the change that counts for little is one
that also leaves them where they were: to the square of a field's size comes that of their predicted change, in nats
from the untouched image. A flip that holds but strays is followed by further rounds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from facepriv.errors import BadInputError
from facepriv.imaging.crop import take_crop
from facepriv.imaging.quality import psnr_db
from facepriv.perturb.base import KeptClassifiers, Perturbation
from facepriv.perturb.colour_field.cosine_field import CosineField, Pattern
from facepriv.perturb.colour_field.kept_score_slopes import NEAR_ENOUGH, KeptScores
from facepriv.perturb.colour_field.matcher_sensitivity import matcher_sensitivity
from facepriv.perturb.common.face_frame import face_frame
from facepriv.perturb.common.guides import Guides
from facepriv.perturb.common.least_change import least_change
from facepriv.types import AttributeClassifier, CropFunction, Face, Image, Stop

RIDGE = 0.01
"""Added to the metric's diagonal: patterns that hardly change the image must not become large."""
STEP = 4.0
"""Grey levels by which a pattern is moved to see its slope."""
AGAIN = 50
"""Patterns whose slopes are taken a second time on most faces."""
FIRST = 0.5
"""Share of the way that is gone before the face is found anew."""
HARD = 6.5
"""Size of the first step, root mean square in grey levels, from which a face counts as hard: some 37 dB."""
OVERSHOOT, SLACK = 1.2, 0.6
"""Nats beyond the margin at which a step aims, since the file never quite agrees with the input: before the file was
looked at, and afterwards."""
MOST_SLACK = 3.0
LEAST_WAY = 0.3
"""Nats that a step goes at least, however near the goal is."""
LENGTHS = (0.4, 0.7, 1.0, 1.4, 2.0)
"""Lengths of a step that are tried, in those that a linear score would need."""
KEPT = (0.0, 0.5, 0.75, 1.0)
"""Shares of the field found so far that a later step may keep."""
KEPT_SMALLER = (0.0, 0.5, 0.7, 0.8, 0.9, 0.95)
"""The same where a field that holds is to be made smaller."""
EFFICIENT = 0.8
"""A first step that cannot reach the goal goes on as long as it gains this share of what it gained at its best."""
STRETCH, MOST_STRETCH = 0.2, 1.15
"""A field that nearly holds is made stronger, up to so much, to gain what lacks and so many nats."""
WEAKEST, HALVINGS, LEARNT_HALVINGS = 0.6, 4, 2
"""A field that holds is made weaker by halving the interval from this share of it to all of it so many times."""
WORTH = 0.97
"""A later field is taken only if it is smaller than this share of the one that holds."""
RETREAT, RETREATS = 0.7, 4
"""Share of a field that is kept where it made the face impossible to find, and how often it is made so much weaker."""
BATCH_VALUES = 4_000_000
"""Most numbers in one batch of inputs."""


@dataclass(frozen=True, eq=False)
class Plan:
    """What a search may change and what it must reach."""

    core: Sequence[Pattern]
    """Patterns tried on every face."""
    more: Sequence[Pattern]
    """Patterns added on a face that is hard."""
    weights: Mapping[str, float]
    """What a squared grey level of a colour axis counts for; 1 where none is given."""
    versions: tuple[str, ...]
    """Versions of the file on which the flip must hold too."""
    margin: float
    """How far past zero every score must be, nats."""
    noticed: float
    """What the sensitivity of matchers (`matcher_sensitivity`) counts for in the size of a change; 0 = nothing."""
    psnr: float
    """PSNR of the face box, dB, below which more is tried."""
    rounds: int
    directions: NDArray[np.float64] | None = None
    """``(d, core)``: learnt directions, tried first."""


@dataclass(frozen=True, eq=False)
class _Look:
    """What the stored file showed."""

    pixels: Image
    first_score: float
    """First guide's score of the file; NaN where the face was lost."""
    plain: float
    """Largest margin of any guide on the file itself: score times side, negative is wrong; NaN where it was lost."""
    worst: float
    """The same over the file and its versions; infinite where a face was lost or not looked for."""
    found: Face | None
    """The face found anew in the file itself."""


class FieldSearch:
    """The search for one face's field.

    Coefficients are those of *units*: learnt directions, if any, then the core patterns, then the further ones.
    """

    def __init__(
        self, face: Face, guides: Sequence[AttributeClassifier], plan: Plan, keep: KeptClassifiers | None = None
    ) -> None:
        self.face, self.guides, self.plan = face, guides, plan
        self.field = CosineField(face_frame(face), [*plan.core, *plan.more])
        size = len(self.field.patterns)
        learnt = np.zeros((0, size))
        pixels = self.field.gram(plan.weights)
        metric = pixels + plan.noticed * matcher_sensitivity(self.field.patterns)
        if plan.directions is not None:
            learnt = np.zeros((len(plan.directions), size))
            learnt[:, : len(plan.core)] = plan.directions
        self.units = np.vstack([learnt, np.eye(size)])
        """``(units, patterns)``."""
        self.metric = self.units @ metric @ self.units.T + RIDGE * np.eye(len(self.units))
        """What a change counts for: that of the pixels, and that of templates."""
        self.pixels = self.units @ pixels @ self.units.T + RIDGE * np.eye(len(self.units))
        """The same of the pixels alone."""
        self.learnt = np.arange(len(learnt))
        self.core = len(learnt) + np.arange(len(plan.core))
        self.patterns = len(learnt) + np.arange(size)
        # What the guides see: their input as it is, and in greyscale where that counts.
        self.greys = (False, True) if "grey" in plan.versions else (False,)
        self.judges = Guides(guides, face, -plan.margin)
        self.sides = self.judges.sides.tolist()
        self.slopes = np.zeros((len(guides) * len(self.greys), len(self.units)))
        self.kept = KeptScores(keep, face, len(self.units))
        self.best_cost = np.inf
        self.trajectory = [self.judges.first_score]
        self.anchors: list[int] = []
        self.best: tuple[NDArray[np.float64], _Look] | None = None

    @property
    def coefficients(self) -> NDArray[np.float64]:
        """``(core,)`` coefficients of the core patterns in the field that was found; zero where none was."""
        if self.best is None:
            return np.zeros(len(self.plan.core))
        found: NDArray[np.float64] = (self.best[0] @ self.units)[: len(self.plan.core)]
        return found

    def result(self) -> Perturbation:
        """Find the field and give what came of it."""
        if self.judges.first.max() <= -self.plan.margin:
            look = self._look(np.zeros(len(self.units)))
            if self._holds(look):
                return self._done(look.pixels, "already-wrong")
        last = self._rounds()
        if self.best is not None:
            best = self.best[1]
            if self.trajectory[-1] != best.first_score:
                # A later field was tried and did no better: back to the one that is stored.
                self.trajectory.append(best.first_score)
            return self._done(best.pixels, "flipped")
        return self._done(last.pixels, "face-lost" if last.found is None else "rounds")

    def _done(self, pixels: Image, stop: Stop) -> Perturbation:
        return Perturbation(
            pixels=pixels,
            updates=len(self.trajectory) - 1,
            stop=stop,
            trajectory=np.array(self.trajectory),
            anchors=tuple(self.anchors),
        )

    def _rounds(self) -> _Look:
        """Go from field to field; `best` is the smallest that holds. Gives the last look."""
        plan = self.plan
        slack, lost_in_versions = OVERSHOOT, 0.0
        here, anchor = np.zeros(len(self.units)), self.face
        hard, learning = False, len(self.learnt) > 0
        # Rounds by the learnt directions come before the others.
        number = -2 if learning else 0
        while True:
            goal = -plan.margin - slack - lost_in_versions
            chosen = self._chosen(number, hard)
            inputs = self._inputs(anchor, chosen)
            margins = self._take_slopes(inputs, chosen)
            others = self._take_kept_slopes(anchor, chosen)
            kept = (0.0,) if not here.any() else KEPT if self.best is None else KEPT_SMALLER
            step, predicted = self._step(inputs, others, here, margins, goal, kept if number >= 0 else (kept[-1],))
            reached = predicted <= goal
            if self.best is not None and (not reached or self._costs(others, [step], here)[0] > WORTH * self.best_cost):
                return self.best[1]
            if number == 0:
                # What it would take if the rest of the way were like the part gone.
                whole = (
                    np.sqrt(step @ self.pixels @ step) * (margins.max() - goal) / max(margins.max() - predicted, 1e-9)
                )
                hard = bool(whole > HARD)
            partly = number == 0 and reached
            here = here + (FIRST if partly else 1.0) * (step - here)
            look = self._look(here, noted=True)
            for _ in range(RETREATS):
                if look.found is not None or self.best is not None:
                    break
                here, reached = RETREAT * here, False
                look = self._look(here, noted=True)
            if reached and not partly and not self._holds(look):
                here, look = self._stretched(here, look)
            if self._holds(look):
                here, look = self._weakest(here, look)
                strayed = self.kept.strayed(look.found)
                cost = (
                    self._size(here)
                    if not len(strayed)
                    else float(np.hypot(self._size(here), np.sqrt(self.kept.worth(strayed))))
                )
                if self.best is not None and cost > WORTH * self.best_cost:
                    return self.best[1]
                self.best, self.best_cost = (here, look), cost
                near = bool((np.abs(strayed) <= NEAR_ENOUGH).all())
                if near and psnr_db(self.face.pixels, look.pixels, self.face.box) >= plan.psnr:
                    return look
            elif self.best is not None:
                return self.best[1]
            number += 1
            if number >= plan.rounds or look.found is None:
                return look
            # What versions of the file lose against the file itself must be made good for, too.
            lost_in_versions = max(0.0, look.worst - look.plain) if np.isfinite(look.worst) else MOST_SLACK
            missed = look.worst + plan.margin if reached and not partly else 0.0
            slack = min(slack, SLACK) + float(np.clip(missed, 0.0, MOST_SLACK))
            anchor = look.found
            self.anchors.append(len(self.trajectory) - 1)

    def _chosen(self, number: int, hard: bool) -> NDArray[np.int64]:
        """Choose the units whose slopes are taken in a round."""
        if number < 0:
            return self.learnt
        if number == 0 or (hard and number == 1):
            return self.core
        if number == 1 or (number == 2 and not hard and self.best is None):
            gain = (self.slopes[:, self.core] ** 2 / np.diag(self.metric)[self.core]).max(axis=0)
            return self.core[np.sort(np.argsort(-gain, kind="stable")[:AGAIN])]
        return self.patterns

    def _size(self, field: NDArray[np.float64]) -> float:
        return float(np.sqrt(field @ self.metric @ field))

    def _holds(self, look: _Look) -> bool:
        return look.worst <= -self.plan.margin

    def _inputs(
        self, anchor: Face, chosen: NDArray[np.int64], classifiers: Sequence[AttributeClassifier] | None = None
    ) -> list[PatternInput]:
        """Return the inputs at an anchor: the guides', or those of other classifiers."""
        used = np.concatenate([np.flatnonzero(self.slopes.any(axis=0)), chosen])
        needed = np.asarray(self.units[used].any(axis=0))
        return [
            PatternInput(one, anchor, self.field, needed)
            for one in (self.guides if classifiers is None else classifiers)
        ]

    def _take_slopes(self, inputs: list[PatternInput], chosen: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the margins ``(views,)`` at the anchor, and keep their slopes along the chosen units."""
        moves = np.zeros((len(chosen) + 1, len(self.units)))
        moves[np.arange(1, len(chosen) + 1), chosen] = STEP
        margins = self._margins(inputs, moves)
        self.slopes[:, chosen] = (margins[:, 1:] - margins[:, :1]) / STEP
        if not self.slopes.any(axis=1).all():
            raise BadInputError(
                "Scores that change with the image were expected of every guide, but one gives the same score for "
                "every change tried; check its weights, or choose another guide.",
                code="guide-constant",
            )
        return margins[:, 0]

    def _margins(self, inputs: list[PatternInput], moves: NDArray[np.float64]) -> NDArray[np.float64]:
        """Score changes ``(m, units)`` of the anchor's image in every view: ``(views, m)``, score times side."""
        changes = moves @ self.units
        return np.stack(
            [
                side * one.score(changes, grey=grey)
                for one, side in zip(inputs, self.sides, strict=True)
                for grey in self.greys
            ]
        )

    def _take_kept_slopes(self, anchor: Face, chosen: NDArray[np.int64]) -> list[PatternInput]:
        """Note scores and slopes of what is kept at the anchor; return its inputs there."""
        inputs = self._inputs(anchor, chosen, self.kept.classifiers)
        if inputs:
            moves = np.zeros((len(chosen) + 1, len(self.units)))
            moves[np.arange(1, len(chosen) + 1), chosen] = STEP
            scores = np.stack([one.score(moves @ self.units, grey=False) for one in inputs])
            self.kept.note(scores[:, 0], (scores[:, 1:] - scores[:, :1]) / STEP, chosen)
        return inputs

    def _costs(
        self, others: list[PatternInput], fields: Sequence[NDArray[np.float64]], here: NDArray[np.float64]
    ) -> list[float]:
        """Return what fields count for: their size and, under the anchor's crop, what they do to kept scores."""
        sizes = [self._size(field) for field in fields]
        if not others:
            return sizes
        changes = (np.array(fields) - here) @ self.units
        scores = np.stack([one.score(changes, grey=False) for one in others])
        return [float(cost) for cost in np.sqrt(np.square(sizes) + self.kept.count(scores))]

    def _step(
        self,
        inputs: list[PatternInput],
        others: list[PatternInput],
        here: NDArray[np.float64],
        margins: NDArray[np.float64],
        goal: float,
        kept: tuple[float, ...],
    ) -> tuple[NDArray[np.float64], float]:
        """Give the smallest field tried that brings all views to the goal, else the best, and its predicted margin."""
        known = np.asarray(self.slopes.any(axis=0))
        metric, slopes = self.metric[np.ix_(known, known)], self.slopes[:, known]
        tried = []
        for share in kept:
            centre = share * here
            lacking = goal - margins - self.slopes @ (centre - here)
            lacking -= max(0.0, float(lacking.min()) + LEAST_WAY)
            way = np.zeros(len(here))
            way[known] = self.kept.way(least_change, metric, slopes, lacking, known, centre - here)
            tried += [centre + length * way for length in LENGTHS]
        fields = np.array(tried).reshape(len(kept), len(LENGTHS), -1)
        worst = self._margins(inputs, np.array(tried) - here).max(axis=0).reshape(len(kept), len(LENGTHS))
        reaching = [
            field for line, row in zip(worst, fields, strict=True) if (field := crossing(line, row, goal)) is not None
        ]
        if reaching:
            costs = self._costs(others, reaching, here)
            return reaching[costs.index(min(costs))], goal
        if here.any():
            row, column = np.unravel_index(int(np.argmin(worst)), worst.shape)
            return fields[row, column], float(worst[row, column])
        # Far from the start slopes say little, so a first step ends where it begins to gain less.
        rate = (margins.max() - worst[0]) / np.array([self._size(field) for field in fields[0]])
        # Where every length loses, the one that loses least.
        column = np.flatnonzero(rate >= EFFICIENT * rate.max())[-1] if rate.max() > 0 else np.argmin(worst[0])
        return fields[0, column], float(worst[0, column])

    def _look(self, field: NDArray[np.float64], *, until_fails: bool = False, noted: bool = False) -> _Look:
        """Render a field, and score the file and its versions with the face found anew in each."""
        pixels = self.field.apply(self.face.pixels, field @ self.units)
        until = -self.plan.margin if until_fails else np.inf
        look = self.judges.look(self.face, pixels, self.plan.versions, until=until)
        first = float(look.margins[0, 0] * self.sides[0])
        # A version not looked at, or without a face, is as bad as can be.
        worst = float(np.nan_to_num(look.margins, nan=np.inf).max())
        if noted:
            self.trajectory.append(first)
        return _Look(pixels, first, float(look.margins[0].max()), worst, look.found)

    def _stretched(self, field: NDArray[np.float64], look: _Look) -> tuple[NDArray[np.float64], _Look]:
        """Make a field stronger that nearly holds; a longer way is left to the next round."""
        gain = -float((self.slopes @ field).max())
        factor = 1 + (look.worst + self.plan.margin + STRETCH) / max(gain, 1e-9)
        if not factor <= MOST_STRETCH:
            return field, look
        return factor * field, self._look(factor * field, noted=True)

    def _weakest(self, field: NDArray[np.float64], look: _Look) -> tuple[NDArray[np.float64], _Look]:
        """Make a field that holds as weak as it may be."""
        low, high = WEAKEST, 1.0
        for _ in range(LEARNT_HALVINGS if len(self.learnt) else HALVINGS):
            middle = (low + high) / 2
            weaker = self._look(middle * field, until_fails=True)
            if self._holds(weaker):
                high, look = middle, weaker
            else:
                low = middle
        self.trajectory[-1] = look.first_score
        return high * field, look


def crossing(line: NDArray[np.float64], fields: NDArray[np.float64], goal: float) -> NDArray[np.float64] | None:
    """Return the field at which margins ``line`` along growing ``fields`` first reach the goal; None if they do not."""
    there = np.flatnonzero(line <= goal)
    if len(there) == 0:
        return None
    after = int(there[0])
    share = (line[after - 1] - goal) / (line[after - 1] - line[after]) if after > 0 else 1.0
    before = fields[max(after - 1, 0)]
    crossing: NDArray[np.float64] = before + share * (fields[after] - before)
    return crossing


class PatternInput:
    """A guide's input at an anchor, and what each pattern adds to it."""

    def __init__(self, guide: AttributeClassifier, anchor: Face, field: CosineField, needed: NDArray[np.bool_]) -> None:
        spec = guide.crop(anchor)
        if isinstance(spec, CropFunction):
            raise BadInputError(
                f"The method colour-field needs a guide whose crop is a linear map of the image, but that of "
                f"{guide.name} is not; choose another guide, or the method algorithm1.",
                code="crop-not-linear",
            )
        self._guide, self._needed = guide, np.flatnonzero(needed)
        self._input = take_crop(spec, anchor.pixels)
        self._effects = field.on_input(spec, self._needed).reshape(len(self._needed), -1)

    def score(self, changes: NDArray[np.float64], *, grey: bool) -> NDArray[np.float64]:
        """Score the anchor's image with fields ``(m, patterns)`` added, in greyscale if asked."""
        most = max(1, BATCH_VALUES // self._input.size)
        scores = []
        for start in range(0, len(changes), most):
            part = changes[start : start + most, self._needed].astype(np.float32)
            inputs = (part @ self._effects).reshape(-1, *self._input.shape) + self._input
            if grey:
                luma = [cv2.cvtColor(one, cv2.COLOR_RGB2GRAY) for one in inputs]
                inputs = np.repeat(np.stack(luma)[..., None], 3, axis=-1)
            scores.append(self._guide.score(inputs))
        return np.concatenate(scores)
