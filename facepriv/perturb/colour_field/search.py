"""Search a colour field that flips all guides on the stored file with little change of the image.

1. One batch of one-sided differences in the guide's input gives the slope of its score along every pattern.
2. The least change of the image that would bring the score to its goal if it were linear is a small quadratic problem
   (`least_change`). A second batch along that direction, and along mixtures with the field so far, tells how far to go,
   since the score is not linear.
3. The first step is halved. The image is rounded and the face found again in it, so that the next slopes are those of
   what will be stored; on most faces they are taken only along the patterns that count most.
4. A flip counts on the stored file and on every version of it that is asked for, with the face found again in each.
   Where it does not hold, the goal is moved. Where it does, the whole field is weakened until it would fail, and if
   the image has still changed more than is wanted, further patterns are tried to make it smaller.

Directions that were learnt from other people are tried first: some slopes instead of a hundred.

Where other classifiers' scores are to be kept, their slopes are taken too, and the square of their predicted change is
added to that of the field's size (`kept_score_slopes`). A flip that holds but changes them is followed by further
rounds.
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
from facepriv.perturb.colour_field.kept_score_slopes import NEAR_ENOUGH, KeptScores, Solve
from facepriv.perturb.colour_field.matcher_sensitivity import matcher_sensitivity
from facepriv.perturb.common.face_frame import face_frame
from facepriv.perturb.common.guides import FileMargins, Guides
from facepriv.perturb.common.least_change import least_change
from facepriv.types import AttributeClassifier, CropFunction, Face, Image, Stop

RIDGE = 0.01
"""Added to the metric's diagonal: patterns that hardly change the image must not become large."""
SLOPE_STEP = 4.0
"""Grey levels by which a pattern is moved to measure its slope."""
SECOND_PATTERNS = 50
"""Patterns whose slopes are measured a second time on most faces."""
FIRST_SHARE = 0.5
"""Share of the first step that is gone before the face is found again."""
HARD = 6.5
"""Size of the first step, root mean square in grey levels, from which a face counts as hard: some 37 dB."""
OVERSHOOT, SLACK = 1.2, 0.6
"""Nats beyond the margin at which a step aims, since the file never quite agrees with the input: before the file was
scored, and afterwards."""
MOST_SLACK = 3.0
LEAST_STEP = 0.3
"""Nats that a step demands at least, however near the goal is."""
LENGTHS = (0.4, 0.7, 1.0, 1.4, 2.0)
"""Lengths of a step that are tried, in those that a linear score would need."""
FIELD_SHARES = (0.0, 0.5, 0.75, 1.0)
"""Shares of the field so far from which a later step starts."""
FIELD_SHARES_SMALLER = (0.0, 0.5, 0.7, 0.8, 0.9, 0.95)
"""The same where a field that holds is to be made smaller."""
EFFICIENCY = 0.8
"""A first step that cannot reach the goal goes on as long as it gains this share of what it gained at its best."""
STRETCH, MOST_STRETCH = 0.2, 1.15
"""A field that nearly holds is made stronger, up to so much, to gain its shortfall and so many nats."""
WEAKEST, HALVINGS, LEARNT_HALVINGS = 0.6, 4, 2
"""A field that holds is made weaker by halving the interval from this share of it to all of it so many times."""
SMALLER = 0.97
"""A later field is taken only if it costs less than this share of the one that holds."""
RETREAT, RETREATS = 0.7, 4
"""Share of a field that is left where it made the face impossible to find, and how often it is made so much weaker."""
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
class FieldFile:
    """A field rendered, and what the guides say of the stored file."""

    field: NDArray[np.float64]
    """``(units,)``."""
    pixels: Image
    face: Face | None
    """The face found again in the file itself."""
    scores: NDArray[np.float64]
    """``(guides,)`` log-odds of the file itself; NaN where the face was lost."""
    worst: float
    """Largest margin (score times side, negative is wrong) of any guide on the file and its versions, or nats from the
    worst guide's score to its target; infinite where a face was lost or a version left out."""


class FieldSearch:
    """The search for one face's field.

    Coefficients are those of *units*: learnt directions, if any, then the core patterns, then the further ones.
    """

    lengths: Sequence[float] = LENGTHS
    solver: Solve = staticmethod(least_change)
    half_from = -np.inf
    """Nats from the goal beyond which the first step is halved."""

    def __init__(
        self, face: Face, classifiers: Sequence[AttributeClassifier], plan: Plan, kept: KeptClassifiers | None = None
    ) -> None:
        self.face, self.classifiers, self.plan = face, classifiers, plan
        self.cosines = CosineField(face_frame(face), [*plan.core, *plan.more])
        size = len(self.cosines.patterns)
        learnt = np.zeros((0, size))
        pixels = self.cosines.gram(plan.weights)
        metric = pixels + plan.noticed * matcher_sensitivity(self.cosines.patterns)
        if plan.directions is not None:
            learnt = np.zeros((len(plan.directions), size))
            learnt[:, : len(plan.core)] = plan.directions
        self.units = np.vstack([learnt, np.eye(size)])
        """``(units, patterns)``."""
        self.metric = self.units @ metric @ self.units.T + RIDGE * np.eye(len(self.units))
        """What a change counts for: that of the pixels, and that of templates."""
        self.pixel_metric = self.units @ pixels @ self.units.T + RIDGE * np.eye(len(self.units))
        """The same of the pixels alone."""
        self.learnt = np.arange(len(learnt))
        self.core = len(learnt) + np.arange(len(plan.core))
        self.patterns = len(learnt) + np.arange(size)
        # What the guides see: their input as it is, and in greyscale where that counts.
        self.greys = (False, True) if "grey" in plan.versions else (False,)
        self.guides = Guides(classifiers, face, -plan.margin)
        self.sides = self.guides.sides.tolist()
        self.slopes = np.zeros((len(classifiers) * len(self.greys), len(self.units)))
        self.kept = KeptScores(kept, face, len(self.units))
        self.goal = -plan.margin - OVERSHOOT
        """Margin at which a step aims."""
        self._slack = OVERSHOOT
        self.trajectory = [self.guides.original_score]
        self.anchors: list[int] = []
        self.best: FieldFile | None = None
        self.best_cost = np.inf

    @property
    def coefficients(self) -> NDArray[np.float64]:
        """``(core,)`` coefficients of the core patterns in the best field; zero where none holds."""
        if self.best is None:
            return np.zeros(len(self.plan.core))
        return (self.best.field @ self.units)[: len(self.plan.core)]

    def result(self) -> Perturbation:
        """Search the field and return the perturbation."""
        if self.guides.original_margins.max() <= -self.plan.margin:
            file = self._score_file(np.zeros(len(self.units)))
            if self._holds(file):
                return self._perturbation(file, "already-wrong")
        last = self._search()
        if self.best is None:
            return self._perturbation(last, "face-lost" if last.face is None else "rounds")
        if self.trajectory[-1] != self.best.scores[0]:
            # A later field was tried and did no better: back to the one that is stored.
            self.trajectory.append(float(self.best.scores[0]))
        return self._perturbation(self.best, "flipped")

    def _perturbation(self, file: FieldFile, stop: Stop) -> Perturbation:
        return Perturbation(
            pixels=file.pixels,
            updates=len(self.trajectory) - 1,
            stop=stop,
            trajectory=np.array(self.trajectory),
            anchors=tuple(self.anchors),
        )

    def _search(self) -> FieldFile:
        """Go from field to field; `best` is the cheapest that holds. Return the last file scored, or the best one."""
        field, anchor = np.zeros(len(self.units)), self.face
        # Two rounds by the learnt directions come before round 0.
        number, hard = -2 if len(self.learnt) else 0, False
        while True:
            chosen = self._choose_units(number, hard)
            inputs = self._inputs(anchor, chosen)
            margins = self._measure_slopes(inputs, chosen)
            kept_inputs = self._measure_kept_slopes(anchor, chosen)
            step, predicted = self._find_step(inputs, kept_inputs, field, margins, number)
            reached = predicted <= self.goal
            if self.best is not None and (
                not reached or self._costs(kept_inputs, [step], field)[0] > SMALLER * self.best_cost
            ):
                return self.best
            way = self._way(margins)
            if number == 0:
                hard = self._is_hard(step, way, way - (predicted - self.goal))
            half = number == 0 and reached and way > self.half_from
            file = self._score_file(field + (FIRST_SHARE if half else 1.0) * (step - field), record=True)
            for _ in range(RETREATS):
                if file.face is not None or self.best is not None:
                    break
                reached = False
                file = self._score_file(RETREAT * file.field, record=True)
            file = self._improve(file, half=half, reached=reached)
            if self._holds(file):
                cost, good_enough = self._judge(file)
                if self.best is not None and cost > SMALLER * self.best_cost:
                    return self.best
                self.best, self.best_cost = file, cost
                if good_enough:
                    return file
            elif self.best is not None:
                return self.best
            number += 1
            if number >= self.plan.rounds or file.face is None:
                return file
            self._move_goal(file, reached and not half)
            field, anchor = file.field, file.face
            self.anchors.append(len(self.trajectory) - 1)

    def _choose_units(self, number: int, hard: bool) -> NDArray[np.int64]:
        """Choose the units whose slopes are measured in a round."""
        if number < 0:
            return self.learnt
        if number == 0 or (hard and number == 1):
            return self.core
        if number == 1 or (number == 2 and not hard and self.best is None):
            gain = (self.slopes[:, self.core] ** 2 / np.diag(self.metric)[self.core]).max(axis=0)
            return self.core[np.sort(np.argsort(-gain, kind="stable")[:SECOND_PATTERNS])]
        return self.patterns

    def _is_hard(self, step: NDArray[np.float64], way: float, gain: float) -> bool:
        """Return whether the whole ``way``, nats, takes a large change if all of it is like the ``gain`` of a step."""
        return bool(np.sqrt(step @ self.pixel_metric @ step) * way / max(gain, 1e-9) > HARD)

    def _size(self, field: NDArray[np.float64]) -> float:
        return float(np.sqrt(field @ self.metric @ field))

    # -- what a landing does differently ------------------------------------------------------------------------------

    def _way(self, margins: NDArray[np.float64]) -> float:
        """Return the nats from margins ``(views,)`` to the goal."""
        return float(margins.max()) - self.goal

    def _demands(self, margins: NDArray[np.float64], moved: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return by how much a step must change each view's margin, from a field ``moved`` away from the anchor's."""
        demands = self.goal - margins - self.slopes @ moved
        return demands - max(0.0, float(demands.min()) + LEAST_STEP)

    def _worst_view(self, margins: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the number ``(lines, lengths)`` that must reach the goal, of margins ``(views, lines, lengths)``."""
        return margins.max(axis=0)

    def _worst_of_file(self, file: FileMargins) -> float:
        # A version left out, or without a face, is as bad as can be.
        return float(np.nan_to_num(file.margins, nan=np.inf).max())

    def _holds(self, file: FieldFile) -> bool:
        return file.worst <= -self.plan.margin

    def _improve(self, file: FieldFile, *, half: bool, reached: bool) -> FieldFile:
        """Make a field stronger that nearly holds, and one that holds weaker."""
        if reached and not half and not self._holds(file):
            file = self._strengthen(file)
        return self._weaken(file) if self._holds(file) else file

    def _judge(self, file: FieldFile) -> tuple[float, bool]:
        """Return what a field costs, in grey levels, and whether it is good enough.

        That is, whether kept scores have hardly changed in the file and its PSNR is high enough.
        """
        size, changes = self._size(file.field), self.kept.changes(file.face)
        near = bool((np.abs(changes) <= NEAR_ENOUGH).all())
        cost = float(np.hypot(size, np.sqrt(self.kept.cost(changes)))) if len(changes) else size
        return cost, near and self._psnr(file) >= self.plan.psnr

    def _psnr(self, file: FieldFile) -> float:
        return psnr_db(self.face.pixels, file.pixels, self.face.box)

    def _costs(
        self, kept_inputs: list[PatternInput], fields: Sequence[NDArray[np.float64]], field: NDArray[np.float64]
    ) -> list[float]:
        """Return the costs of fields: their size and, under the anchor's crop, what they do to kept scores.

        ``field`` is the anchor's.
        """
        sizes = [self._size(each) for each in fields]
        if not kept_inputs:
            return sizes
        patterns = (np.array(fields) - field) @ self.units
        scores = np.stack([kept_input.score(patterns, grey=False) for kept_input in kept_inputs])
        return [float(cost) for cost in np.sqrt(np.square(sizes) + self.kept.cost_of_scores(scores))]

    def _move_goal(self, file: FieldFile, missed: bool) -> None:
        """Aim at more in the next round: what the file missed its goal by, if it should have reached it."""
        # What versions of the file lose against the file itself must be made good for, too.
        margin = float((file.scores * self.guides.sides).max())
        version_loss = max(0.0, file.worst - margin) if np.isfinite(file.worst) else MOST_SLACK
        shortfall = file.worst + self.plan.margin if missed else 0.0
        self._slack = min(self._slack, SLACK) + float(np.clip(shortfall, 0.0, MOST_SLACK))
        self.goal = -self.plan.margin - self._slack - version_loss

    # -- slopes and steps ---------------------------------------------------------------------------------------------

    def _inputs(
        self, anchor: Face, chosen: NDArray[np.int64], classifiers: Sequence[AttributeClassifier] | None = None
    ) -> list[PatternInput]:
        """Return the inputs at an anchor: the guides', or those of other classifiers."""
        used = np.concatenate([np.flatnonzero(self.slopes.any(axis=0)), chosen])
        needed = np.asarray(self.units[used].any(axis=0))
        return [
            PatternInput(classifier, anchor, self.cosines, needed)
            for classifier in (self.classifiers if classifiers is None else classifiers)
        ]

    def _probes(self, chosen: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the fields ``(1 + chosen, units)`` whose scores give slopes: none, then each chosen unit moved."""
        fields = np.zeros((len(chosen) + 1, len(self.units)))
        fields[np.arange(1, len(chosen) + 1), chosen] = SLOPE_STEP
        return fields

    def _measure_slopes(self, inputs: list[PatternInput], chosen: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the margins ``(views,)`` at the anchor, and set their slopes along the chosen units."""
        margins = self._margins(inputs, self._probes(chosen))
        self.slopes[:, chosen] = (margins[:, 1:] - margins[:, :1]) / SLOPE_STEP
        if not self.slopes.any(axis=1).all():
            raise BadInputError(
                "Scores that change with the image were expected of every guide, but one gives the same score for "
                "every change tried; check its weights, or choose another guide.",
                code="guide-constant",
            )
        return margins[:, 0]

    def _margins(self, inputs: list[PatternInput], changes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Score changes ``(m, units)`` of the anchor's image in every view: ``(views, m)``, score times side."""
        patterns = changes @ self.units
        return np.stack(
            [
                side * guide_input.score(patterns, grey=grey)
                for guide_input, side in zip(inputs, self.sides, strict=True)
                for grey in self.greys
            ]
        )

    def _measure_kept_slopes(self, anchor: Face, chosen: NDArray[np.int64]) -> list[PatternInput]:
        """Measure scores and slopes of kept classifiers at the anchor; return their inputs there."""
        inputs = self._inputs(anchor, chosen, self.kept.classifiers)
        if inputs:
            patterns = self._probes(chosen) @ self.units
            scores = np.stack([kept_input.score(patterns, grey=False) for kept_input in inputs])
            self.kept.anchor(scores[:, 0], (scores[:, 1:] - scores[:, :1]) / SLOPE_STEP, chosen)
        return inputs

    def _find_step(
        self,
        inputs: list[PatternInput],
        kept_inputs: list[PatternInput],
        field: NDArray[np.float64],
        margins: NDArray[np.float64],
        number: int,
    ) -> tuple[NDArray[np.float64], float]:
        """Return the cheapest field tried that brings all views to the goal, else the best, and what it reaches.

        Parameters
        ----------
        field, margins
            The anchor's field, and the margins ``(views,)`` there.
        number
            Of the round.
        """
        shares = (0.0,) if not field.any() else FIELD_SHARES if self.best is None else FIELD_SHARES_SMALLER
        if number < 0:
            shares = shares[-1:]
        known = np.asarray(self.slopes.any(axis=0))
        metric, slopes = self.metric[np.ix_(known, known)], self.slopes[:, known]
        fields = np.empty((len(shares), len(self.lengths), len(field)))
        for row, share in enumerate(shares):
            start, moved = share * field, share * field - field
            step = np.zeros(len(field))
            step[known] = self.kept.solve_step(self.solver, metric, slopes, self._demands(margins, moved), known, moved)
            fields[row] = start + np.outer(self.lengths, step)
        tried = self._margins(inputs, fields.reshape(-1, len(field)) - field)
        worst = self._worst_view(tried.reshape(len(tried), *fields.shape[:2]))
        reaching = crossings(worst, fields, self.goal)
        if reaching:
            costs = self._costs(kept_inputs, reaching, field)
            return reaching[costs.index(min(costs))], self.goal
        if field.any():
            least = np.unravel_index(int(np.argmin(worst)), worst.shape)
            return fields[least], float(worst[least])
        moving = np.flatnonzero(self.lengths)
        original = margins.max() if len(moving) == len(self.lengths) else worst[0, 0]
        best = moving[self._efficient_length(worst[0, moving], fields[0, moving], original)]
        return fields[0, best], float(worst[0, best])

    def _efficient_length(self, margins: NDArray[np.float64], fields: NDArray[np.float64], original: float) -> int:
        """Return which of growing fields ``(lengths, units)`` a first step ends at: where it begins to gain less.

        Far from the start slopes say little. Where every length loses, it is the one that loses least.
        """
        rate = (original - margins) / np.array([self._size(field) for field in fields])
        efficient = rate >= EFFICIENCY * rate.max()
        return int(np.flatnonzero(efficient)[-1] if rate.max() > 0 else np.argmin(margins))

    # -- the stored file ----------------------------------------------------------------------------------------------

    def _score_file(
        self, field: NDArray[np.float64], *, until_it_fails: bool = False, record: bool = False
    ) -> FieldFile:
        """Render a field, and score the file and its versions with the face found again in each."""
        pixels = self._render(field)
        most = -self.plan.margin if until_it_fails else np.inf
        margins = self.guides.score_file(self.face, pixels, self.plan.versions, most=most)
        scores = margins.margins[0] * self.guides.sides
        if record:
            self.trajectory.append(float(scores[0]))
        return FieldFile(field, pixels, margins.face, scores, self._worst_of_file(margins))

    def _render(self, field: NDArray[np.float64]) -> Image:
        return self.cosines.apply(self.face.pixels, field @ self.units)

    def _strengthen(self, file: FieldFile) -> FieldFile:
        """Make a field stronger that nearly holds; a longer way is left to the next round."""
        gain = -float((self.slopes @ file.field).max())
        factor = 1 + (file.worst + self.plan.margin + STRETCH) / max(gain, 1e-9)
        return self._score_file(factor * file.field, record=True) if factor <= MOST_STRETCH else file

    def _weaken(self, file: FieldFile) -> FieldFile:
        """Make a field that holds as weak as it may be."""
        field, low, high = file.field, WEAKEST, 1.0
        for _ in range(LEARNT_HALVINGS if len(self.learnt) else HALVINGS):
            middle = (low + high) / 2
            weaker = self._score_file(middle * field, until_it_fails=True)
            if self._holds(weaker):
                high, file = middle, weaker
            else:
                low = middle
        self.trajectory[-1] = float(file.scores[0])
        return file


def crossings(margins: NDArray[np.float64], fields: NDArray[np.float64], goal: float) -> list[NDArray[np.float64]]:
    """Return, of each line of growing ``fields`` ``(lines, lengths, units)``, the field at which it reaches the goal.

    It lies between two lengths, where ``margins`` ``(lines, lengths)`` first cross the goal; a line that does not is
    left out.
    """
    reaching = []
    for line, line_fields in zip(margins, fields, strict=True):
        past = np.flatnonzero(line <= goal)
        if len(past) == 0:
            continue
        after = int(past[0])
        share = (line[after - 1] - goal) / (line[after - 1] - line[after]) if after > 0 else 1.0
        before = line_fields[max(after - 1, 0)]
        reaching.append(before + share * (line_fields[after] - before))
    return reaching


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
        self._effects = field.on_input(spec, self._needed)

    def score(self, changes: NDArray[np.float64], *, grey: bool) -> NDArray[np.float64]:
        """Score the anchor's image with fields ``(m, patterns)`` added, in greyscale if asked."""
        most = max(1, BATCH_VALUES // self._input.size)
        scores = []
        for start in range(0, len(changes), most):
            inputs = self._effects.add(changes[start : start + most, self._needed]) + self._input
            if grey:
                luma = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in inputs]
                inputs = np.repeat(np.stack(luma)[..., None], 3, axis=-1)
            scores.append(self._guide.score(inputs))
        return np.concatenate(scores)
