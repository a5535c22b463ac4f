"""Search the coefficients of a blend that flips all guides: gradients, line searches, floors, and when to stop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facepriv.errors import BadInputError
from facepriv.imaging.acquire import look_again
from facepriv.perturb.common.guides import FileMargins, Guides
from facepriv.perturb.common.least_change import least_change
from facepriv.perturb.descent.field_input import FieldInput
from facepriv.perturb.descent.floors import QualityFloor, SimilarityFloor, blended
from facepriv.perturb.descent.mesh_field import MeshField
from facepriv.perturb.descent.parameters import DescentParameters
from facepriv.types import Face, Stop

AHEAD = np.array([0.4, 0.6, 0.8, 1.0, 1.25, 1.6, 2.2, 3.0])
"""Multiples of the linear prediction tried in the first batch."""
ANYWHERE = np.array([0.05, 0.1, 0.2, 0.4, 0.7, 1.0, 1.6, 2.5])
"""The same for further steps, where the prediction has failed once."""
FURTHER = np.array([1.0, 1.08, 1.16, 1.25, 1.35, 1.5, 1.75, 2.0])
"""Multiples of the way gone, tried where the file did not keep the flip."""
CHECKS = 3
"""Most checks of the file along one direction."""
SHARES = np.arange(1, 8) / 8
"""Shares of the coefficients tried to be undone."""
LEAST_SHARE = 0.75
"""Share of the change down to which the last shrink goes: the line search has tried less."""
WEIGHTS = (1.0, 4.0, 16.0, 64.0)
"""Weights of the matchers' term, from the image's change alone counting to hardly counting."""
RETREATS = 8
"""Most measurements on the way back to a matcher's floor."""
LEAST_PROGRESS = 0.01
"""Share of the whole way below which a round at a floor counts as none."""


@dataclass(frozen=True, eq=False)
class GuideSlopes:
    """The guides' scores as linear functions: ``margins + slopes @ (a - at)``."""

    at: NDArray[np.float64]
    margins: NDArray[np.float64]
    slopes: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Trial:
    """A point of the search that was scored."""

    point: NDArray[np.float64]
    shortfall: float
    """How far the worst guide is from its goal, as a share of its whole way."""
    score: float
    """Of the first guide."""


class BlendSearch:
    """The state of one face's search; `point` is where it stands."""

    def __init__(
        self,
        face: Face,
        guides: Guides,
        field: MeshField,
        quality: QualityFloor,
        similarity: SimilarityFloor,
        options: DescentParameters,
    ) -> None:
        self._face, self._guides, self.field, self._options = face, guides, field, options
        self._quality, self._similarity = quality, similarity
        self._metric = field.gram()
        self._first: GuideSlopes | None = None
        self._last_slopes = np.zeros((len(guides.classifiers), field.size))
        self.point = np.zeros(field.size)
        self.trajectory = [guides.original_score]
        self.anchors: list[int] = []
        self._reset()

    def run(self) -> Stop:
        """Search, with the matchers' term if the plain search passes their floor; return why it ended."""
        if self.already_wrong():
            return "already-wrong"
        stop = self._search()
        if self._similarity_excess() <= 1:
            return stop
        image, matcher = self.field.gram(), self._similarity.metric(self._options.slope_step)
        for weight in WEIGHTS:
            self._metric = blended(image, matcher, weight)
            self._reset()
            stop = self._search()
            if self._similarity_excess() <= 1:
                return stop
        self._retreat()
        return "floor"

    def predict_size(self) -> float:
        """Return how large the whole change would be if the scores were linear; it takes one gradient."""
        goal_point = self._solve(self._slopes(self._options.slope_step), np.zeros(self.field.size), 0.0)
        return float(goal_point @ self._metric @ goal_point)

    def notes(self, stop: Stop) -> tuple[str, ...]:
        """Return sentences on how it was computed and why it ended."""
        notes = []
        if not all(view.linear for view in self._views):
            notes.append("The crop of a guide is no linear map of the image, so every trial image was cropped again.")
        if stop == "floor":
            notes.append("The floor set for image quality or similarity was reached before the flip; lower it to flip.")
        return tuple(notes)

    def _reset(self) -> None:
        self.point = np.zeros(self.field.size)
        del self.trajectory[1:], self.anchors[:]
        self._goals = np.full(len(self._guides.classifiers), -self._options.margin)
        self._anchor(self._face)
        self._at_floor = False

    def already_wrong(self) -> bool:
        """Return whether nothing needs to be done."""
        if (self._guides.original_margins >= -self._options.margin).any():
            return False
        return not self._options.versions or self._holds(self._score_file(self.point))

    # -- towards the flip -------------------------------------------------------------------------------------------

    def _search(self) -> Stop:
        options = self._options
        step, best, fresh = options.slope_step, np.inf, True
        for number in range(1, options.rounds + 1):
            last = number >= options.stages
            left = 0.0 if last else 1 - number / options.stages
            slopes = self._slopes(step)
            # The first directions minimise the whole change; once a prediction has failed, each minimises its step.
            start = np.zeros(self.field.size) if fresh else self.point
            goal_point = self._solve(slopes, start, left)
            self._at_floor = False
            way = goal_point - self.point
            trial = self._try([self.point + t * way for t in (AHEAD if fresh else ANYWHERE)], left)
            if not last:
                self._accept(trial)
                # Versions of the file are scored only where it may have flipped: they tell little half-way.
                file = self._guides.score_file(self._face, self.field.image(trial.point))
                if file.face is not None:
                    self._re_anchor(file)
                continue
            if trial.shortfall > 0:
                fresh = False
                gained = best - trial.shortfall
                if gained > 0:
                    best = trial.shortfall
                    self._accept(trial)
                else:
                    step /= 2
                if self._at_floor and gained < LEAST_PROGRESS:
                    return "floor"
                continue
            stop = self._confirm(self.point, trial)
            if stop is not None:
                return stop
            best, fresh = np.inf, False
        return "floor" if self._at_floor else "rounds"

    def _confirm(self, start: NDArray[np.float64], trial: Trial) -> Stop | None:
        """Score the file; where it has not flipped, re-anchor and go further the same way; None where that fails."""
        for _ in range(CHECKS):
            self._accept(trial)
            file = self._score_file(trial.point)
            if file.face is None:
                return "face-lost"
            self.trajectory[-1] = self._score_of(file)
            self._re_anchor(file)
            if self._holds(file):
                self._shrink()
                return "flipped"
            trial = self._try([start + t * (trial.point - start) for t in FURTHER])
            if trial.shortfall > 0:
                return None
        return None

    def _slopes(self, step: float) -> GuideSlopes:
        """Measure the gradient where the search stands; at the original only once."""
        original = not self.anchors and not self.point.any()
        if original and self._first is not None and step == self._options.slope_step:
            return self._first
        measured = [view.slopes(self.point, step) for view in self._views]
        sides = self._guides.sides
        margins = np.array([score for score, _ in measured]) * sides
        slopes = np.stack([slope for _, slope in measured]) * sides[:, None]
        for guide, margin, goal, row in zip(self._guides.classifiers, margins, self._goals, slopes, strict=True):
            if original and margin > goal and not row.any():
                raise BadInputError(
                    f"A guide whose score changes with the image was expected, but {guide.name} gives the same score "
                    "for every change that was tried; check its weights, or choose another guide.",
                    code="guide-constant",
                )
        guide_slopes = GuideSlopes(self.point, margins, slopes)
        if original:
            self._first = guide_slopes
        return guide_slopes

    def _solve(self, slopes: GuideSlopes, start: NDArray[np.float64], left: float) -> NDArray[np.float64]:
        """Find the point nearest to ``start`` at which linear guides would have the share ``left`` of their way to go.

        Coefficients that would pass the reach are held there, and the others make up for them.
        """
        reach = self._options.reach
        goals = self._goals + left * self._guides.scales
        free = np.ones(len(start), dtype=bool)
        moved = np.zeros(len(start))
        at_most = goals - slopes.margins + slopes.slopes @ (slopes.at - start)
        for _ in range(len(start)):
            held = slopes.slopes[:, ~free] @ moved[~free]
            part = np.flatnonzero(free)
            moved[part] = least_change(self._metric[np.ix_(part, part)], slopes.slopes[:, part], at_most - held)
            beyond = free & (np.abs(start + moved) > reach * (1 + 1e-9))
            moved = np.clip(start + moved, -reach, reach) - start
            free &= ~beyond
            if not beyond.any() or not free.any():
                break
        self._last_slopes = slopes.slopes
        return start + moved

    def _try(self, points: Sequence[NDArray[np.float64]], left: float = 0.0) -> Trial:
        """Score points in one batch; take the first that reaches the goals, else the best.

        With a share ``left``, take the one that comes nearest to it.
        """
        points = [self._limited(point) for point in points]
        margins = self._margins(points)
        shortfall = self._guides.shortfall(margins, self._goals)
        if left > 0:
            chosen = int(np.argmin(np.abs(shortfall - left)))
        else:
            chosen = int(np.argmax(shortfall <= 0)) if (shortfall <= 0).any() else int(np.argmin(shortfall))
        return Trial(points[chosen], float(shortfall[chosen]), float(margins[chosen, 0] * self._guides.sides[0]))

    # -- undoing what is not needed -----------------------------------------------------------------------------------

    def _shrink(self) -> None:
        """Undo what the flip does without: the coefficients that do least for their change, then a part of all."""
        low, high, undone = LEAST_SHARE, 1.0, self._find_undone()
        held = self.point
        if undone is not None and self._move_if_flipped(undone):
            held = undone
        for _ in range(self._options.shrinks):
            middle = (low + high) / 2
            if self._move_if_flipped(middle * held):
                high = middle
            else:
                low = middle

    def _find_undone(self) -> NDArray[np.float64] | None:
        """Return the point with the most coefficients undone that still has the flip under the last anchor, if any."""
        change = self.point * (self._metric @ self.point)
        gain = -(self._last_slopes / self._guides.scales[:, None]).sum(axis=0) * self.point
        order = np.argsort(gain / np.maximum(np.abs(change), 1e-12), kind="stable")
        points = [self.point.copy() for _ in SHARES]
        for point, share in zip(points, SHARES, strict=True):
            point[order[: int(share * len(order))]] = 0
        shortfall = self._guides.shortfall(self._margins(points), self._goals)
        holding = np.flatnonzero(shortfall <= 0)
        return points[int(holding[-1])] if len(holding) else None

    def _move_if_flipped(self, point: NDArray[np.float64]) -> bool:
        """Move to a point if the file keeps the flip there and no floor is passed."""
        if self._quality.within(point) is not point:
            return False
        file = self._score_file(point)
        if not self._holds(file):
            return False
        self._accept(Trial(point, 0.0, self._score_of(file)))
        return True

    # -- floors -------------------------------------------------------------------------------------------------------

    def _limited(self, point: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return a point limited to the reach and to the floor of image quality."""
        clipped = np.clip(point, -self._options.reach, self._options.reach)
        limited = self._quality.within(clipped)
        self._at_floor |= limited is not clipped
        return limited

    def _similarity_excess(self) -> float:
        if not self._similarity.active:
            return 0.0
        return self._similarity.excess(look_again(self._face, self.field.image(self.point)))

    def _retreat(self) -> None:
        """Go back towards the original until the matchers' floor holds."""
        for _ in range(RETREATS):
            excess = self._similarity_excess()
            if excess <= 1:
                return
            self.point = self.point * (0.99 / float(np.sqrt(excess)) if np.isfinite(excess) else 0.5)
        self.point = np.zeros(self.field.size)

    # -- scoring ------------------------------------------------------------------------------------------------------

    def _anchor(self, face: Face) -> None:
        self._views = [FieldInput(guide, face, self.field) for guide in self._guides.classifiers]

    def _re_anchor(self, file: FileMargins) -> None:
        """Make the crop again on the face found in the file, and aim past what versions of the file take back."""
        assert file.face is not None
        self._anchor(file.face)
        self.anchors.append(len(self.trajectory) - 1)
        worst = np.nan_to_num(file.margins, nan=-np.inf).max(axis=0)
        self._goals = -self._options.margin - np.maximum(worst - file.margins[0], 0)

    def _score_file(self, point: NDArray[np.float64]) -> FileMargins:
        return self._guides.score_file(self._face, self.field.image(point), self._options.versions)

    def _holds(self, file: FileMargins) -> bool:
        return bool((file.margins < -self._options.margin).all())

    def _score_of(self, file: FileMargins) -> float:
        """Return the first guide's score of the file itself."""
        return float(file.margins[0, 0] * self._guides.sides[0])

    def _margins(self, points: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        values = [self.field.values(point) for point in points]
        scores = np.stack([view.scores(values) for view in self._views], axis=-1)
        return scores * self._guides.sides

    def _accept(self, trial: Trial) -> None:
        self.point = trial.point
        self.trajectory.append(trial.score)
